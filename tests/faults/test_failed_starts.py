"""Starts that can't succeed: each fails at once, with a sentence, and leaves nothing behind."""

import html
import re
import time

import pytest

from jhub_gateway.policy.answer_reasons import find_answer_reason
from tests.faults.site import FaultSite, wait_until
from tests.faults.wholeness import check_hub_is_whole, find_orphans

# Far from the time-outs, which are 180 s.
AT_ONCE = 45
# More than the hub lets fail in a row before it stops: Zero to JupyterHub's limit, too.
MANY = 7

FAILURES = {
    "missing": "image",
    "denied": "image",
    "hungry": "memory",
    "crashing": "ended",
}


@pytest.mark.parametrize("kind", FAILURES)
def test_it_fails_at_once_with_its_reason(shared_site: FaultSite, kind: str):
    user = f"{kind}-0"
    shared_site.add_users(user)
    made_before = find_made(shared_site)
    began = time.monotonic()
    sentence = fail(shared_site, user)
    assert time.monotonic() - began < AT_ONCE
    assert FAILURES[kind] in sentence
    page = html.unescape(shared_site.open_page(user, f"/hub/spawn-pending/{user}"))
    assert sentence.removeprefix("Spawn failed: ").partition("\n")[0] in page
    check_hub_is_whole(shared_site, {}, starters=[])
    made = find_made(shared_site) - made_before
    assert len(made) == 1
    assert not made & find_uids(shared_site)


def test_what_a_server_wrote_at_its_end_is_shown_without_secrets(shared_site: FaultSite):
    shared_site.add_users("crashing-1")
    fail(shared_site, "crashing-1")
    page = html.unescape(shared_site.open_page("crashing-1", "/hub/spawn-pending/crashing-1"))
    assert "No module named 'gateway_tools'" in page
    assert "token=" in page
    for text in (page, shared_site.hub.log):
        assert not find_tokens(text), text[-2000:]


def test_a_full_namespace_refuses_at_once_and_stops_no_hub(shared_site: FaultSite):
    shared_site.add_users("user-in", *(f"user-out-{number}" for number in range(MANY)))
    shared_site.start("user-in")
    before = shared_site.read_all(["user-in"])
    space = shared_site.namespace
    space.kubectl("create", "quota", "full", f"--hard=pods={len(space.get('pods')['items'])}")
    wait_until(lambda: space.get("quota", "full").get("status", {}).get("used"), "it counts", 30)
    exceeded = find_answer_reason(403, "pods is forbidden: exceeded quota: full, requested: pods=1")
    try:
        for number in range(MANY):
            began = time.monotonic()
            assert exceeded.sentence in fail(shared_site, f"user-out-{number}")
            assert time.monotonic() - began < AT_ONCE
    finally:
        space.kubectl("delete", "quota", "full")
    assert shared_site.hub.process.poll() is None
    check_hub_is_whole(shared_site, before, starters=["user-out-0", "user-out-1"])


def test_a_slow_image_is_waited_for_and_given_up_by_the_user(shared_site: FaultSite):
    shared_site.add_users("slow-0")
    shared_site.ask_later("POST", "slow-0")
    wait_until(lambda: "slow-0" in shared_site.get_states(), "the start has begun", 10)
    messages = (event["message"] for event in shared_site.follow_start("slow-0"))
    assert next(message for message in messages if "image" in message)
    (uid,) = find_uids(shared_site, "slow-0")
    # Who gives up finds nothing left.
    shared_site.stop("slow-0")
    wait_until(lambda: not find_orphans(shared_site), "its pod is gone", 30)
    assert uid not in find_uids(shared_site)


def fail(site: FaultSite, user: str) -> str:
    """Ask for a server that can't start; return the sentence with which it fails."""
    answer = site.hub.api("POST", f"/users/{user}/server")
    if answer.status_code in (201, 202):
        return site.wait_for_failure(user)
    return answer.json()["message"]


def find_made(site: FaultSite) -> set[str]:
    """The UIDs of all pods that the hub has made, by its log."""
    return set(re.findall(r"is made: UID (\S+)", site.hub.log))


def find_uids(site: FaultSite, *users: str) -> set[str]:
    """The UIDs of the pods that are there: of all, or of these users."""
    found = [pod["metadata"] for pod in site.namespace.pods()]
    owners = {pod["uid"]: pod["annotations"]["hub.jupyter.org/username"] for pod in found}
    return {uid for uid, owner in owners.items() if owner in users or not users}


def find_tokens(text: str) -> list[str]:
    """Values of `token=` that are shown as they are."""
    return re.findall(r"token=([0-9a-f]{16,})", text)
