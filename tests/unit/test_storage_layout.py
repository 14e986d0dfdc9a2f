import json
import os
import shutil
import stat
from pathlib import Path

import pytest

from jhub_gateway.errors import StartRefused
from jhub_gateway.policy.directories import make_directory_name
from jhub_gateway.policy.layout import LAYOUT
from jhub_gateway.storage.homes import prepare_home
from jhub_gateway.storage.layout import check_layout, init_share, read_layout
from jhub_gateway.storage.owners import Record, read_last_start, read_name, read_record
from jhub_gateway.storage.problems import StorageError
from tests.unit.storage_share import (
    DONE,
    become_ordinary,
    find_texts,
    list_all,
    make_owner,
    owned_by_ordinary,
    run_in_process,
    run_with_kills,
)

LONG = "m" * 150


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A share of layout 1."""
    make_old(tmp_path / "share")
    return tmp_path / "share"


def make_old(root: Path) -> None:
    shutil.rmtree(root, ignore_errors=True)
    for name in ("ada", "Zoë", LONG):
        home = root / "homes" / make_directory_name(name)
        home.mkdir(parents=True)
        (home / "notes.txt").write_text(name)
    (root / "homes/NotByTheRule").mkdir()


def test_an_empty_directory_becomes_a_share(tmp_path):
    assert read_layout(tmp_path) == 0
    done = init_share(tmp_path)
    assert done[-1] == f"marked {tmp_path} as layout {LAYOUT}"
    assert read_layout(tmp_path) == LAYOUT
    assert json.loads((tmp_path / "jhub-gateway.json").read_text()) == {"layout": LAYOUT}
    check_layout(tmp_path)
    modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()}
    assert modes["groups"] == 0o2770
    assert modes["owners"] == 0o700
    assert modes["homes"] == 0o711
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o2770


def test_repeating_does_nothing_and_says_so(tmp_path):
    init_share(tmp_path)
    before = list_all(tmp_path)
    assert init_share(tmp_path) == [f"{tmp_path} has layout {LAYOUT} already; nothing to do"]
    assert list_all(tmp_path) == before


def test_what_the_file_server_puts_there_is_not_in_the_way(tmp_path):
    (tmp_path / "lost+found").mkdir()
    (tmp_path / ".snapshot").mkdir()
    (tmp_path / "datasets").mkdir()
    assert read_layout(tmp_path) == 0
    init_share(tmp_path)
    assert read_layout(tmp_path) == LAYOUT


def test_the_mode_of_the_root_can_be_left(tmp_path):
    tmp_path.chmod(0o711)
    init_share(tmp_path, root_mode=None)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o711


def test_homes_of_layout_1_get_owners(old):
    for home in (old / "homes").iterdir():
        os.utime(home, (1e9, 1e9))
    before = list_all(old / "homes")
    done = init_share(old)
    assert any("owners of 3 homes" in sentence for sentence in done)
    assert any("NotByTheRule" in sentence for sentence in done)
    assert [one for one in list_all(old / "homes") if one[0] != "."] == before[1:]
    assert read_record(old, "ada") == Record("ada", next_login=True)
    assert read_record(old, make_directory_name("Zoë")) == Record("Zoë", next_login=True)
    assert read_record(old, make_directory_name(LONG)) == Record(None, next_login=True)
    assert read_record(old, "NotByTheRule") is None
    assert read_name(old, LONG) == make_directory_name(LONG)
    assert read_last_start(old, "ada") == 1e9


@pytest.mark.parametrize("name", ["ada", "Zoë", LONG])
@pytest.mark.parametrize("subject", [None, "s1"])
def test_a_home_of_layout_1_is_its_users_at_the_next_login(old, name, subject):
    init_share(old)
    owner = make_owner(name, subject)
    prepare_home(old, owner)
    prepare_home(old, owner)
    directory = make_directory_name(owner.identity)
    assert find_texts(old)[name] == [directory]
    assert read_record(old, directory) == Record(
        name, owner.issuer, subject, next_login=subject is None
    )
    assert read_name(old, name) == directory


@pytest.mark.parametrize("make", [Path.mkdir, make_old])
def test_a_dry_run_says_it_all_and_changes_nothing(tmp_path, make):
    root = tmp_path / "share"
    make(root)
    before = list_all(tmp_path)
    said = init_share(root, dry_run=True)
    assert list_all(tmp_path) == before
    assert init_share(root) == said


def test_killed_anywhere_it_can_be_repeated(tmp_path):
    root = tmp_path / "share"
    for _ in run_with_kills(lambda: init_share(root)):
        if root.exists():
            init_share(root)
            check_layout(root)
            assert find_texts(root).keys() == {"ada", "Zoë", LONG}
            assert read_record(root, "ada") == Record("ada", next_login=True)
            assert read_name(root, LONG) == make_directory_name(LONG)
            prepare_home(root, make_owner("ada", "s1"))
        make_old(root)


def test_an_empty_share_killed_anywhere_can_be_repeated(tmp_path):
    root = tmp_path / "share"
    for _ in run_with_kills(lambda: init_share(root, root_mode=None)):
        if root.exists():
            # A hub that prepares its own directory goes on by itself.
            assert read_layout(root) in (0, LAYOUT)
            init_share(root)
            prepare_home(root, make_owner("ada"))
            shutil.rmtree(root)
        root.mkdir()


def test_a_newer_share_is_left_alone(tmp_path):
    (tmp_path / "jhub-gateway.json").write_text('{"layout": 3}')
    before = list_all(tmp_path)
    with pytest.raises(StorageError, match="layout 3, made by a newer release"):
        init_share(tmp_path)
    with pytest.raises(StartRefused, match="support") as refusal:
        check_layout(tmp_path)
    assert "newer release" in refusal.value.cause
    assert list_all(tmp_path) == before


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"layout": "2"}', '{"layout": true}'])
def test_a_broken_marker_stops_all(tmp_path, text):
    init_share(tmp_path)
    (tmp_path / "jhub-gateway.json").write_text(text)
    with pytest.raises(StorageError, match=r"jhub-gateway\.json is broken"):
        init_share(tmp_path)
    with pytest.raises(StartRefused) as refusal:
        check_layout(tmp_path)
    assert "broken" in refusal.value.cause


def test_another_directory_is_no_share(tmp_path):
    (tmp_path / "thesis").mkdir()
    with pytest.raises(StorageError, match="'thesis'"):
        init_share(tmp_path)
    with pytest.raises(StorageError, match="No such file"):
        init_share(tmp_path / "missing")
    assert list(tmp_path.iterdir()) == [tmp_path / "thesis"]


@pytest.mark.parametrize("vital", ["homes", "owners"])
def test_a_share_without_its_homes_is_not_the_right_volume(tmp_path, vital):
    init_share(tmp_path)
    (tmp_path / vital).rmdir()
    with pytest.raises(StorageError, match=f"has no {vital}: is the whole volume mounted"):
        init_share(tmp_path)
    assert not (tmp_path / vital).exists()


def test_what_else_is_missing_is_made_again(tmp_path):
    init_share(tmp_path)
    (tmp_path / "tutorials").rmdir()
    assert init_share(tmp_path) == ["made tutorials/"]
    assert (tmp_path / "tutorials").is_dir()


@pytest.mark.parametrize(("layout", "said"), [(0, "is not prepared"), (1, "has layout 1")])
def test_a_start_on_an_older_share_names_the_job(tmp_path, layout, said):
    root = tmp_path / "share"
    root.mkdir() if layout == 0 else make_old(root)
    with pytest.raises(StartRefused, match="storage is not ready") as refusal:
        prepare_home(root, make_owner("ada"))
    assert said in refusal.value.cause
    assert f"jhub-gateway storage init {root}" in refusal.value.cause
    assert "helm-values/manifests/beside-chart/storage-init.yaml" in refusal.value.cause


def test_a_root_that_cannot_be_written_says_whose_it_is(tmp_path):
    def check() -> None:
        become_ordinary()
        for action in (init_share, check_layout):
            with pytest.raises((StorageError, StartRefused)) as problem:
                action(root)
            text = getattr(problem.value, "cause", str(problem.value))
            assert f"uid {os.geteuid()} cannot write to the shared volume" in text
            assert f"belongs to {root.stat().st_uid}:{root.stat().st_gid}, mode 555" in text
            assert f"chown {os.geteuid()}:{os.getegid()}" in text
            assert "singleuser.uid, singleuser.fsGid" in text

    root = tmp_path / "share"
    root.mkdir()
    with owned_by_ordinary(root):
        if os.geteuid() == 0:
            os.chown(root, 0, 0)
        root.chmod(0o555)
        assert run_in_process(check) == DONE
