import errno
import os
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jhub_gateway.errors import GatewayError, StartRefused
from jhub_gateway.models import Owner
from jhub_gateway.storage.folders import prepare_folders
from jhub_gateway.storage.homes import find_home, prepare_home
from jhub_gateway.storage.layout import init_share
from jhub_gateway.storage.owners import (
    add_record,
    make_record,
    read_last_start,
    read_name,
    read_record,
)
from jhub_gateway.storage.records import Change, rename_home
from tests.unit.storage_share import (
    DONE,
    ISSUER,
    REFUSED,
    add_home,
    become_ordinary,
    failing,
    find_texts,
    interrupt,
    list_all,
    make_directory,
    make_owner,
    make_share,
    owned_by_ordinary,
    run_in_process,
    run_with_kills,
    start_process,
    wait_for,
)

ADA = make_owner("ada", "s1")
OTHER = make_owner("ada", "s2")
PLAIN = make_owner("ada")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_share(tmp_path / "share")


@pytest.fixture
def fresh(tmp_path: Path):
    """Make the share anew, for tests that need many."""

    def make() -> Path:
        shutil.rmtree(tmp_path / "share", ignore_errors=True)
        return make_share(tmp_path / "share")

    return make


def refuse(root: Path, owner: Owner, **more: bool) -> StartRefused:
    """Return the refusal of a start, which has changed nothing."""
    before = list_all(root)
    with pytest.raises(StartRefused, match="support") as refusal:
        prepare_home(root, owner, **more)
    assert list_all(root) == before
    assert refusal.value.cause
    return refusal.value


def check_settled(root: Path, owner: Owner) -> None:
    """Check that the owner's home is theirs, with nothing left half done."""
    directory = make_directory(owner)
    assert read_record(root, directory) == make_record(owner)
    assert read_name(root, owner.name) == directory
    assert (root / "homes" / directory).is_dir()
    assert (root / "usage/homes" / directory).is_dir()
    assert not list((root / "owners").glob("*.move"))


# --- The first start, and the next


@pytest.mark.parametrize("owner", [ADA, PLAIN])
def test_the_first_start_makes_the_home(root, owner):
    prepare_home(root, owner)
    check_settled(root, owner)
    home = find_home(root, owner)
    assert home == root / "homes" / make_directory(owner)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert list(home.iterdir()) == []


def test_the_next_start_leaves_all_as_it_is_but_the_time(root):
    home = add_home(root, ADA, "mine")
    home.chmod(0o750)
    owner_file = root / "owners" / f"{make_directory(ADA)}.json"
    os.utime(owner_file, (1e9, 1e9))
    before = list_all(root)
    prepare_home(root, ADA)
    assert read_last_start(root, make_directory(ADA)) == pytest.approx(time.time(), abs=60)
    os.utime(owner_file, (1e9, 1e9))
    assert list_all(root) == before


def test_identities_with_one_subject_at_two_issuers_have_two_homes(root):
    prepare_home(root, Owner("ada", "https://one.example", "s1"))
    prepare_home(root, Owner("bob", "https://two.example", "s1"))
    assert len(list((root / "homes").iterdir())) == 2


def test_rescue_mode_is_noted_and_taken_back(root):
    marker = root / "usage/homes" / make_directory(ADA) / "rescue"
    for rescue in (True, True, False, False):
        prepare_home(root, ADA, rescue=rescue)
        assert marker.exists() == rescue


def test_a_home_that_lost_its_mode_gets_it_back(root):
    def prepare() -> None:
        become_ordinary()
        prepare_home(root, ADA)
        assert stat.S_IMODE(find_home(root, ADA).stat().st_mode) == 0o740

    home = add_home(root, ADA, "mine")
    with owned_by_ordinary(root):
        home.chmod(0o040)
        assert run_in_process(prepare) == DONE


