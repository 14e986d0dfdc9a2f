import os
import shutil
import time
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from jhub_gateway.errors import StartRefused
from jhub_gateway.storage.homes import find_home, prepare_home
from jhub_gateway.storage.owners import (
    Record,
    make_record,
    read_last_start,
    read_name,
    read_record,
    set_last_start,
)
from jhub_gateway.storage.problems import StorageError
from jhub_gateway.storage.records import Change, find_orphans, list_homes, rename_home
from tests.unit.storage_share import (
    DONE,
    ISSUER,
    REFUSED,
    add_home,
    failing,
    find_texts,
    interrupt,
    list_all,
    make_directory,
    make_owner,
    make_share,
    run_with_kills,
    start_process,
    wait_for,
)

ADA = make_owner("ada", "s1")
NEW = make_owner("ada", "s2")
PLAIN = make_owner("ada")
TO_NEW = Change(identity="subject", issuer=ISSUER, subject="s2")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_share(tmp_path / "share")


@pytest.fixture
def fresh(tmp_path: Path):
    """Make the share anew with ada's home on it, for tests that need many."""

    def make() -> Path:
        shutil.rmtree(tmp_path / "share", ignore_errors=True)
        root = make_share(tmp_path / "share")
        add_home(root, ADA, "mine")
        return root

    return make


def rename(root: Path, owner=ADA, **change: str) -> list[str]:
    return rename_home(root, make_directory(owner), Change(**change))


def check_refused(root: Path, said: str, directory: str, change: Change) -> None:
    """Check that the rename is refused, also as a dry run, and changes nothing."""
    before = list_all(root)
    for dry_run in (True, False):
        with pytest.raises((StorageError, StartRefused)) as problem:
            rename_home(root, directory, change, dry_run)
        assert said in getattr(problem.value, "cause", str(problem.value))
        assert list_all(root) == before


# --- rename


def test_a_home_gets_another_identity_and_its_directory(root):
    home = add_home(root, ADA, "mine")
    (root / "usage/homes" / home.name / "usage.json").write_text("{}")
    set_last_start(root, home.name, 1e9)
    done = rename_home(root, home.name, TO_NEW)
    assert done[0] == f"homes/{home.name} becomes homes/{make_directory(NEW)}"
    assert find_texts(root) == {"mine": [make_directory(NEW)]}
    assert read_record(root, make_directory(NEW)) == make_record(NEW)
    assert read_record(root, home.name) is None
    assert read_name(root, "ada") == make_directory(NEW)
    assert read_last_start(root, make_directory(NEW)) == 1e9
    assert (root / "usage/homes" / make_directory(NEW) / "usage.json").exists()
    assert not (root / "usage/homes" / home.name).exists()
    prepare_home(root, NEW)
    with pytest.raises(StartRefused):
        prepare_home(root, ADA)


def test_repeating_does_nothing_and_says_so(root):
    home = add_home(root, ADA, "mine")
    rename_home(root, home.name, TO_NEW)
    before = list_all(root)
    (said,) = rename_home(root, home.name, TO_NEW)
    assert said.endswith("is of subject 's2' at 'https://login.gateway.example' already")
    assert list_all(root) == before
    (said,) = rename_home(root, make_directory(NEW), TO_NEW)
    assert said.endswith("nothing to do")
    assert list_all(root) == before


def test_the_user_name_alone_keeps_the_directory(root):
    home = add_home(root, ADA, "mine")
    set_last_start(root, home.name, 1e9)
    rename(root, name="lovelace")
    assert read_record(root, home.name) == Record("lovelace", ISSUER, "s1")
    assert (read_name(root, "ada"), read_name(root, "lovelace")) == (None, home.name)
    assert read_last_start(root, home.name) == 1e9
    prepare_home(root, NEW)  # the name is free


def test_a_home_by_name_moves_with_the_name(root):
    add_home(root, PLAIN, "mine")
    rename(root, PLAIN, name="lovelace")
    assert find_texts(root) == {"mine": ["lovelace"]}
    prepare_home(root, make_owner("lovelace"))


