"""Servers that are taken away: the user is told why, and starts again with their home."""

import pytest

from tests.faults.site import FaultSite, wait_until
from tests.faults.wholeness import check_hub_is_whole

# Of the watch that sees it and the poll that looks at it.
SEEN_SECONDS = 30


@pytest.fixture
def lost(request, shared_site: FaultSite) -> str:
    """A user whose server runs and is about to be taken away, beside one who keeps theirs."""
    user = f"user-{request.node.name.removeprefix('test_').replace('_', '-')[:20]}"
    shared_site.add_users(user, f"user-beside-{user}")
    shared_site.start(user, f"user-beside-{user}")
    shared_site.read(user)
    return user


def test_deleted_by_hand(shared_site, lost):
    before = keep(shared_site, lost)
    shared_site.namespace.kubectl("delete", "pod", shared_site.find_pod(lost), "--wait=false")
    expect_end(shared_site, lost, "deleted")
    check_hub_is_whole(shared_site, before, starters=[lost])


def test_evicted(shared_site, lost):
    before = keep(shared_site, lost)
    evict(shared_site, shared_site.find_pod(lost))
    expect_end(shared_site, lost, "evicted")
    check_hub_is_whole(shared_site, before, starters=[lost])


def test_out_of_memory_later(shared_site, lost):
    before, held = keep(shared_site, lost), shared_site.read(lost)
    shared_site.ask_server(lost, "eat")
    # It is started again inside its pod, with the home, and without what was in its memory.
    wait_until(
        lambda: shared_site.ask_server(lost, "") == 200,
        "the server is back",
        60,
        shared_site.hub.tail,
    )
    assert shared_site.read(lost) != held
    assert shared_site.get_states()[lost] == "ready"
    wait_until(
        lambda: get_last_run(shared_site, lost) == "OOMKilled", "the kubelet says what happened", 20
    )
    check_hub_is_whole(shared_site, before, starters=[])
    shared_site.stop(lost)


def get_last_run(site: FaultSite, user: str) -> str:
    """Why the server's container ended before it was started again, if it was."""
    pod = site.namespace.get("pod", site.find_pod(user))
    (status,) = pod["status"]["containerStatuses"]
    return status["lastState"].get("terminated", {}).get("reason", "")


def keep(site: FaultSite, lost: str) -> dict[str, str]:
    """What all others hold in their memories."""
    return site.read_all(site.get_ready() - {lost})


def evict(site: FaultSite, pod: str) -> None:
    """Evict a pod as `kubectl drain` does."""
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": site.namespace.name},
    }
    path = f"/api/v1/namespaces/{site.namespace.name}/pods/{pod}/eviction"
    site.namespace.kubectl("create", "--raw", path, "-f", "-", manifest=eviction)


def expect_end(site: FaultSite, user: str, code: str) -> None:
    """Expect that the user is free to start again soon, and told why."""
    wait_until(
        lambda: user not in site.get_states(),
        f"{user} is told that the server has ended",
        SEEN_SECONDS,
        lambda: f"{site.get_states()}\n{site.hub.tail()}",
    )
    end = site.get_last_end(user)
    assert end["code"] == code, end
    assert end["sentence"] in site.open_page(user, "/hub/home")