def test_the_home_of_another_account_is_refused(root, monkeypatch):
    def prepare() -> None:
        become_ordinary()
        with pytest.raises(StartRefused, match="may not write to your home") as refusal:
            prepare_home(root, ADA)
        assert f"{home} belongs to {whose}, mode 500" in refusal.value.cause
        assert f"chown -R {os.geteuid()}:{os.getegid()} {home}" in refusal.value.cause

    home = add_home(root, ADA, "mine")
    with owned_by_ordinary(root):
        if os.geteuid() == 0:
            os.chown(home, 4242, 4343)
        else:  # an ordinary user can't give it away: leave out the repair, which would fail
            monkeypatch.setattr(os, "chmod", lambda *_: None)
        subprocess.run(["chmod", "500", home], check=True)
        whose = f"{home.stat().st_uid}:{home.stat().st_gid}"
        assert run_in_process(prepare) == DONE


# --- Refusals


def test_a_home_of_another_identity_of_that_name_is_refused(root):
    add_home(root, ADA, "mine")
    refusal = refuse(root, OTHER)
    assert "made with another login" in str(refusal)
    assert "subject 's1'" in refusal.cause
    assert "subject 's2'" in refusal.cause
    directory = make_directory(ADA)
    command = f"jhub-gateway storage rename {root} {directory}"
    assert f"{command} --name ada --issuer {ISSUER} --subject s2" in refusal.cause
    assert f"{command} --name ada-former --issuer {ISSUER} --subject s1" in refusal.cause


@pytest.mark.parametrize(("first", "second"), [(ADA, PLAIN), (PLAIN, ADA)])
def test_a_login_that_loses_or_gains_its_subject_is_refused(root, first, second):
    add_home(root, first, "mine")
    assert "another login" in str(refuse(root, second))


def test_a_user_name_that_reads_like_a_subject_gets_nothing(root):
    add_home(root, ADA, "mine")
    refusal = refuse(root, make_owner(ADA.identity))
    assert "belongs to somebody else" in str(refusal)
    assert str(root / "owners" / f"{make_directory(ADA)}.json") in refusal.cause


def test_a_home_without_an_owner_is_refused(root):
    home = root / "homes" / make_directory(ADA)
    home.mkdir()
    (home / "notes.txt").write_text("whose?")
    refusal = refuse(root, ADA)
    assert "no note whose it is" in str(refusal)
    assert f"storage rename {root} {home.name} --name ada" in refusal.cause


def test_a_lost_home_is_never_an_empty_one(root):
    home = add_home(root, ADA, None)
    home.rmdir()
    refusal = refuse(root, ADA)
    assert "not given an empty one" in str(refusal)
    assert str(home) in refusal.cause
    assert not home.exists()


@pytest.mark.parametrize("has_owner", [True, False])
@pytest.mark.parametrize("kind", ["link", "dangling link", "file"])
def test_what_is_no_directory_is_refused(root, kind, has_owner):
    home = root / "homes" / make_directory(ADA)
    if kind == "file":
        home.write_text("")
    else:
        home.symlink_to(root / ("groups" if kind == "link" else "missing"))
    if has_owner:
        add_record(root, home.name, make_record(ADA))
    refuse(root, ADA)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"name": 1}', '{"name": "ada", "subject": "s1"}', '{"moved_from": "../x"}'],
)
def test_a_broken_owner_file_is_nobodys(root, text):
    home = add_home(root, ADA, "mine")
    (root / "owners" / f"{home.name}.json").write_text(text)
    assert "is broken" in refuse(root, ADA).cause


@pytest.mark.parametrize("text", ["", "../../etc\n", "..\n", "a/b\n"])
def test_a_broken_name_is_followed_nowhere(root, text):
    (root / "names/ada").write_text(text)
    assert "is broken" in refuse(root, ADA).cause


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_share_that_cannot_be_written_says_so(root, code):
    with failing(0, code), pytest.raises(StartRefused, match="not ready") as refusal:
        prepare_home(root, ADA)
    assert f"uid {os.geteuid()} cannot write to the shared volume" in refusal.value.cause


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE])
def test_any_other_trouble_of_the_storage_is_a_refusal_too(root, code):
    with failing(0, code), pytest.raises(StartRefused, match="can't be opened just now") as refusal:
        prepare_home(root, ADA)
    assert os.strerror(code) in refusal.value.cause