def test_the_next_login_can_be_given_a_home_and_not(root):
    home = add_home(root, ADA, "mine")
    rename(root, identity="next login")
    assert read_record(root, home.name) == Record("ada", ISSUER, "s1", next_login=True)
    rename(root, identity="subject", issuer=ISSUER, subject="s1")
    assert read_record(root, home.name) == make_record(ADA)
    rename(root, identity="next login")
    prepare_home(root, NEW)
    assert find_texts(root) == {"mine": [make_directory(NEW)]}


def test_a_login_without_a_subject_can_be_given_a_home(root):
    add_home(root, ADA, "mine")
    rename(root, identity="name")
    assert find_texts(root) == {"mine": ["ada"]}
    prepare_home(root, PLAIN)


@pytest.mark.parametrize("directory", [make_directory(ADA), "somewhere"])
def test_a_home_that_nobody_has_is_given_away(root, directory):
    home = root / "homes" / directory
    home.mkdir()
    (home / "notes.txt").write_text("mine")
    change = Change("ada", "subject", ISSUER, "s1")
    rename_home(root, directory, change)
    prepare_home(root, ADA)
    assert find_texts(root) == {"mine": [make_directory(ADA)]}


def test_the_commands_of_a_refused_start_settle_it(root):
    add_home(root, ADA, "mine")
    with pytest.raises(StartRefused):
        prepare_home(root, NEW)
    rename(root, name="ada-former", identity="subject", issuer=ISSUER, subject="s1")
    prepare_home(root, NEW)
    assert find_home(root, NEW).is_dir()
    assert find_texts(root) == {"mine": [make_directory(ADA)]}


def test_a_target_that_has_a_home_is_refused(root):
    add_home(root, ADA, "mine")
    add_home(root, make_owner("bob", "s2"), None)
    check_refused(root, "has a home already", make_directory(ADA), TO_NEW)


def test_a_target_with_files_of_nobody_is_refused(root):
    add_home(root, ADA, "mine")
    target = find_home(root, NEW)
    target.mkdir()
    (target / "notes.txt").write_text("whose?")
    check_refused(root, "isn't empty", make_directory(ADA), TO_NEW)


def test_a_name_of_another_home_is_refused(root):
    add_home(root, ADA, "mine")
    add_home(root, make_owner("bob", "s3"), "bob's")
    check_refused(root, "the user name 'bob' is that of", make_directory(ADA), Change("bob"))
    change = Change("bob", "subject", ISSUER, "s2")
    check_refused(root, "the user name 'bob' is that of", make_directory(ADA), change)


@pytest.mark.parametrize("directory", ["nobody", "../homes", ".", "", "a/b"])
def test_no_home_of_that_name(root, directory):
    check_refused(root, "storage list", directory, TO_NEW)


def test_a_lost_home_and_a_link_are_refused(root):
    home = add_home(root, ADA, None)
    home.rmdir()
    check_refused(root, f"{home} is missing", home.name, TO_NEW)
    check_refused(root, f"{home} is missing", home.name, Change("lovelace"))
    home.symlink_to(root / "groups")
    check_refused(root, "is a symbolic link", home.name, TO_NEW)


def test_a_share_that_is_not_prepared_is_refused(tmp_path):
    with pytest.raises(StorageError, match="layout 0"):
        rename_home(tmp_path, "ada", TO_NEW)


@pytest.mark.parametrize(
    "change", [TO_NEW, Change("bob"), Change(identity="next login"), Change(identity="name")]
)
def test_a_dry_run_says_it_all_and_changes_nothing(root, change):
    home = add_home(root, ADA, "mine")
    before = list_all(root)
    said = rename_home(root, home.name, change, dry_run=True)
    assert list_all(root) == before
    assert rename_home(root, home.name, change) == said
    assert list_all(root) != before


def heal_by_repeating(root: Path) -> None:
    rename_home(root, make_directory(ADA), TO_NEW)


