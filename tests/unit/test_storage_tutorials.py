import errno
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jhub_gateway.storage import tutorials
from jhub_gateway.storage.tutorials import fill_home, is_link_inside


@pytest.fixture
def home(tmp_path):
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def releases(tmp_path):
    """A share's tutorials/ with the release genomics-1."""
    release = tmp_path / "tutorials/genomics-1"
    (release / "data/deep").mkdir(parents=True)
    (release / "start.ipynb").write_text("{}")
    (release / "data/deep/reads.csv").write_bytes(b"a,b\n" * 100_000)
    (release / "run.sh").write_text("#!/bin/sh\n")
    (release / "run.sh").chmod(0o555)
    return tmp_path / "tutorials"


def read_tree(top):
    """Return what lies below ``top``: contents of files, targets of links, None for directories."""
    found = {}
    for path in sorted(top.rglob("*")):
        name = path.relative_to(top).as_posix()
        if path.is_symlink():
            found[name] = os.readlink(path)
        else:
            found[name] = path.read_bytes() if path.is_file() else None
    return found


def fill(home, releases, *names, **links):
    return fill_home(home, releases, names, links)


def run_fill(home, releases, preparation=""):
    """Start a process of its own that fills the home after the lines of Python given."""
    code = (
        "import os, sys, time, resource\n"
        "from pathlib import Path\n"
        "from jhub_gateway.storage import tutorials\n"
        f"{preparation}\n"
        "messages = tutorials.fill_home(\n"
        "    Path(sys.argv[1]), Path(sys.argv[2]), ['genomics-1'], {'gateway': '/gateway'})\n"
        "print(*messages, sep='\\n')\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, home, releases], text=True, stdout=subprocess.PIPE
    )


# What a new home gets


def test_a_release_comes_whole_and_writable(home, releases):
    for path in (releases / "genomics-1").rglob("*"):
        path.chmod(path.stat().st_mode & 0o555)  # as on a share that is exported read-only
    messages = fill(home, releases, "genomics-1")
    copy = home / "tutorials/genomics-1"
    assert read_tree(copy) == read_tree(releases / "genomics-1")
    assert [path for path in copy.rglob("*") if not path.stat().st_mode & 0o200] == []
    assert os.access(copy / "run.sh", os.X_OK)
    assert not (copy / "start.ipynb").stat().st_mode & 0o111
    assert os.listdir(home / "tutorials") == ["genomics-1"]
    assert messages == ["Copied the tutorial 'genomics-1' into the home."]
    for path in (releases / "genomics-1").rglob("*"):
        path.chmod(0o755)


def test_nothing_is_said_and_nothing_copied_the_second_time(home, releases):
    fill(home, releases, "genomics-1")
    before = (home / "tutorials/genomics-1").stat().st_ino
    assert fill(home, releases, "genomics-1") == []
    assert (home / "tutorials/genomics-1").stat().st_ino == before


def test_what_the_user_deleted_or_changed_stays_so(home, releases):
    fill(home, releases, "genomics-1")
    (home / "tutorials/genomics-1/start.ipynb").write_text("mine")
    (home / "tutorials/genomics-1/run.sh").unlink()
    before = read_tree(home)
    fill(home, releases, "genomics-1")
    assert read_tree(home) == before
    (home / "tutorials/genomics-1").rename(home / "elsewhere")
    (home / "tutorials").rmdir()
    assert fill(home, releases, "genomics-1") == []
    assert not (home / "tutorials").exists()


def test_a_newer_release_comes_beside_the_old(home, releases):
    fill(home, releases, "genomics-1")
    (home / "tutorials/genomics-1/start.ipynb").write_text("mine")
    (releases / "genomics-2").mkdir()
    (releases / "genomics-2/start.ipynb").write_text("newer")
    fill(home, releases, "genomics-1", "genomics-2")
    assert (home / "tutorials/genomics-1/start.ipynb").read_text() == "mine"
    assert (home / "tutorials/genomics-2/start.ipynb").read_text() == "newer"


@pytest.mark.parametrize("kind", ["directory", "file", "dangling link"])
def test_what_is_there_already_is_left_and_counts_as_given(home, releases, kind):
    place = home / "tutorials/genomics-1"
    place.parent.mkdir()
    if kind == "directory":
        place.mkdir()
    elif kind == "file":
        place.write_text("mine")
    else:
        place.symlink_to("nowhere")
    before = read_tree(home / "tutorials")
    assert fill(home, releases, "genomics-1") == []
    assert read_tree(home / "tutorials") == before
    place.rmdir() if kind == "directory" else place.unlink()
    assert fill(home, releases, "genomics-1") == []
    assert not place.exists()


