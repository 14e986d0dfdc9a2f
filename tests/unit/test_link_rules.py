"""Which links a hub opens, and in which size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jhub_gateway.errors import ConfigurationError, LinkRefused, ProfileNotAllowed
from jhub_gateway.models import Dataset, GroupFolder, Link, LinkGateway
from jhub_gateway.policy.link_plans import check_place, find_dataset, plan_link
from jhub_gateway.policy.link_rules import (
    check_keys,
    check_unsigned,
    is_match,
    parse_link_gateways,
    parse_unsigned_links,
)
from jhub_gateway.policy.profiles import parse_profiles

GIB = 1024**3
MEMBERS = frozenset({"large-memory"})
PROFILES = parse_profiles(
    [
        {"slug": "large", "display_name": "Large", "memory": "8G", "allowed_groups": [*MEMBERS]},
        {"slug": "small", "display_name": "Small", "memory": "1G"},
        {"slug": "medium", "display_name": "Medium", "memory": "2G", "default": True},
    ]
)
GATEWAY = LinkGateway("g", "G", "/keys")


def plan(size: int | None, groups=frozenset(), slug: str = "", factor: float = 2):
    dataset = Dataset("climate", size=size)
    return plan_link(
        Link("x.ipynb", dataset="climate", profile=slug), PROFILES, groups, dataset, factor
    )


@pytest.mark.parametrize(
    ("size", "groups", "slug"),
    [
        (0, (), "small"),
        (GIB // 2, (), "small"),
        (GIB // 2 + 1, (), "medium"),
        (GIB, (), "medium"),
        (GIB + 1, MEMBERS, "large"),
        (4 * GIB, MEMBERS, "large"),
        # Not known: the user's default.
        (None, MEMBERS, "medium"),
    ],
)
def test_the_smallest_size_that_holds_the_data_twice(size, groups, slug):
    found = plan(size, groups)
    assert (found.profile.slug, found.is_tight) == (slug, False)


@given(st.integers(0, 10 * GIB), st.sampled_from([frozenset(), MEMBERS]), st.floats(0.1, 10))
def test_no_size_is_anybody_elses_or_too_small_without_a_word(size, groups, factor):
    try:
        found = plan(size, groups, factor=factor)
    except LinkRefused:
        # Somebody has one that holds it.
        assert not groups
        assert 8 * GIB >= factor * size > 2 * GIB
        return
    assert found.profile.allowed_groups is None or groups
    assert found.is_tight == (found.profile.memory < factor * size)


def test_data_that_others_sizes_hold_are_refused():
    with pytest.raises(LinkRefused, match="climate of this link takes 2 GB, and none of the"):
        plan(2 * GIB)


def test_data_that_no_size_holds_open_in_the_largest():
    assert plan(100 * GIB).profile.slug == "medium"
    assert plan(100 * GIB, MEMBERS).profile.slug == "large"
    assert plan(100 * GIB).is_tight


def test_a_named_size_goes_before_the_data_and_is_the_users():
    assert plan(100 * GIB, slug="small").profile.slug == "small"
    with pytest.raises(ProfileNotAllowed):
        plan(1, slug="large")


def test_a_hub_without_sizes_has_none_to_ask_for():
    assert plan_link(Link("x.ipynb"), (), (), None, 2).profile is None
    with pytest.raises(ProfileNotAllowed):
        plan_link(Link("x.ipynb", profile="small"), (), (), None, 2)


def test_data_of_others_and_data_that_are_not_there_are_told_alike():
    sentences = set()
    for datasets in ([], [Dataset("other")]):
        with pytest.raises(LinkRefused) as caught:
            find_dataset(Link("x.ipynb", dataset="climate"), datasets)
        sentences.add(str(caught.value))
    assert len(sentences) == 1
    assert find_dataset(Link("x.ipynb"), []) is None


def test_a_notebook_in_the_gateways_data_is_of_what_the_user_has():
    datasets, folders = [Dataset("climate")], [GroupFolder("/g", "team")]
    for place in ("work", "gateway/datasets/climate", "gateway/groups/team"):
        check_place(Link(f"{place}/x.ipynb"), datasets, folders)
    for place in ("gateway/datasets/team", "gateway/groups/climate", "gateway/usage/x"):
        with pytest.raises(LinkRefused, match=f"in {place}"):
            check_place(Link(f"{place}/x.ipynb"), datasets, folders)


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("tutorials/*.ipynb", "tutorials/a.ipynb", True),
        ("tutorials/*.ipynb", "tutorials/a/b.ipynb", False),
        ("tutorials/*/*.ipynb", "tutorials/a/b.ipynb", True),
        ("tutorials/0?-*.ipynb", "tutorials/01-a.ipynb", True),
        ("Tutorials/*.ipynb", "tutorials/a.ipynb", False),
        ("*.ipynb", "private/a.ipynb", False),
    ],
)
def test_a_pattern_matches_name_by_name(pattern, path, matches):
    assert is_match(pattern, path) is matches


def test_an_unsigned_link_has_no_more_than_one_entry_allows():
    rules = parse_unsigned_links(
        [
            {"notebook": "a/*.ipynb", "datasets": ["open"]},
            {"notebook": "b/*.ipynb", "parameters": ["run", "sample"]},
        ]
    )
    check_unsigned(Link("a/x.ipynb", dataset="open"), rules)
    check_unsigned(Link("b/x.ipynb", run="7", parameters={"sample": "s"}, profile="p"), rules)
    for link in (
        Link("c/x.ipynb"),
        Link("a/x.ipynb", dataset="other"),
        Link("a/x.ipynb", run="7"),
        Link("b/x.ipynb", dataset="open"),
        Link("b/x.ipynb", parameters={"other": "s"}),
    ):
        with pytest.raises(LinkRefused, match="signed"):
            check_unsigned(link, rules)


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({}, "has no 'notebook'"),
        ({"notebook": "/home/*.ipynb"}, "below the home"),
        ({"notebook": "tutorials/*"}, "does not end in .ipynb"),
        ({"notebook": "a.ipynb", "datasets": "open"}, "must be a list"),
        ({"notebook": "a.ipynb", "parameters": ["a b"]}, "other characters"),
        ({"notebook": "a.ipynb", "dataset": "open"}, "did you mean 'datasets'"),
    ],
)
def test_a_wrong_entry_is_told_with_its_key(entry, problem):
    with pytest.raises(ConfigurationError, match=problem):
        parse_unsigned_links([entry])


def test_a_gateway_is_named_once():
    entry = {"issuer": "https://g", "name": "G", "key_directory": "/keys"}
    assert parse_link_gateways([entry]) == (LinkGateway("https://g", "G", "/keys"),)
    with pytest.raises(ConfigurationError, match="another gateway has it already"):
        parse_link_gateways([entry, entry | {"name": "H"}])
    with pytest.raises(ConfigurationError, match="can't be seen"):
        parse_link_gateways([entry | {"name": "G\u202e"}])


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({}, "has no file"),
        ({"1": b"short"}, "the key '1' has 5 bytes, and 32 are the fewest"),
        ({"1": b"0123456789abcdef" * 2, "2": b"x" * 40}, "the key '2' repeats the same few"),
    ],
)
def test_a_key_that_can_be_guessed_is_no_key(keys, problem):
    with pytest.raises(ConfigurationError, match=problem) as caught:
        check_keys(GATEWAY, keys)
    assert not any(key.decode() in str(caught.value) for key in keys.values())