# --- A user name that changes


def test_a_user_with_a_new_name_keeps_the_home(root):
    add_home(root, ADA, "mine")
    renamed = make_owner("ada.lovelace", "s1")
    prepare_home(root, renamed)
    check_settled(root, renamed)
    assert find_texts(root) == {"mine": [make_directory(ADA)]}
    assert read_name(root, "ada") is None
    # The name is free for somebody else.
    prepare_home(root, OTHER)
    check_settled(root, OTHER)


def test_two_users_who_swap_their_names_keep_their_homes(root):
    one, two = make_owner("one", "s1"), make_owner("two", "s2")
    add_home(root, one, "one's")
    add_home(root, two, "two's")
    one, two = make_owner("two", "s1"), make_owner("one", "s2")
    for owner in (one, two, one):
        prepare_home(root, owner)
    check_settled(root, one)
    check_settled(root, two)
    assert find_texts(root) == {"one's": [make_directory(one)], "two's": [make_directory(two)]}


def test_killed_while_the_name_changes(fresh):
    renamed = make_owner("lovelace", "s1")
    root = fresh()
    for _ in run_with_kills(lambda: prepare_home(root, renamed)):
        if find_texts(root):
            prepare_home(root, renamed)
            check_settled(root, renamed)
            prepare_home(root, OTHER)
            check_settled(root, OTHER)
        fresh()
        add_home(root, ADA, "mine")


# --- The next login gets the home


def test_the_next_login_gets_a_home_that_waits_for_it(root):
    add_home(root, PLAIN, "mine", next_login=True)
    prepare_home(root, ADA)
    check_settled(root, ADA)
    assert find_texts(root) == {"mine": [make_directory(ADA)]}
    assert not (root / "homes/ada").exists()
    assert read_record(root, "ada") is None
    assert "another login" in str(refuse(root, OTHER))


def test_killed_while_the_next_login_gets_it(fresh):
    root = fresh()
    for _ in run_with_kills(lambda: prepare_home(root, ADA)):
        if find_texts(root):
            assert find_texts(root)["mine"] in (["ada"], [make_directory(ADA)])
            prepare_home(root, ADA)
            check_settled(root, ADA)
            assert find_texts(root) == {"mine": [make_directory(ADA)]}
        fresh()
        add_home(root, PLAIN, "mine", next_login=True)


def test_the_old_login_after_a_kill_takes_nothing_back(fresh):
    """Once the home is on its way, whoever comes by brings it there."""
    root = fresh()
    for _ in run_with_kills(lambda: prepare_home(root, ADA)):
        if find_texts(root):
            started = run_in_process(lambda: prepare_home(root, PLAIN)) == DONE
            assert find_texts(root)["mine"] == ["ada" if started else make_directory(ADA)]
            prepare_home(root, ADA)
            check_settled(root, ADA)
        fresh()
        add_home(root, PLAIN, "mine", next_login=True)


def test_one_of_several_logins_of_a_name_gets_the_home(fresh):
    for _ in range(10):
        root = fresh()
        add_home(root, PLAIN, "mine", next_login=True)
        owners = [make_owner("ada", f"s{number}") for number in (1, 1, 2, 2)]
        statuses = run_at_once([partial(prepare_home, root, owner) for owner in owners])
        assert set(statuses) <= {DONE, REFUSED}
        assert len(find_texts(root)["mine"]) == 1
        (winner,) = [
            one for one in (ADA, OTHER) if find_texts(root)["mine"][0] == make_directory(one)
        ]
        loser = OTHER if winner is ADA else ADA
        prepare_home(root, winner)
        check_settled(root, winner)
        refuse(root, loser)