def test_a_release_may_be_a_link_of_the_operators(home, releases):
    (releases / "latest").symlink_to("genomics-1")
    fill(home, releases, "latest")
    assert read_tree(home / "tutorials/latest") == read_tree(releases / "genomics-1")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/etc", "../a", "a\0b", "\ud800"])
def test_only_names_of_one_component_are_taken(home, releases, name):
    for names, links in (([name], {}), (["genomics-1"], {name: "/gateway"})):
        with pytest.raises(ValueError):  # noqa: PT011 - UnicodeEncodeError is one
            fill_home(home, releases, names, links)
    assert os.listdir(home) == []


# Links and special files in a release

link_targets = st.lists(
    st.sampled_from(["..", ".", "", "a", "b", "c", "one", "two", "outside", "genomics-1"]),
    min_size=1,
    max_size=6,
).map("/".join)


def is_below(place, top):
    try:
        os.stat(place)
    except OSError as error:
        if error.errno == errno.ELOOP:
            return True  # a circle leads nowhere
    end = Path(os.path.realpath(place))
    return end == top or top in end.parents


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["", "a", "a/b", "a/b/c"]), link_targets), max_size=4))
@example([("a/b", "../../.."), ("", "/etc")])
@example([("", "a/b/../../..")])
@example([("a/b/c", "../../.."), ("", "a/b/c/one/../outside")])
def test_no_link_of_a_copy_leads_out_of_it(links):
    with tempfile.TemporaryDirectory() as name:
        top = Path(name).resolve()
        (top / "home").mkdir()
        release = top / "tutorials/genomics-1"
        (release / "a/b/c").mkdir(parents=True)
        made = set()
        for (directory, target), link in zip(links, ["one", "two", "three", "four"], strict=False):
            (release / directory / link).symlink_to(target or ".")
            made.add((directory, link))
        messages = fill(top / "home", top / "tutorials", "genomics-1")
        copy = top / "home/tutorials/genomics-1"
        for directory, link in made:
            place = copy / directory / link
            if place.is_symlink():
                assert os.readlink(place) == os.readlink(release / directory / link)
                assert is_below(place, copy)
                made = made - {(directory, link)}
        assert len(messages) == 1 + len(made)


@pytest.mark.parametrize(
    ("target", "depth", "inside"),
    [
        ("data.csv", 0, True),
        ("./data/../data.csv", 0, False),
        ("..", 0, False),
        ("..", 1, True),
        ("../data.csv", 1, True),
        ("../../data.csv", 1, False),
        ("../genomics-1/data.csv", 0, False),
        ("/gateway/datasets", 3, False),
        ("..data", 0, True),
    ],
)
def test_links_that_stay_inside(target, depth, inside):
    assert is_link_inside(target, depth) is inside


def test_links_that_stay_are_copied_and_others_told(home, releases):
    (releases / "genomics-1/data/up.csv").symlink_to("../data/deep/reads.csv")
    (releases / "genomics-1/folder").symlink_to("data")
    (releases / "genomics-1/passwords").symlink_to("/etc/passwd")
    os.mkfifo(releases / "genomics-1/data/pipe")
    messages = fill(home, releases, "genomics-1")
    copy = home / "tutorials/genomics-1"
    assert (copy / "data/up.csv").read_bytes() == (copy / "data/deep/reads.csv").read_bytes()
    assert (copy / "folder").is_symlink()
    assert not os.path.lexists(copy / "passwords")
    assert not os.path.lexists(copy / "data/pipe")
    assert len(messages) == 3
    assert any("'passwords'" in message and "/etc/passwd" in message for message in messages)
    assert any("'data/pipe'" in message for message in messages)


# Troubles


def test_a_missing_release_is_told_and_others_come(home, releases):
    messages = fill(home, releases, "gone", "genomics-1")
    assert "'gone'" in messages[0]
    assert (home / "tutorials/genomics-1/start.ipynb").exists()
    (releases / "gone").mkdir()  # by now the operator has put it there
    fill(home, releases, "gone")
    assert (home / "tutorials/gone").is_dir()


def test_no_tutorials_on_the_share_are_told(home, tmp_path):
    assert "'genomics-1'" in fill(home, tmp_path / "nowhere", "genomics-1")[0]


