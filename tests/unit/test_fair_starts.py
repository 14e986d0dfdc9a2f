"""What a start may have while hours of memory are used up, and what its page says."""

from types import SimpleNamespace

import pytest
from prometheus_client import REGISTRY
from tornado import web

from jhub_gateway.memory_ledger import MemoryRun
from jhub_gateway.models import Owner
from tests.unit.local.servers import make_spawner

GIB = 1024**3
PROFILES = [
    {"slug": "large", "display_name": "Large", "memory": "8G", "default": True},
    {"slug": "medium", "display_name": "Medium", "memory": "2G"},
    {"slug": "small", "display_name": "Small", "memory": "1G"},
]
COURSE = {"group": "course", "hours": 10, "days": 7}
LAB = {"group": "lab", "hours": 10, "days": 7}


def make(tmp_path, *groups: str, asked: str = "", **traits):
    """Return a spawner of ada's, and what her request asks for."""
    spawner = make_spawner(tmp_path / "data", group_memory_hours=[COURSE, LAB], **traits)
    spawner.memory_profiles = PROFILES
    spawner.user.groups = [SimpleNamespace(name=group) for group in groups]
    spawner.user_options = {"profile": asked} if asked else {}
    return spawner


def use(ledger, account: str, hours: float, **more) -> None:
    """Have a server of 1 GiB used so many hours, until now."""
    values = {"username": "ada", "owner": "ada", "profile": "small", "memory": GIB} | more
    run = MemoryRun(f"{len(list(ledger.read_sessions(0))):016x}", account, **values)
    offset = ledger.clock._offset
    ledger.clock._offset = offset - hours * 3600
    ledger.begin(run)
    ledger.clock._offset = offset
    ledger.end(run)


def count_refusals(reason: str) -> float:
    return REGISTRY.get_sample_value("jhub_gateway_start_refusals_total", {"reason": reason}) or 0


def test_with_hours_left_all_sizes_are_there(tmp_path, ledger) -> None:
    use(ledger, "group:course", 9)
    spawner = make(tmp_path, "course", asked="medium")
    assert [one["slug"] for one in spawner.make_profile_list()] == ["large", "medium", "small"]
    assert spawner.choose_profile().slug == "medium"
    assert spawner._account == "group:course"
    assert spawner.make_form_views()["budget"].left == pytest.approx(1, abs=0.01)


def test_without_them_another_size_is_refused_and_counted_and_the_smallest_is_not(
    tmp_path, ledger
) -> None:
    use(ledger, "group:course", 11)
    before = count_refusals("budget")
    with pytest.raises(web.HTTPError) as raised:
        make(tmp_path, "course", asked="large").choose_profile()
    assert raised.value.status_code == 403
    assert "The 10 GB-hours of memory that the group 'course' has in 7 days are used up. " in (
        raised.value.log_message
    )
    assert count_refusals("budget") == before + 1
    smallest = make(tmp_path, "course", asked="small")
    assert smallest.choose_profile().slug == "small"
    assert [one["default"] for one in smallest.make_profile_list()] == [True]


def test_a_size_of_an_earlier_start_is_no_request(tmp_path, ledger) -> None:
    use(ledger, "group:course", 11)
    spawner = make(tmp_path, "course", asked="large")
    spawner.handler = SimpleNamespace(request=SimpleNamespace(body=b"", arguments={}), settings={})
    assert spawner.choose_profile().slug == "small"
    assert make(tmp_path, "course").choose_profile().slug == "small"


def test_the_next_group_pays_and_then_the_one_that_gets_hours_first(tmp_path, ledger) -> None:
    use(ledger, "group:course", 11)
    spawner = make(tmp_path, "course", "lab", asked="large")
    assert spawner.choose_profile().slug == "large"
    assert spawner._account == "group:lab"
    use(ledger, "group:lab", 40)
    with pytest.raises(web.HTTPError, match="the group 'course' has"):
        make(tmp_path, "course", "lab", asked="large").choose_profile()


def test_a_users_own_hours_are_nobody_elses(tmp_path, ledger) -> None:
    budgets = {"group_memory_hours": [{"hours": 5}]}
    use(ledger, "user:bob", 100, username="bob")
    spawner = make(tmp_path, asked="large")
    spawner.group_memory_hours = budgets["group_memory_hours"]
    assert spawner.choose_profile().slug == "large"
    use(ledger, "user:ada", 6)
    with pytest.raises(web.HTTPError, match="that you have in 30 days are used up"):
        spawner.choose_profile()


@pytest.mark.parametrize("is_used_up", [False, True])
async def test_the_page_says_it(tmp_path, ledger, is_used_up) -> None:
    use(ledger, "group:course", 11 if is_used_up else 2.5)
    page = await make(tmp_path, "course").render_form()
    assert ("The hours of memory of course are used up." in page) == is_used_up
    assert ("11 of 10 GB-hours" if is_used_up else "2.5 of 10 GB-hours") in " ".join(page.split())
    assert page.count('type="radio"') == (1 if is_used_up else 3)


async def test_the_page_of_who_has_no_budget_says_nothing(tmp_path, ledger) -> None:
    assert "GB-hours" not in await make(tmp_path).render_form()


@pytest.mark.parametrize(
    ("peak", "limit", "said"),
    [
        (1, "", "You used at most 1 GB of 2 GB"),
        (2, "", "Each of your last 3 sessions came to its limit of 2 GB"),
        # What the user may not have is not named.
        (2, "4G", None),
        (1.92, "", "or close to it"),
        (1.5, "", None),
    ],
)
async def test_the_page_says_what_fits_better(tmp_path, ledger, peak, limit, said) -> None:
    spawner = make(tmp_path, max_memory_per_user=limit)
    home = spawner.home_directory
    profiles = [{**PROFILES[2], "memory": "1280M"}, *PROFILES[:2]]
    spawner.memory_profiles = profiles
    for number in range(3):
        run = MemoryRun(f"r{number}", "", "ada", home, "medium", 2 * GIB)
        ledger.begin(run)
        ledger.note_peak(run.run_id, int(peak * GIB))
        ledger._db.connection().exec_driver_sql("UPDATE jhub_gateway_memory SET until = until + 1")
    page = " ".join((await spawner.render_form()).split())
    if said is None:
        assert "gateway-feedback" not in page
    else:
        assert said in page
    spawner._owner = Owner("bob", "https://p.example.org", "2")
    spawner._home_name = spawner.home_directory
    assert "feedback" not in spawner.make_form_views()