def test_another_login_of_the_name_at_any_moment(fresh):
    """Both come for the home that waits for the next login; the first may be killed after that."""
    root = fresh()
    claims = [partial(prepare_home, root, owner) for owner in (ADA, OTHER)]
    for number in interrupt(*claims):
        if number:
            (home,) = find_texts(root)["mine"]
            for owner in (PLAIN, ADA, OTHER):
                run_in_process(partial(prepare_home, root, owner))
            (home,) = find_texts(root)["mine"]
            winner, loser = (ADA, OTHER) if home == make_directory(ADA) else (OTHER, ADA)
            prepare_home(root, winner)
            check_settled(root, winner)
            refuse(root, loser)
            refuse(root, PLAIN)
        fresh()
        add_home(root, PLAIN, "mine", next_login=True)


# --- Killed, or several at once


def test_killed_at_the_first_start(fresh):
    root = fresh()
    for _ in run_with_kills(lambda: prepare_home(root, ADA)):
        if (root / "homes").exists():
            prepare_home(root, ADA)
            check_settled(root, ADA)
        fresh()


def test_killed_at_the_first_start_with_nobody_to_make_the_home(fresh):
    def prepare() -> None:
        prepare_home(root, ADA, make_directory=False)

    root = fresh()
    for _ in run_with_kills(prepare):
        prepare()
        # As systemd would, whose link leads to a directory of the user's own account.
        (root / "elsewhere").mkdir()
        find_home(root, ADA).symlink_to(root / "elsewhere")
        prepare()
        assert read_record(root, make_directory(ADA)) == make_record(ADA)
        find_home(root, ADA).unlink()
        refuse(root, ADA, make_directory=False)
        fresh()


def test_two_servers_of_a_new_user_start_at_once(fresh):
    for _ in range(10):
        root = fresh()
        statuses = run_at_once([partial(prepare_home, root, ADA)] * 6)
        assert statuses == [DONE] * 6
        check_settled(root, ADA)
        assert not list(root.rglob("*.part"))


