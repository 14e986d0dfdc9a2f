"""Links that stand for mounts on one machine."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from jhub_gateway.local.views import make_view


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for place in ("groups/genes", "groups/maps", "datasets/sky"):
        (tmp_path / "data" / place).mkdir(parents=True)
        (tmp_path / "data" / place / "file").write_text(place)
    return tmp_path / "data"


@pytest.fixture
def view(tmp_path: Path) -> Path:
    return tmp_path / "views" / "ada"


def make(view: Path, data: Path, *places: str) -> None:
    make_view(view, {place: data / place for place in places})


def list_links(view: Path) -> dict[str, str]:
    return {
        str(path.relative_to(view)): str(path.readlink())
        for path in view.rglob("*")
        if path.is_symlink()
    }


def test_the_first_view_shows_what_there_is(view: Path, data: Path) -> None:
    make(view, data, "groups/genes", "datasets/sky")
    assert (view / "groups/genes/file").read_text() == "groups/genes"
    assert set(list_links(view)) == {"groups/genes", "datasets/sky"}
    assert stat.S_IMODE((view / "groups").stat().st_mode) & 0o077 == 0


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["groups/genes"], ["groups/genes"]),
        (["groups/genes"], ["groups/genes", "groups/maps"]),
        (["groups/genes", "groups/maps"], ["groups/maps"]),
        (["groups/genes"], ["datasets/sky"]),
        (["groups/genes", "datasets/sky"], []),
        ([], ["groups/genes"]),
    ],
)
def test_the_next_start_shows_its_own_and_nothing_else(
    view: Path, data: Path, before: list[str], after: list[str]
) -> None:
    make(view, data, *before)
    make(view, data, *after)
    assert list_links(view) == {place: str(data / place) for place in after}
    assert {path.name for path in view.iterdir()} == {place.split("/")[0] for place in after}
    assert (data / "groups/genes/file").exists()


def test_data_that_moved_are_shown_where_they_are(view: Path, data: Path) -> None:
    make(view, data, "groups/genes")
    make_view(view, {"groups/genes": data / "groups/maps"})
    assert (view / "groups/genes/file").read_text() == "groups/maps"


def test_data_that_are_not_there_yet_are_no_reason_to_fail(view: Path, data: Path) -> None:
    make(view, data, "datasets/later")
    make(view, data, "datasets/later")
    assert list_links(view) == {"datasets/later": str(data / "datasets/later")}


@pytest.mark.parametrize("place", ["notes.txt", "groups/notes.txt", "groups/mine/notes.txt"])
@pytest.mark.parametrize("after", [["groups/genes"], []])
def test_what_a_user_saved_beside_the_links_is_kept(
    view: Path, data: Path, place: str, after: list[str]
) -> None:
    """The file browser shows the view like any folder of the home; the next start must come."""
    make(view, data, "groups/genes")
    (view / place).parent.mkdir(exist_ok=True)
    (view / place).write_text("mine")
    make(view, data, *after)
    assert (view / place).read_text() == "mine"
    assert set(list_links(view)) == set(after)


def test_what_a_user_put_in_the_place_of_a_link_is_kept(view: Path, data: Path) -> None:
    make(view, data, "groups/maps")
    (view / "groups/genes").write_text("mine")
    make(view, data, "groups/genes", "groups/maps")
    assert "mine" in [path.read_text() for path in view.rglob("*") if path.is_file()]


def test_a_link_in_the_place_of_a_folder_is_not_followed(view: Path, data: Path) -> None:
    home = view.parent / "home"
    home.mkdir(parents=True)
    (home / "notes.txt").write_text("mine")
    (home / "link").symlink_to("notes.txt")
    make(view, data, "groups/genes")
    (view / "other").symlink_to(home)
    make(view, data, "groups/genes")
    assert {path.name for path in home.iterdir()} == {"notes.txt", "link"}
    assert (view / "groups/genes/file").exists()


def test_servers_of_one_user_that_start_at_once_agree(view: Path, data: Path) -> None:
    for number in range(100):
        barrier = Barrier(3)

        def start(view: Path = view / str(number), barrier: Barrier = barrier) -> None:
            barrier.wait()
            make(view, data, "groups/genes", "datasets/sky")

        with ThreadPoolExecutor(3) as pool:
            for done in [pool.submit(start) for _ in range(3)]:
                done.result()
        assert len(list_links(view / str(number))) == 2


def test_a_link_that_is_right_is_left_alone(view: Path, data: Path) -> None:
    """A running server of the same user may be in it."""
    make(view, data, "groups/genes")
    before = os.lstat(view / "groups/genes")
    make(view, data, "groups/genes")
    assert os.lstat(view / "groups/genes").st_ino == before.st_ino