def heal_by_the_new_owners_start(root: Path) -> None:
    if read_record(root, make_directory(ADA)) and not list((root / "owners").glob("*.move")):
        # Killed before the note of the move: nothing was done.
        heal_by_repeating(root)
    prepare_home(root, NEW)


def heal_by_the_old_owners_start(root: Path) -> None:
    try:
        prepare_home(root, ADA)
    except StartRefused as refusal:
        assert "another login" in str(refusal)  # noqa: PT017
    else:
        assert find_texts(root) == {"mine": [make_directory(ADA)]}
    heal_by_repeating(root)


@pytest.mark.parametrize(
    "heal", [heal_by_repeating, heal_by_the_new_owners_start, heal_by_the_old_owners_start]
)
def test_killed_anywhere_it_is_finished(fresh, heal):
    root = fresh()
    for number in run_with_kills(lambda: rename_home(root, make_directory(ADA), TO_NEW)):
        if number:
            assert len(find_texts(root)["mine"]) == 1
            heal(root)
            assert find_texts(root) == {"mine": [make_directory(NEW)]}
            prepare_home(root, NEW)
            assert read_record(root, make_directory(NEW)) == make_record(NEW)
            assert read_record(root, make_directory(ADA)) is None
            assert read_name(root, "ada") == make_directory(NEW)
            assert not list((root / "owners").glob("*.move"))
        fresh()


def test_a_new_owner_with_another_name_finds_a_killed_rename(fresh):
    root, bob = fresh(), make_owner("bob", "s2")
    change = Change("bob", "subject", ISSUER, "s2")
    for number in run_with_kills(lambda: rename_home(root, make_directory(ADA), change)):
        if number:
            is_begun = not read_record(root, make_directory(ADA)) or (
                list((root / "owners").glob("*.move"))
            )
            prepare_home(root, bob)
            if is_begun:
                assert find_texts(root) == {"mine": [make_directory(bob)]}
                assert read_record(root, make_directory(bob)) == make_record(bob)
            else:
                assert find_texts(root) == {"mine": [make_directory(ADA)]}
                prepare_home(root, ADA)
        fresh()


@pytest.mark.parametrize("who", ["the new owner", "the old owner", "another name's"])
def test_a_start_at_any_moment_of_a_rename(fresh, who):
    """The rename may be killed after that. Nobody gets what isn't theirs, and nothing is lost."""
    root, bob = fresh(), make_owner("bob", "s2")
    other = {"the new owner": bob, "the old owner": ADA, "another name's": NEW}[who]
    change = Change("bob", "subject", ISSUER, "s2")

    def rename() -> None:
        with suppress(StorageError, StartRefused):
            rename_home(root, make_directory(ADA), change)

    started = root / "started"
    for number in interrupt(rename, lambda: start_and_leave_word(root, other, started)):
        if number:
            rename()
            (home,) = find_texts(root)["mine"]
            if started.exists() and other is bob:
                # Whoever got an empty home, as the rename had not begun, keeps it.
                assert home == make_directory(bob if started.read_text() == "full" else ADA)
            prepare_home(root, bob)
            assert read_record(root, make_directory(bob)) == make_record(bob)
            assert find_texts(root) == {"mine": [home]}
            started.unlink(missing_ok=True)
        fresh()


def start_and_leave_word(root: Path, owner, word: Path) -> None:
    prepare_home(root, owner)
    word.write_text("full" if (find_home(root, owner) / "notes.txt").exists() else "empty")


@pytest.mark.parametrize("change", [Change("lovelace"), Change(identity="next login")])
def test_killed_where_the_directory_stays_it_can_be_repeated(fresh, change):
    root = fresh()
    directory = make_directory(ADA)
    for number in run_with_kills(lambda: rename_home(root, directory, change)):
        if number:
            rename_home(root, directory, change)
            record = read_record(root, directory)
            assert record is not None
            assert record.name == (change.name or "ada")
            assert read_name(root, record.owner.name) == directory
            assert find_texts(root) == {"mine": [directory]}
            prepare_home(root, ADA)
        fresh()


