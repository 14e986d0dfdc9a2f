"""What must hold after every fault, whatever it was."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from tests.faults.site import FaultSite, wait_until

# A start that is under way may go on to its time-out.
IDLE_SECONDS = 120
# What a killed hub has left is known for such after the reconciler's grace period.
ORPHAN_SECONDS = 60
HUB_LABEL = "jhub-gateway/hub"
# Of a pod, and of a Secret.
USERNAMES = ("hub.jupyter.org/username", "jhub-gateway/username")


def check_hub_is_whole(
    site: FaultSite,
    before: Mapping[str, str],
    *,
    starters: Iterable[str] | None = None,
    others: Sequence[FaultSite] = (),
) -> None:
    """Check that nobody waits for ever, nothing is left over, and nobody has lost anything.

    `before` is what small servers held in their memories before the fault: all are to run with
    it. `starters` must be able to start again: by default everybody whose server doesn't run.
    `others` are hubs of the same name, whose servers are no orphans.
    """
    wait_until(
        lambda: set(site.get_states().values()) <= {"ready"},
        "no start or stop is pending",
        IDLE_SECONDS,
        lambda: f"{site.get_states()}\n{site.hub.tail()}",
    )
    wait_until(
        lambda: not find_orphans(site, *others),
        "each pod and Secret belongs to a user whose server runs, and each has one",
        ORPHAN_SECONDS,
        lambda: f"{find_orphans(site, *others)}\n{site.hub.tail()}",
    )
    assert before.items() <= site.read_all(before).items()
    running = site.get_ready()
    site.read_all(name for name in running if is_small(name))
    stopped = sorted(set(site.tokens) - running) if starters is None else list(starters)
    site.start(*stopped)
    # Compares their homes with those of before.
    site.read_all(stopped)
    # A start that is over leaves no trace either.
    assert find_orphans(site, *others) == []


def find_orphans(site: FaultSite, *others: FaultSite) -> list[str]:
    """What bears this hub's name and is no running server's, and running servers without a pod."""
    selector = ("-l", f"{HUB_LABEL}={site.hub_name}", "-o", "json")
    ready = site.get_ready().union(*(other.get_ready() for other in others))
    pods = _read(site.namespace.kubectl("get", "pods", *selector))
    kept = Counter(owner for owner, _ in pods)
    secrets = _read(site.namespace.kubectl("get", "secrets", *selector))
    left = [
        f"{kind} {name}"
        for kind, found in (("pod", pods), ("Secret", secrets))
        for owner, name in found
        if owner not in ready
    ]
    return left + [f"{kept[user]} pods of {user}" for user in sorted(ready) if kept[user] != 1]


def is_small(user: str) -> bool:
    """Whether the user's server is a small one."""
    return not user.startswith("lab-")


def _read(text: str) -> list[tuple[str, str]]:
    """The owner and the name of each object of a list."""
    found = [each["metadata"] for each in json.loads(text)["items"]]
    return [(_find_owner(one.get("annotations") or {}), one["name"]) for one in found]


def _find_owner(annotations: Mapping[str, str]) -> str:
    return next((annotations[name] for name in USERNAMES if name in annotations), "")
