"""Hubs in one namespace: two by mistake with one name, and a third with its own."""

import time

from tests.faults.wholeness import check_hub_is_whole

# Several rounds of the reconciler, its grace period, and the end of a Lease.
SETTLE_SECONDS = 12
OWN_PODS = """
c.KubeSpawner.pod_name_template = "third-{user_server}"
"""


def test_hubs_of_one_namespace_take_nothing_from_each_other(make_fault_site):
    first, second = make_fault_site(), make_fault_site()
    third = make_fault_site(OWN_PODS, hub_name="third")
    sites = (first, second, third)
    for site in sites:
        site.add_users("user-0", "user-1", "user-2")
    for site, user in zip(sites, ("user-0", "user-1", "user-0"), strict=True):
        site.ask_later("POST", user)
    first.start("user-2")
    for site, user in zip(sites, ("user-0", "user-1", "user-0"), strict=True):
        site.wait_for(user)
    held = [site.read_all(site.get_ready()) for site in sites]

    # The second knows nothing of this user's server at the first: it must not make way for it.
    answer = second.hub.api("POST", "/users/user-0/server")
    if answer.status_code in (201, 202):
        assert second.wait_for_failure("user-0")
    # Who was away may find another hub elected.
    first.crash_hub()
    time.sleep(SETTLE_SECONDS)
    first.hub.restart()

    check_hub_is_whole(first, held[0], starters=[], others=[second])
    check_hub_is_whole(second, held[1], starters=[], others=[first])
    check_hub_is_whole(third, held[2], starters=["user-1"])
    second.stop("user-1")
    first.start("user-1")
