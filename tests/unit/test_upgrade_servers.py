"""What an upgrade says of the servers that ran before it."""

from jhub_gateway.upgrade.look import HubLook
from jhub_gateway.upgrade.models import Release, UserPod
from jhub_gateway.upgrade.steps import describe_servers, find_lost_servers

ADA, GRACE = UserPod("jupyter-ada", "1"), UserPod("jupyter-grace", "2")
RELEASE = Release("0.2.0", "5.5.0", 2, ())


def look(*listed: str) -> HubLook:
    return HubLook(RELEASE, "", frozenset(listed))


def test_a_server_that_runs_and_is_not_listed_is_lost():
    lost = find_lost_servers([ADA, GRACE], [ADA, GRACE], look("jupyter-ada"))
    assert "does not list 1 server of those that run: jupyter-grace" in lost


def test_a_server_whose_user_ended_it_is_told_and_is_no_fault():
    assert find_lost_servers([ADA, GRACE], [ADA], look("jupyter-ada")) == ""
    said = describe_servers([ADA, GRACE], [ADA])
    assert said.startswith("has 1 server from before; 1 server ended since the hub was stopped")
    assert "jupyter-grace" in said


def test_a_server_of_the_same_name_is_another_one():
    again = UserPod("jupyter-grace", "3")
    assert "1 server ended" in describe_servers([GRACE], [again])


def test_servers_that_all_go_on_are_counted():
    assert describe_servers([ADA, GRACE], [GRACE, ADA]) == "has 2 servers from before"