def test_an_error_at_any_call_can_be_repeated(fresh):
    for number in count():
        root = fresh()
        with failing(number) as failed, suppress(OSError):
            rename_home(root, make_directory(ADA), TO_NEW)
        rename_home(root, make_directory(ADA), TO_NEW)
        prepare_home(root, NEW)
        assert find_texts(root) == {"mine": [make_directory(NEW)]}
        if not failed:
            assert number > 10
            return


def test_a_rename_and_starts_at_once(fresh):
    """Whoever comes first, the home is one owner's, and no start gets an empty one in its place."""
    for _ in range(20):
        root = fresh()
        moment = time.monotonic() + 0.05
        bob = make_owner("bob", "s2")

        def at_once(action, moment=moment) -> None:
            while time.monotonic() < moment:
                pass
            action()

        change = Change("bob", "subject", ISSUER, "s2")
        actions = [
            partial(rename_home, root, make_directory(ADA), change),
            partial(prepare_home, root, bob),
            partial(prepare_home, root, bob),
        ]
        renamed, *started = [
            wait_for(one) for one in [start_process(partial(at_once, one)) for one in actions]
        ]
        assert set(started) <= {DONE, REFUSED}
        (home,) = find_texts(root)["mine"]
        if renamed == DONE:
            assert home == make_directory(bob)
        else:
            assert home == make_directory(ADA)
            prepare_home(root, ADA)
        prepare_home(root, bob)


# --- list and orphans


def test_homes_are_listed_without_a_look_inside(root):
    add_home(root, ADA, "mine")
    find_home(root, ADA).chmod(0)
    (root / "homes/nobodys").mkdir()
    add_home(root, make_owner("lost"), None).rmdir()
    (root / "owners/broken.json").write_text("{")
    found = {home.directory: home for home in list_homes(root, with_usage=True)}
    assert found.keys() == {make_directory(ADA), "nobodys", "lost", "broken"}
    assert found[make_directory(ADA)].record == make_record(ADA)
    assert found["nobodys"].record is None
    assert not found["lost"].is_there
    assert "is broken" in found["broken"].problem
    find_home(root, ADA).chmod(0o700)


def test_orphans_are_what_nobody_has(root):
    now = 2e9
    add_home(root, ADA, "mine")
    add_home(root, make_owner("old"), "old")
    add_home(root, make_owner("lost"), None).rmdir()
    set_last_start(root, make_directory(ADA), now)
    set_last_start(root, "old", now - 100 * 86400)
    (root / "homes/nobodys").mkdir()
    (root / "names/stray").write_text("nowhere\n")
    (root / "names/former").write_text(f"{make_directory(ADA)}\n")
    (root / "owners/.ada.json.0a1b2c3d.part").write_text("{")
    found = list(find_orphans(root, now))
    assert sorted(line.split(":")[0].replace(f"{root}/", "") for line in found) == [
        "homes/lost",
        "homes/nobodys",
        "names/former",
        "names/stray",
        "owners/.ada.json.0a1b2c3d.part",
    ]
    unused = set(find_orphans(root, now, unused_for=90 * 86400)) - set(found)
    assert unused == {"homes/old: of 'old', last start 100 days ago"}
    assert not set(find_orphans(root, now, unused_for=101 * 86400)) - set(found)


def test_a_move_that_is_not_finished_is_an_orphan(fresh):
    root = fresh()
    seen = set()
    for number in run_with_kills(lambda: rename_home(root, make_directory(ADA), TO_NEW)):
        if number:
            seen.update(line for line in find_orphans(root, 0) if ".move" in line)
        fresh()
    command = f"jhub-gateway storage rename {root} {make_directory(ADA)} --name ada"
    assert any(f"{command} --issuer {ISSUER} --subject s2" in line for line in seen)


def test_a_share_in_order_has_no_orphans(root):
    prepare_home(root, ADA)
    os.utime(root, (0, 0))
    assert list(find_orphans(root, time.time(), unused_for=3600)) == []
