"""The hub is killed at any moment, and comes back to what it had."""

import random
import threading
import time

from tests.faults.kernels import start_kernel
from tests.faults.site import FaultSite
from tests.faults.wholeness import check_hub_is_whole

OPERATIONS = 50
KILLS = 4


def test_killed_at_random_moments_during_starts_and_stops(site, chance):
    kept, busy = ["user-kept-0", "user-kept-1"], [f"user-{number}" for number in range(20)]
    site.add_users("lab-0", *kept, *busy)
    site.start("lab-0", *kept, profile="large")
    kernel = start_kernel(f"{site.hub.url}/user/lab-0", site.tokens["lab-0"])
    kernel.run("x = 42")
    before = site.read_all(kept)

    worker = threading.Thread(target=start_and_stop, args=(site, busy, chance))
    worker.start()
    for _ in range(KILLS):
        time.sleep(chance.uniform(1, 6))
        site.crash_hub()
        # What runs is reached while there is no hub.
        assert site.read_all(before) == before
        assert kernel.run("print(x)") == "42"
        site.hub.restart()
    worker.join()

    check_hub_is_whole(site, before)
    assert kernel.run("print(x)") == "42"


def start_and_stop(site: FaultSite, users: list[str], chance: random.Random) -> None:
    """Ask OPERATIONS times for starts and stops; what the hub didn't hear of is asked again."""
    is_on = dict.fromkeys(users, False)
    for _ in range(OPERATIONS):
        user = chance.choice(users)
        method = "DELETE" if is_on[user] else "POST"
        while site.ask(method, user) == 0:
            time.sleep(0.2)
        is_on[user] = not is_on[user]
        time.sleep(chance.uniform(0, 0.6))