def test_a_file_system_without_hard_links_does(root, monkeypatch):
    def link(*paths: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    prepare_home(root, ADA)
    prepare_home(root, ADA)
    check_settled(root, ADA)
    refuse(root, OTHER)


def run_at_once(actions: list) -> list[int]:
    """Run each in a process of its own, all from the same moment; return how they ended."""
    moment = time.monotonic() + 0.05

    def run(action) -> None:
        while time.monotonic() < moment:
            pass
        action()

    children = [start_process(partial(run, action)) for action in actions]
    return [wait_for(child) for child in children]


# --- A full disk


@pytest.fixture(params=["real", "said"])
def full_share(request, tmp_path) -> Iterator:
    """A share, and a context in which it is full: a small tmpfs where that can be mounted."""
    root = tmp_path / "share"
    root.mkdir()
    if request.param == "said" or os.geteuid() != 0:
        make_share(root)
        yield root, partial(failing, 0)
        return
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k,nr_inodes=200", "tmpfs", root]
    subprocess.run(mount, check=True)
    try:
        make_share(root)
        yield root, partial(filled, root)
    finally:
        subprocess.run(["umount", root], check=True)


class filled:
    """A file system without a byte and without an inode left."""

    def __init__(self, root: Path) -> None:
        self.root = root / "groups"

    def __enter__(self) -> None:
        with pytest.raises(OSError, match="No space"):
            self.write_bytes()
        with pytest.raises(OSError, match="No space"):
            self.make_files()

    def write_bytes(self) -> None:
        with open(self.root / "big", "wb", 0) as file:
            while True:
                file.write(bytes(512))

    def make_files(self) -> None:
        for number in range(10**6):
            (self.root / str(number)).touch()

    def __exit__(self, *error: object) -> None:
        for one in self.root.iterdir():
            one.unlink()


def test_a_new_home_on_a_full_share_is_refused(full_share):
    root, full = full_share
    with full(), pytest.raises(StartRefused, match="storage is full") as refusal:
        prepare_home(root, ADA)
    assert "No space left" in refusal.value.cause
    prepare_home(root, ADA)
    check_settled(root, ADA)


def test_a_home_that_is_there_opens_on_a_full_share(full_share, capsys):
    root, full = full_share
    add_home(root, ADA, "mine")
    renamed = make_owner("lovelace", "s1")
    with full():
        prepare_home(root, renamed, rescue=True)
    assert "could not be noted" in capsys.readouterr().err
    assert find_texts(root) == {"mine": [make_directory(ADA)]}
    prepare_home(root, renamed)
    check_settled(root, renamed)


def test_the_next_login_on_a_full_share_is_refused_and_loses_nothing(full_share):
    root, full = full_share
    add_home(root, PLAIN, "mine", next_login=True)
    with full(), pytest.raises(StartRefused, match="storage is full"):
        prepare_home(root, ADA)
    assert find_texts(root) == {"mine": ["ada"]}
    prepare_home(root, ADA)
    check_settled(root, ADA)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("before", ["nothing", "waits", "renamed"])
def test_an_error_at_any_call_leaves_what_the_next_start_heals(fresh, before, code):
    for number in count():
        root = fresh()
        if before == "waits":
            add_home(root, PLAIN, "mine", next_login=True)
        elif before == "renamed":
            add_home(root, make_owner("old", "s1"), "mine")
        with failing(number, code) as failed, suppress(StartRefused):
            prepare_home(root, ADA)
        prepare_home(root, ADA)
        check_settled(root, ADA)
        assert before == "nothing" or find_texts(root) == {"mine": [make_directory(ADA)]}
        if not failed:
            assert number > 10
            return


# --- Whatever happens, in whichever order

subjects = st.sampled_from([None, "s1", "s2"])
names = st.sampled_from(["ada", "bob"])
owners = st.builds(make_owner, names, subjects)
kills = st.none() | st.integers(0, 40)
starts = st.tuples(st.just("start"), owners, kills)
renames = st.tuples(
    st.just("rename"),
    owners,
    st.builds(
        lambda owner, identity: Change(
            owner.name,
            "subject" if owner.subject else identity,
            owner.issuer,
            owner.subject,
        ),
        owners,
        st.sampled_from(["name", "next login", None]),
    ),
    kills,
)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.one_of(starts, renames), min_size=2, max_size=10))
def test_no_home_is_lost_doubled_or_given_away_whatever_is_killed(steps):
    """Each home holds a text of its own. Only an operator's rename lets others have it."""
    may_have: dict[str, set[Owner]] = {}
    is_open: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        root = make_share(Path(folder))
        for kind, owner, *more, kill_at in steps:
            if kind == "rename":
                (change,) = more
                for text in find_texts_in(root, make_directory(owner)):
                    may_have[text].add(Owner(change.name, change.issuer, change.subject))
                    is_open.update([text] if change.identity in (None, "next login") else [])
                rename = partial(rename_home, root, make_directory(owner), change)
                run_in_process(partial(try_it, rename), kill_at)
            elif run_in_process(partial(prepare_home, root, owner), kill_at) == DONE:
                check_text(root, owner, may_have, is_open)
            assert find_texts(root).keys() == may_have.keys()
            assert all(len(homes) == 1 for homes in find_texts(root).values())


def check_text(root: Path, owner: Owner, may_have: dict, is_open: set) -> None:
    """Check that the home of a start is the owner's; mark a new one."""
    identity = owner.identity
    surely = [
        text
        for text, whose in may_have.items()
        if {one.identity for one in whose} == {identity} and text not in is_open
    ]
    found = find_texts_in(root, make_directory(owner))
    if found:
        text = found[0]
        assert text in is_open or identity in {one.identity for one in may_have[text]}
        return
    assert not surely, "an empty home for somebody who has one"
    text = str(len(may_have))
    (find_home(root, owner) / "notes.txt").write_text(text)
    may_have[text] = {owner}


def find_texts_in(root: Path, directory: str) -> list[str]:
    return [text for text, homes in find_texts(root).items() if directory in homes]


def try_it(action) -> None:
    with suppress(GatewayError):
        action()


# --- Shared folders and data sets


def test_a_group_folder_is_made_with_setgid(root):
    prepare_folders(root, ["genomics"], [])
    folder = root / "groups/genomics"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o2770
    (folder / "notes.txt").write_text("ours")
    before = list_all(root)
    prepare_folders(root, ["genomics"], [])
    assert list_all(root) == before


