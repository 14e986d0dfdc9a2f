"""Two hubs in one namespace: by mistake with one name, or each with its own."""

import time

from tests.faults.wholeness import check_hub_is_whole

# Several rounds of the reconciler, and its grace period.
SETTLE_SECONDS = 12


def test_two_hubs_of_one_name_take_nothing_from_each_other(make_fault_site):
    first, second = make_fault_site(), make_fault_site()
    for site in (first, second):
        site.add_users("user-0", "user-1", "user-2", "user-3")
    first.start("user-0", "user-1")
    second.start("user-2")
    held, others = first.read_all(["user-0", "user-1"]), second.read_all(["user-2"])

    # The second knows nothing of this user's server at the first: it must not make way for it.
    answer = second.hub.api("POST", "/users/user-0/server")
    if answer.status_code in (201, 202):
        assert second.wait_for_failure("user-0")
    # A hub that was away may find the other one elected.
    first.crash_hub()
    time.sleep(SETTLE_SECONDS)
    first.hub.restart()

    check_hub_is_whole(first, held, starters=["user-3"], others=[second])
    check_hub_is_whole(second, others, starters=[], others=[first])


def test_hubs_with_names_of_their_own_never_meet(make_fault_site):
    first, second = (
        make_fault_site(
            f'\nc.KubeSpawner.pod_name_template = "{name}-{{user_server}}"\n', hub_name=name
        )
        for name in ("blue", "green")
    )
    for site in (first, second):
        site.add_users("user-0", "user-1")
        site.start("user-0")
    held = [site.read_all(["user-0"]) for site in (first, second)]
    first.crash_hub()
    time.sleep(SETTLE_SECONDS)
    first.hub.restart()
    for site, before in zip((first, second), held, strict=True):
        check_hub_is_whole(site, before)
