"""Who gets which shared folder, and who has lost one."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.models import GroupFolder
from jhub_gateway.policy.group_folders import (
    choose_folders,
    find_lost_folders,
    parse_group_folders,
)
from jhub_gateway.policy.share_volumes import make_mounts

group_names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=150)
# Where a rule that drops, folds or joins something goes wrong. The last have look-alikes.
similar = st.sampled_from(
    [
        *("admin", "/x/admin", "/admin", "x/admin", "admin/", "./admin", "Admin", "ADMIN"),
        *("..", ".", "/", "//", "../..", "/..", "a/../b", "a/b", "a_2fb", "_2e."),
        *("\u0430dmin", "\u00e9", "e\u0301", "\ufb01", "fi"),
    ]
)
names = (group_names | similar).filter(lambda name: name.strip())


def parse_one(**entry) -> GroupFolder:
    (folder,) = parse_group_folders([entry])
    return folder


@given(names, names)
def test_two_groups_never_share_a_folder_by_default(one, other):
    assume(one.strip() != other.strip())
    first, second = parse_one(group=one), parse_one(group=other)
    assert first.folder.casefold() != second.folder.casefold()


@given(names)
def test_no_group_leads_out_of_its_folder(name):
    *_, mount = make_mounts("ada", "/home/ada", [parse_one(group=name)], [])
    for path, parent in ((mount["subPath"], "groups"), (mount["mountPath"], "/gateway/groups")):
        above, _, last = path.rpartition("/")
        assert above == parent
        assert last.strip(".")


@given(names, st.text(max_size=12) | similar)
def test_a_folder_is_one_name_or_is_refused(group, folder):
    try:
        parsed = parse_one(group=group, folder=folder)
    except ConfigurationError:
        return
    assert parsed.folder == folder
    assert "/" not in folder
    assert not folder.startswith(".")


def test_a_folder_is_read_only_unless_it_says_otherwise():
    assert parse_one(group="a").read_only
    assert parse_one(group="a", access="read-only").read_only
    assert not parse_one(group="a", access="read-write").read_only


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"folder": "x"}, "group_folders: entry 1 has no 'group'"),
        ({"group": ""}, "group ''"),
        ({"group": "a", "folder": "../b"}, "group 'a': folder: '../b'"),
        ({"group": "a", "folder": ""}, "group 'a': folder: ''"),
        ({"group": "a", "folder": None}, "group 'a': folder: None"),
        ({"group": "a", "access": "read write"}, "group 'a': access: 'read write'"),
        ({"group": "a", "read_only": False}, "group 'a' has the unknown key 'read_only'"),
        ({"group": ["a", "b"]}, "group ['a', 'b']"),
    ],
)
def test_a_wrong_entry_is_named(entry, said):
    with pytest.raises(ConfigurationError) as raised:
        parse_group_folders([entry])
    assert said in str(raised.value)


def test_one_folder_twice_for_a_group_is_refused():
    """Whether it may write would depend on the order."""
    entry = {"group": "a", "folder": "x"}
    with pytest.raises(ConfigurationError, match="group 'a': folder 'x' is there twice"):
        parse_group_folders([entry, {**entry, "access": "read-write"}])


@pytest.mark.parametrize("mine", ["/x/admin", "Admin", "admin ", "/admin", "\u0430dmin", "a", ""])
def test_groups_are_compared_exactly(mine):
    folders = parse_group_folders([{"group": "admin"}])
    assert choose_folders(folders, {mine}) == ()
    assert choose_folders(folders, {"admin"}) == folders


READ, WRITE = GroupFolder("readers", "x"), GroupFolder("writers", "x", read_only=False)


@pytest.mark.parametrize("folders", [(READ, WRITE), (WRITE, READ)])
def test_of_two_groups_with_one_folder_the_one_that_may_write_goes_first(folders):
    assert choose_folders(folders, {"readers", "writers"}) == (WRITE,)
    assert choose_folders(folders, {"readers"}) == (READ,)


@pytest.mark.parametrize(
    ("mounted", "current", "lost"),
    [
        ([], [READ], ()),
        ([READ], [READ], ()),
        ([READ], [], (READ,)),
        ([READ], [GroupFolder("readers", "y")], (READ,)),
        # Another group gives it still.
        ([WRITE], [GroupFolder("others", "x", read_only=False)], ()),
        ([READ], [WRITE], ()),
        # It may only be read now.
        ([WRITE], [READ], (WRITE,)),
    ],
)
def test_a_folder_is_lost_when_the_next_start_would_give_less(mounted, current, lost):
    assert find_lost_folders(mounted, current) == lost
