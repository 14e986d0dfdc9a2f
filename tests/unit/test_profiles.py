import pytest
from hypothesis import given
from hypothesis import strategies as st

from jhub_gateway.errors import ConfigurationError, ProfileNotAllowed
from jhub_gateway.policy.profiles import (
    allowed_profiles,
    choose_profile,
    make_override,
    parse_profiles,
)

GIB = 1024**3
SMALL = {"slug": "small", "display_name": "Small", "memory": "2G"}
LARGE = {
    "slug": "large",
    "display_name": "Large",
    "memory": "16G",
    "allowed_groups": ["/gateway/large-memory"],
}


def test_a_guarantee_is_the_limit_unless_given():
    profile, loose = parse_profiles([SMALL, {**LARGE, "memory_guarantee": "4G"}])
    assert (profile.memory, profile.memory_guarantee) == (2 * GIB, 2 * GIB)
    assert (loose.memory, loose.memory_guarantee) == (16 * GIB, 4 * GIB)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"memory": "lots"}, "'small': memory: 'lots'"),
        ({"memory": "0"}, "'small': memory"),
        ({"memroy": "2G"}, "'small' has the unknown key 'memroy'"),
        ({7: "2G"}, "'small' has the unknown key 7"),
        ({"memory_guarantee": "4G"}, "'small': memory_guarantee (4294967296) is over"),
        ({"cpu": 1, "cpu_guarantee": 2}, "'small': cpu_guarantee (2.0) is over the limit cpu"),
        ({"cpu": "many"}, "'small': cpu: 'many'"),
        ({"cpu": float("nan")}, "'small': cpu"),
        ({"cpu": True}, "'small': cpu"),
        ({"slug": "Small one"}, "slug: 'Small one'"),
        ({"slug": None}, "slug: None"),
        ({"display_name": " "}, "'small': display_name"),
        ({"allowed_groups": []}, "'small': allowed_groups"),
        ({"allowed_groups": "staff"}, "'small': allowed_groups: 'staff' must be a list"),
        ({"node_selector": {"gpu": True}}, "'small': node_selector"),
        ({"tolerations": {"key": "gpu"}}, "'small': tolerations"),
        ({"extra_resource_limits": {"nvidia.com/gpu": 0}}, "'small': extra_resource_limits"),
        ({"extra_resource_limits": {"nvidia.com/gpu": True}}, "'small': extra_resource_limits"),
        ({"extra_resource_limits": {7: 1}}, "'small': extra_resource_limits"),
        ({"extra_resource_limits": "nvidia.com/gpu"}, "'small': extra_resource_limits"),
        ({"image": 3}, "'small': image"),
        ({"default": "false"}, "'small': default: 'false' must be true or false"),
    ],
)
def test_a_wrong_entry_is_named(change, said):
    with pytest.raises(ConfigurationError) as raised:
        parse_profiles([{**SMALL, **change}])
    assert said in str(raised.value)


@pytest.mark.parametrize("missing", ["slug", "display_name", "memory"])
def test_a_missing_key_is_named(missing):
    entry = {key: value for key, value in SMALL.items() if key != missing}
    with pytest.raises(ConfigurationError, match=f"has no '{missing}'"):
        parse_profiles([entry])


def test_two_defaults_and_a_slug_twice_are_refused():
    with pytest.raises(ConfigurationError, match=r"'small' and 'large': default"):
        parse_profiles([{**SMALL, "default": True}, {**LARGE, "default": True}])
    with pytest.raises(ConfigurationError, match=r"'small': slug: another"):
        parse_profiles([SMALL, SMALL])
    with pytest.raises(ConfigurationError, match="entry 1 is 'small'"):
        parse_profiles(["small"])


@given(st.lists(st.dictionaries(st.text(), st.none() | st.integers() | st.text()), max_size=3))
def test_any_rubbish_is_a_sentence_and_never_a_crash(entries):
    if entries:
        with pytest.raises(ConfigurationError, match=r"^memory_profiles: "):
            parse_profiles(entries)
    else:
        assert parse_profiles(entries) == ()


groups = st.sets(st.sampled_from(["a", "b", "A", "/x/admin", "admin"]), max_size=3)
catalogues = st.lists(st.none() | groups.filter(bool), min_size=1, max_size=5).map(
    lambda allowed: parse_profiles(
        {
            "slug": f"p{place}",
            "display_name": f"P{place}",
            "memory": "1G",
            **({"allowed_groups": sorted(who)} if who else {}),
        }
        for place, who in enumerate(allowed)
    )
)


@given(catalogues, groups, st.none() | st.sampled_from(["p0", "p1", "p4", "", "P0", 0, ["p0"]]))
def test_a_choice_is_always_one_that_the_groups_allow(profiles, mine, slug):
    try:
        chosen = choose_profile(profiles, mine, slug)
    except ProfileNotAllowed:
        assert slug not in [profile.slug for profile in allowed_profiles(profiles, mine)]
    else:
        assert chosen.allowed_groups is None or chosen.allowed_groups & mine
        assert not slug or chosen.slug == slug


def test_a_start_that_names_no_profile_gets_the_default_that_the_user_may_have():
    profiles = parse_profiles([SMALL, {**LARGE, "default": True}])
    assert choose_profile(profiles, ["/gateway/large-memory"]).slug == "large"
    assert choose_profile(profiles, ["large-memory"]).slug == "small"


def test_a_forbidden_and_an_unknown_profile_are_refused_in_the_same_words():
    profiles = parse_profiles([SMALL, LARGE])
    sentences = set()
    for slug in ("large", "nothing"):
        with pytest.raises(ProfileNotAllowed) as raised:
            choose_profile(profiles, [], slug)
        sentences.add(str(raised.value))
    assert sentences == {
        "The server size that was asked for is not open to you. Choose one of these: Small."
    }


def test_somebody_without_any_profile_is_told_whom_to_ask():
    with pytest.raises(ProfileNotAllowed, match="Ask the gateway's support"):
        choose_profile(parse_profiles([LARGE]), [])


def test_an_override_holds_only_what_the_profile_says():
    gpu = {"extra_resource_limits": {"nvidia.com/gpu": 1}}
    profiles = parse_profiles(
        [SMALL, {**LARGE, "cpu": "500m", "node_selector": {"pool": "big"}, **gpu}]
    )
    assert make_override(profiles[0]) == {"mem_limit": 2 * GIB, "mem_guarantee": 2 * GIB}
    assert make_override(profiles[1]) == {
        "mem_limit": 16 * GIB,
        "mem_guarantee": 16 * GIB,
        "cpu_limit": 0.5,
        "node_selector": {"pool": "big"},
        "extra_resource_limits": {"nvidia.com/gpu": "1"},
    }
