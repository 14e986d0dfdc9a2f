"""Which tutorials homes get, from where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.policy.tutorials import list_pulls, list_releases, parse_tutorials

GIT = {"name": "maps", "git": "https://host.example/maps.git"}


def test_one_is_copied_and_the_other_is_pulled():
    tutorials = parse_tutorials([{"name": "genes-1"}, GIT, {**GIT, "name": "m", "branch": "v2"}])
    assert list_releases(tutorials) == ["genes-1"]
    assert list_pulls(tutorials) == [
        {"url": GIT["git"], "branch": None, "directory": "tutorials/maps"},
        {"url": GIT["git"], "branch": "v2", "directory": "tutorials/m"},
    ]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"name": "../.ssh"}, "tutorials: tutorial '../.ssh': name"),
        ({"name": "a", "branch": "v2"}, "tutorial 'a': it has a branch, and no git address"),
        ({**GIT, "git": "maps.git"}, "tutorial 'maps': git: 'maps.git' is no address"),
        ({**GIT, "git": ""}, "tutorial 'maps': git: ''"),
        ({**GIT, "branch": "-x"}, "tutorial 'maps': branch: '-x'"),
        ({"git": GIT["git"]}, "entry 1 has no 'name'"),
    ],
)
def test_a_wrong_entry_is_named(entry, said):
    with pytest.raises(ConfigurationError) as raised:
        parse_tutorials([entry])
    assert said in str(raised.value)


def test_two_tutorials_never_have_one_place():
    with pytest.raises(ConfigurationError, match="tutorial 'maps': name: another tutorial"):
        parse_tutorials([{"name": "maps"}, GIT])


@given(st.text("ab./-", max_size=8) | st.text(max_size=12), st.booleans())
def test_no_tutorial_lies_outside_its_folder_of_the_home(name, is_pulled):
    try:
        tutorials = parse_tutorials([{**GIT, "name": name} if is_pulled else {"name": name}])
    except ConfigurationError:
        return
    for place in [*list_releases(tutorials), *(one["directory"] for one in list_pulls(tutorials))]:
        assert place.removeprefix("tutorials/") == name
        assert "/" not in name
        assert name.strip(".")
