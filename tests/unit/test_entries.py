"""Lists of mappings that an operator wrote: each mistake is named, with its entry and its key."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.policy.entries import EntryKind
from jhub_gateway.policy.entry_values import (
    read_branch,
    read_choice,
    read_component,
    read_git_address,
    read_groups,
    read_sub_path,
    read_text,
)

KIND = EntryKind(
    trait="shelves",
    noun="shelf",
    required=("name", "place"),
    readers={"name": read_component, "place": read_text, "groups": read_groups},
)
GOOD = {"name": "north", "place": "hall"}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("north", "shelves: entry 1 is 'north'; each must be a mapping with name and place"),
        (None, "shelves: entry 1 is None"),
        ({}, "shelves: entry 1 has no 'name', which it needs"),
        ({"place": "hall"}, "shelves: entry 1 has no 'name'"),
        ({"name": "north"}, "shelves: shelf 'north' has no 'place'"),
        (
            {**GOOD, "Name": "n"},
            "the unknown key 'Name' (did you mean 'name'?); the keys are name, ",
        ),
        ({**GOOD, "x": "n"}, "shelf 'north' has the unknown key 'x'; the keys are name, "),
        ({**GOOD, None: "n"}, "shelf 'north' has the unknown key None"),
        ({**GOOD, "name": ".."}, "shelves: shelf '..': name: '..' is no name for a directory"),
        ({**GOOD, "place": "\t"}, "shelf 'north': place: '\\t' is no text"),
        ({**GOOD, "groups": [["a"]]}, "shelf 'north': groups: ['a'] is no text"),
        ({**GOOD, "groups": {"a": 1}}, "shelf 'north': groups: {'a': 1} must be a list"),
    ],
)
def test_a_wrong_entry_is_named(entry, said):
    with pytest.raises(ConfigurationError) as raised:
        KIND.read([entry])
    assert said in str(raised.value)


def test_the_second_entry_is_named_as_the_second():
    with pytest.raises(ConfigurationError, match=r"^shelves: entry 2 has no 'name'"):
        KIND.read([GOOD, {}])


def test_all_problems_are_told_with_the_path_of_each():
    wrong = {"name": "..", "palce": "hall"}
    with pytest.raises(ConfigurationError) as raised:
        KIND.read([GOOD, wrong, "south"])
    problems = [raised.value, *raised.value.others]
    assert [problem.path for problem in problems] == [
        ("shelves", 1, "name"),
        ("shelves", 1, "palce"),
        ("shelves", 1),  # no place
        ("shelves", 2),
    ]


def test_a_name_twice_is_named():
    KIND.check_unique(["north", "North"])
    with pytest.raises(ConfigurationError, match=r"^shelves: shelf 'north': name: another shelf"):
        KIND.check_unique(["north", "south", "north"])


UNSAFE = [
    "",
    ".",
    "..",
    "...",
    ".hidden",
    "-rf",
    "a b",
    "a\n",
    "a\0",
    "a\\b",
    "$(A)",
    "é",
    "\u0430",
]


@pytest.mark.parametrize("name", [*UNSAFE, "/", "a/b", "a" * 101, None, 7, b"a"])
def test_what_is_no_component_of_a_path_is_refused(name):
    with pytest.raises(ValueError, match="is no name for a directory"):
        read_component(name)


@pytest.mark.parametrize("part", UNSAFE)
def test_no_part_of_a_sub_path_is_unsafe(part):
    for path in (f"a/{part}/b", f"a/{part}/../b"):
        with pytest.raises(ValueError, match="is no name for a directory"):
            read_sub_path(path)


@pytest.mark.parametrize("path", ["", "/", "..", "/..", "a//b", "a/./b", "a/../../etc", None, []])
def test_what_is_no_relative_path_is_refused(path):
    with pytest.raises(ValueError, match=r"is no (name|path)"):
        read_sub_path(path)


def test_slashes_around_a_sub_path_mean_nothing():
    assert read_sub_path("/sky/2024/") == "sky/2024"


@given(st.text("a.-_/", max_size=12) | st.text(max_size=20))
def test_a_sub_path_stays_below(path):
    try:
        read = read_sub_path(path)
    except ValueError:
        return
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*", read)


def test_groups_keep_case_slashes_and_accents():
    assert read_groups(["/x/Admin", "é", "é"]) == {"/x/Admin", "é"}


def test_a_choice_is_exact():
    assert read_choice("read-only", "read-write")("read-only") == "read-only"
    for value in ("Read-Only", "read_only", "rw", True, None, ["read-only"]):
        with pytest.raises(ValueError, match="is not 'read-only' or 'read-write'"):
            read_choice("read-only", "read-write")(value)


@pytest.mark.parametrize(
    "address",
    [
        "git@host:team/x.git",
        "ssh://host/x",
        "ext::sh -c id",
        "file:///etc",
        "--upload-pack=id",
        "https://",
        "https:///x",
        "https://[::1/x",
        "/x",
        None,
    ],
)
def test_git_addresses_that_run_programs_or_lead_nowhere_are_refused(address):
    with pytest.raises(ValueError, match=r"is no address|Invalid"):
        read_git_address(address)


@pytest.mark.parametrize("userinfo", ["ada:pw", "token", ":pw", ":"])
def test_a_password_in_a_git_address_is_refused_and_not_repeated(userinfo):
    with pytest.raises(ValueError, match="would be seen by all users") as raised:
        read_git_address(f"https://{userinfo}@host/x")
    assert "pw" not in str(raised.value)


def test_a_branch_is_never_an_option():
    assert read_branch("release/2.0") == "release/2.0"
    for value in ("--force", "-b", "", "a b", "a\n", "a:b", "@{-1}", None):
        with pytest.raises(ValueError, match="is no name of a git branch"):
            read_branch(value)