@pytest.mark.parametrize("place", ["tutorials", ".jhub-gateway"])
def test_a_file_in_the_way_is_told_and_left(home, releases, place):
    (home / place).write_text("mine")
    (message,) = fill(home, releases, "genomics-1")
    assert "'genomics-1'" in message
    assert place in message
    assert (home / place).read_text() == "mine"
    (home / place).unlink()
    fill(home, releases, "genomics-1")
    assert (home / "tutorials/genomics-1/start.ipynb").exists()


def test_a_home_that_is_gone_is_told(tmp_path, releases):
    messages = fill(tmp_path / "gone", releases, "genomics-1", gateway="/gateway")
    assert ["'genomics-1'" in messages[0], "'gateway'" in messages[1]] == [True, True]
    assert not (tmp_path / "gone").exists()


def test_a_copy_that_does_not_fit_leaves_nothing_and_is_tried_again(home, releases):
    """A limit on a file's size fails in write(), as a full disk does, for every user."""
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"
    process = run_fill(home, releases, limit)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    assert "'genomics-1' failed; the next start tries again: File too large" in output
    assert os.listdir(home / "tutorials") == []
    assert os.readlink(home / "gateway") == "/gateway"
    fill(home, releases, "genomics-1")
    assert read_tree(home / "tutorials/genomics-1") == read_tree(releases / "genomics-1")


KILLED = """
copy, count = tutorials._copy_file, 0
def copy_or_die(*args):
    global count
    if count == {files}:
        os.kill(os.getpid(), 9)
    count += 1
    copy(*args)
tutorials._copy_file = copy_or_die
"""


@pytest.mark.parametrize("files", [0, 1, 2])
def test_a_copy_whose_maker_was_killed_is_made_anew(home, releases, files):
    process = run_fill(home, releases, KILLED.format(files=files))
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    (partial,) = os.listdir(home / "tutorials")
    assert partial.startswith(".genomics-1~")
    assert partial.endswith(".partial")
    fill(home, releases, "genomics-1")
    assert os.listdir(home / "tutorials") == ["genomics-1"]
    assert read_tree(home / "tutorials/genomics-1") == read_tree(releases / "genomics-1")


def test_a_copy_that_was_killed_before_its_record_is_not_made_twice(home, releases):
    process = run_fill(
        home, releases, "Path.touch = lambda *args, **options: os.kill(os.getpid(), 9)"
    )
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    (home / "tutorials/genomics-1/start.ipynb").write_text("mine")
    assert fill(home, releases, "genomics-1") == []
    assert (home / "tutorials/genomics-1/start.ipynb").read_text() == "mine"


def test_abandoned_copies_go_even_when_there_is_nothing_to_give(home, releases):
    (home / "tutorials").mkdir()
    host = os.uname().nodename
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    places = {
        "dead": f".a~{host}~{process.pid}~1.partial",
        "earlier pod of this name": f".a~{host}~{os.getpid()}~2.partial",
        "old": ".a~elsewhere~1~3.partial",
        "running": f".a~{host}~{os.getppid()}~4.partial",
        "young": ".a~elsewhere~1~5.partial",
        "the user's": ".mine.partial",
        "also the user's": "thesis~final~2~x.partial.ipynb",
    }
    for name in places.values():
        (home / "tutorials" / name / "folder").mkdir(parents=True)
    yesterday = time.time() - 86400
    os.utime(home / "tutorials" / places["old"], (yesterday, yesterday))
    fill(home, releases)
    left = set(os.listdir(home / "tutorials"))
    kept = ("running", "young", "the user's", "also the user's")
    assert left == {places[name] for name in kept}


# Several servers of one user

SLOW = """
copy = tutorials._copy_file
def copy_slowly(*args):
    time.sleep(0.1)
    copy(*args)
tutorials._copy_file = copy_slowly
"""


def test_servers_that_start_at_once_leave_one_whole_copy(home, releases):
    processes = [run_fill(home, releases, SLOW) for _ in range(5)]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 5
    assert os.listdir(home / "tutorials") == ["genomics-1"]
    assert read_tree(home / "tutorials/genomics-1") == read_tree(releases / "genomics-1")
    assert os.readlink(home / "gateway") == "/gateway"
    assert [output for output in outputs if "failed" in output] == []
    assert fill(home, releases, "genomics-1") == []