def test_a_group_folder_whose_maker_was_killed_is_finished(root):
    for _ in run_with_few_kills(lambda: prepare_folders(root, ["genomics"], [])):
        prepare_folders(root, ["genomics"], [])
        assert stat.S_IMODE((root / "groups/genomics").stat().st_mode) == 0o2770
        (root / "groups/genomics").rmdir()


def run_with_few_kills(action) -> Iterator[int]:
    for number in range(3):
        run_in_process(action, kill_at=number)
        yield number


@pytest.mark.parametrize("folder", ["..", ".", "", "a/b", "/etc", "../homes", "a\0b"])
def test_no_group_folder_lies_elsewhere(root, folder):
    before = list_all(root)
    with pytest.raises(StartRefused, match="support"):
        prepare_folders(root, [folder], [])
    assert list_all(root) == before


def test_a_group_folder_that_is_a_link_is_refused(root):
    (root / "groups/genomics").symlink_to(root / "homes")
    with pytest.raises(StartRefused) as refusal:
        prepare_folders(root, ["genomics"], [])
    assert "is no directory" in refusal.value.cause


def test_data_sets_are_looked_for_and_never_made(root):
    (root / "datasets/genomes/human").mkdir(parents=True)
    (root / "datasets/latest").symlink_to("genomes/human")
    prepare_folders(root, [], ["genomes/human", "latest"])
    before = list_all(root)
    with pytest.raises(StartRefused, match="data set of yours is not there") as refusal:
        prepare_folders(root, [], ["genomes/mouse"])
    assert str(root / "datasets/genomes/mouse") in refusal.value.cause
    assert list_all(root) == before


@pytest.mark.parametrize("dataset", ["../homes", "/etc", "a/../../homes", ""])
def test_no_data_set_lies_elsewhere(root, dataset):
    with pytest.raises(StartRefused):
        prepare_folders(root, [], [dataset])


def test_a_data_set_that_leads_out_is_refused(root):
    (root / "datasets/all").symlink_to(root / "homes")
    with pytest.raises(StartRefused) as refusal:
        prepare_folders(root, [], ["all"])
    assert "is a link out of" in refusal.value.cause


def test_a_note_that_is_somebody_elses_file_stops_no_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    init_share(tmp_path)
    prepare_home(tmp_path, Owner("ada"))
    (tmp_path / "homes/ada/work").touch()

    def refuse(path: object, *_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", str(path))

    monkeypatch.setattr("os.utime", refuse)
    prepare_home(tmp_path, Owner("ada"))
    assert "could not be noted" in capsys.readouterr().err
    assert (tmp_path / "homes/ada/work").exists()


def test_a_lost_owner_file_gives_nobody_an_empty_home(tmp_path: Path) -> None:
    init_share(tmp_path)
    prepare_home(tmp_path, Owner("bob"))
    (tmp_path / "homes/bob/work").touch()
    (tmp_path / "owners/bob.json").unlink()
    with pytest.raises(StartRefused, match="no note whose it is"):
        prepare_home(tmp_path, Owner("bob", "https://a", "1"))
    assert os.listdir(tmp_path / "homes") == ["bob"]
    assert (tmp_path / "names/bob").read_text() == "bob\n"


def test_a_home_that_somebody_else_makes_can_be_lost_too(tmp_path: Path) -> None:
    share, private = tmp_path / "share", tmp_path / "private"
    share.mkdir()
    init_share(share)
    prepare_home(share, Owner("ada"), make_directory=False)
    private.mkdir()
    (share / "homes/ada").symlink_to(private)
    prepare_home(share, Owner("ada"), make_directory=False)
    private.rmdir()
    with pytest.raises(StartRefused, match="not given an empty one"):
        prepare_home(share, Owner("ada"), make_directory=False)


def test_a_broken_note_of_the_name_stops_no_start(tmp_path: Path) -> None:
    init_share(tmp_path)
    prepare_home(tmp_path, Owner("ada"))
    (tmp_path / "names/ada").write_text("")
    prepare_home(tmp_path, Owner("ada"))
