"""What operators write about culling, and what users read of it."""

import pytest

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.models import CullPolicy
from jhub_gateway.policy.cull_policies import is_exempt, parse_cull_policy
from jhub_gateway.policy.cull_words import describe_cause, describe_duration, make_cull_reason
from jhub_gateway.policy.profiles import parse_profiles


def test_what_is_not_written_is_the_default():
    assert parse_cull_policy({}) == CullPolicy()
    assert parse_cull_policy({"idle_after": 7200}) == CullPolicy(idle_after=7200)


def test_a_profile_changes_the_hubs_policy():
    hub = parse_cull_policy({"idle_after": 7200, "max_age": None})
    (profile,) = parse_profiles(
        [{"slug": "a", "display_name": "A", "memory": "1G", "cull": {"max_age": 86400}}]
    )
    policy = parse_cull_policy(profile.cull, base=hub)
    assert policy == CullPolicy(idle_after=7200, max_age=86400)


@pytest.mark.parametrize("key", ["idle_after", "max_age", "busy_max"])
def test_nothing_is_without_end(key):
    assert getattr(parse_cull_policy({key: None}), key) is None


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"idle": 60}, "cull: unknown key 'idle'; the keys are busy_counts_as_active"),
        ({"idle_after": "2h"}, "cull: idle_after: '2h' must be a number of seconds"),
        ({"idle_after": 0}, "cull: idle_after: 0 must be"),
        ({"idle_after": True}, "cull: idle_after: True must be"),
        ({"max_age": float("nan")}, "cull: max_age: nan must be"),
        ({"max_age": float("inf")}, "cull: max_age: inf must be"),
        ({"warn_before": -1}, "cull: warn_before: -1 must be"),
        ({"warn_before": None}, "cull: warn_before: None must be"),
        ({"busy_counts_as_active": "no"}, "cull: busy_counts_as_active: 'no' must be"),
        ({"exempt_groups": "staff"}, "cull: exempt_groups: 'staff' must be a list"),
        ({"idle_after": 1800}, "warn_before (1800) is not less than idle_after (1800)"),
        ({"max_age": 600}, "warn_before (1800) is not less than max_age (600)"),
    ],
)
def test_a_wrong_setting_is_named(setting, said):
    with pytest.raises(ConfigurationError) as raised:
        parse_cull_policy(setting)
    assert said in str(raised.value)


def test_groups_are_compared_exactly():
    policy = parse_cull_policy({"exempt_groups": ["/x/staff"]})
    assert is_exempt(policy, {"/x/staff", "/y"})
    assert not is_exempt(policy, {"staff", "/x/Staff"})
    assert not is_exempt(parse_cull_policy({"exempt_groups": []}), {"/x/staff"})


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds"),
        (0.2, "1 second"),
        (1, "1 second"),
        (45, "45 seconds"),
        (60, "1 minute"),
        (90, "90 seconds"),
        (5400, "90 minutes"),
        (3600, "1 hour"),
        (10800, "3 hours"),
        (10790, "3 hours"),
        (86400, "1 day"),
        (129600, "36 hours"),
        (259200, "3 days"),
    ],
)
def test_lengths_of_time_are_told_in_whole_units(seconds, words):
    assert describe_duration(seconds) == words


def test_users_read_why():
    policy = CullPolicy(max_age=172800)
    assert describe_cause(policy, "idle") == "nobody has used it for 3 hours"
    assert describe_cause(policy, "age") == "it runs for at most 2 days"
    assert "a program counts as use for at most 3 days" in describe_cause(policy, "busy")
    reason = make_cull_reason(policy, "idle", "idle for 10801 s")
    assert reason.code == "culled-idle"
    assert reason.sentence.startswith("It was stopped because nobody had used it for 3 hours. ")
    assert "Your files are all there" in reason.sentence
    assert "it ran for at most 2 days" in make_cull_reason(policy, "age", "").sentence