def test_a_copy_taken_for_abandoned_is_never_used_by_half(home, releases, monkeypatch):
    """Its maker lives after all: on a node whose name its pods share, numbers of processes don't
    tell one from another."""
    copy_file, remove_tree, removed = tutorials._copy_file, tutorials._remove_tree, []

    def remove_and_note(directory):
        removed.append(directory.name)
        remove_tree(directory)

    def copy_while_another_cleans(source, target, executable):
        copy_file(source, target, executable)
        if not removed:
            (partial,) = os.listdir(home / "tutorials")
            with monkeypatch.context() as patch:
                patch.setattr(tutorials, "_remove_tree", remove_and_note)
                tutorials._remove_abandoned(home / "tutorials")
            assert partial not in removed  # it could be finished while it is being removed

    monkeypatch.setattr(tutorials, "_copy_file", copy_while_another_cleans)
    (message,) = fill(home, releases, "genomics-1")
    assert "failed; the next start tries again" in message
    assert os.listdir(home / "tutorials") == []
    fill(home, releases, "genomics-1")
    assert read_tree(home / "tutorials/genomics-1") == read_tree(releases / "genomics-1")


def test_the_slower_server_leaves_what_the_faster_one_made(home, releases, monkeypatch):
    copy_tree = tutorials._copy_tree

    def copy_too_late(source, target):
        messages = copy_tree(source, target)
        (home / "tutorials/genomics-1").mkdir()
        (home / "tutorials/genomics-1/start.ipynb").write_text("faster")
        return messages

    monkeypatch.setattr(tutorials, "_copy_tree", copy_too_late)
    assert fill(home, releases, "genomics-1") == []
    assert read_tree(home / "tutorials") == {
        "genomics-1": None,
        "genomics-1/start.ipynb": b"faster",
    }
    assert (home / ".jhub-gateway/tutorials/genomics-1").exists()


# Links in the home


def test_a_link_is_made_and_then_nothing_is_said(home, releases):
    assert fill(home, releases, gateway="/gateway") == []
    assert os.readlink(home / "gateway") == "/gateway"
    assert fill(home, releases, gateway="/gateway") == []


@pytest.mark.parametrize(
    ("present", "target", "repaired"),
    [
        ("/run/gateway", "/gateway", True),
        ("/srv/old/views/ada", "/srv/new/views/ada", True),
        ("/gateway/old", "/gateway", False),
        ("/gateway2", "/gateway", False),
        ("/srv/my/own/place", "/srv/data/views/ada", False),
        ("work/a", "shared/b", False),
    ],
)
def test_only_links_to_what_was_called_the_same_are_led_anew(
    home, releases, present, target, repaired
):
    (home / "gateway").symlink_to(present)
    messages = fill(home, releases, gateway=target)
    assert os.readlink(home / "gateway") == (target if repaired else present)
    assert len(messages) == (0 if repaired else 1)


@pytest.mark.parametrize("kind", ["directory", "file"])
def test_what_has_a_links_place_is_left_and_told(home, releases, kind):
    place = home / "gateway"
    place.mkdir() if kind == "directory" else place.write_text("mine")
    before = read_tree(home)
    (message,) = fill(home, releases, gateway="/gateway")
    assert "'gateway'" in message
    assert read_tree(home) == before


# Releases that come with the package


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A release of the package that the share doesn't have, and one that it has, too."""
    for name in ("gateway-1", "genomics-1"):
        (tmp_path / "shipped" / name).mkdir(parents=True)
        (tmp_path / "shipped" / name / "welcome.ipynb").write_text("from the package")
    monkeypatch.setattr(tutorials, "SHIPPED", tmp_path / "shipped")


def test_a_release_that_the_share_has_not_comes_from_the_package(home, releases, shipped):
    assert fill(home, releases, "gateway-1") == ["Copied the tutorial 'gateway-1' into the home."]
    copy = home / "tutorials/gateway-1/welcome.ipynb"
    assert copy.read_text() == "from the package"
    copy.write_text("mine")
    assert fill(home, releases, "gateway-1") == []
    assert copy.read_text() == "mine"


def test_the_share_s_release_goes_before_the_package_s(home, releases, shipped):
    fill(home, releases, "genomics-1")
    assert read_tree(home / "tutorials/genomics-1") == read_tree(releases / "genomics-1")


def test_what_is_shipped_comes_as_files_that_the_user_may_change(home, releases):
    fill(home, releases, "gateway-1")
    copy = home / "tutorials/gateway-1"
    assert len(list(copy.glob("*.ipynb"))) == 9
    assert not copy.is_symlink()
    assert [
        path for path in copy.iterdir() if path.is_symlink() or not os.access(path, os.W_OK)
    ] == []
