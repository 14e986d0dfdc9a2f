"""The operator's tutorials in git, pulled into a home: real repositories, real git."""

import json
import logging
import os
import subprocess
import time
from pathlib import Path

import pytest

from jhub_gateway.notebook import git_tutorials
from jhub_gateway.notebook.git_tutorials import (
    PullRefused,
    find_directory,
    hide_password,
    pull,
    start_pulling,
)
from tests.unit.notebook_server import run_notebook_server

DIRECTORY = "tutorials/genomics"


def git(directory: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Operator", "-c", "user.email=operator@example.org"]
    command = ["git", *identity, *arguments]
    return subprocess.run(
        command, cwd=directory, check=True, text=True, capture_output=True
    ).stdout.strip()


class Repository:
    """The operator's repository."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.directory = directory
        self.url = directory.as_uri()
        git(directory, "init", "--quiet", "--initial-branch=main")
        self.publish("intro.ipynb", "first edition\n")

    def publish(self, name: str, text: str) -> None:
        (self.directory / name).write_text(text)
        git(self.directory, "add", name)
        git(self.directory, "commit", "--quiet", "-m", f"Publish {name}")

    def as_tutorial(self, **changes):
        return {"url": self.url, "branch": None, "directory": DIRECTORY, **changes}


@pytest.fixture(autouse=True)
def no_git_settings_of_the_machine(monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path / "repository")


@pytest.fixture
def home(tmp_path):
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def test_a_tutorial_arrives_and_follows_its_repository(repository, home):
    pull(repository.as_tutorial(), home)
    assert (home / DIRECTORY / "intro.ipynb").read_text() == "first edition\n"
    assert [one.name for one in (home / "tutorials").iterdir()] == ["genomics"]

    repository.publish("intro.ipynb", "second edition\n")
    repository.publish("data.csv", "1\n")
    pull(repository.as_tutorial(), home)
    assert (home / DIRECTORY / "intro.ipynb").read_text() == "second edition\n"
    assert (home / DIRECTORY / "data.csv").exists()


def test_what_the_user_changed_stays(repository, home):
    pull(repository.as_tutorial(), home)
    mine = home / DIRECTORY
    (mine / "intro.ipynb").write_text("my notes\n")
    (mine / "data.csv").write_text("my data\n")

    repository.publish("intro.ipynb", "second edition\n")
    repository.publish("data.csv", "the operator's\n")
    pull(repository.as_tutorial(), home)
    assert (mine / "intro.ipynb").read_text() == "my notes\n"
    # A new file of the operator's gets its name; the user's own is beside it.
    (renamed,) = mine.glob("data__*.csv")
    assert renamed.read_text() == "my data\n"


def test_the_branch_is_the_one_that_was_asked_for(repository, home):
    git(repository.directory, "switch", "--quiet", "-c", "course")
    repository.publish("course.ipynb", "course\n")
    git(repository.directory, "switch", "--quiet", "main")
    pull(repository.as_tutorial(branch="course"), home)
    assert (home / DIRECTORY / "course.ipynb").exists()


@pytest.mark.parametrize("directory", ["..", "../other", "/etc/tutorials", ".", "", "a/../.."])
def test_a_directory_that_is_not_below_the_home_is_refused(repository, home, directory):
    with pytest.raises(PullRefused, match="is not below the home"):
        pull(repository.as_tutorial(directory=directory), home)


def test_a_link_out_of_the_home_is_refused(repository, home, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (home / "tutorials").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PullRefused, match="is not below the home"):
        pull(repository.as_tutorial(), home)
    assert not list((tmp_path / "elsewhere").iterdir())
    assert find_directory("a/b", home) == home.resolve() / "a/b"


def test_a_directory_of_the_users_own_is_left_alone(repository, home):
    """Even where the home itself is a git repository, which git would find from below."""
    git(home, "init", "--quiet")
    git(home, "commit", "--quiet", "--allow-empty", "-m", "My own")
    before = git(home, "rev-parse", "HEAD")
    (home / DIRECTORY).mkdir(parents=True)
    (home / DIRECTORY / "mine.txt").write_text("mine\n")
    with pytest.raises(PullRefused, match="is no git repository"):
        pull(repository.as_tutorial(), home)
    assert os.listdir(home / DIRECTORY) == ["mine.txt"]
    assert git(home, "rev-parse", "HEAD") == before


def test_a_clone_of_another_address_is_left_alone(repository, home, tmp_path):
    pull(repository.as_tutorial(), home)
    other = Repository(tmp_path / "other")
    other.publish("intro.ipynb", "another tutorial\n")
    with pytest.raises(PullRefused, match=r"is a clone of .*/repository, not of .*/other"):
        pull(other.as_tutorial(), home)
    assert (home / DIRECTORY / "intro.ipynb").read_text() == "first edition\n"


def test_a_clone_that_fails_or_was_killed_leaves_nothing_half_made(repository, home, monkeypatch):
    def fail(tutorial, directory):
        (directory / ".git").mkdir(parents=True)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(git_tutorials, "_run_puller", fail)
        with pytest.raises(OSError, match="No space"):
            pull(repository.as_tutorial(), home)
    assert not list((home / "tutorials").iterdir())

    unfinished = home / "tutorials/.genomics.cloning"
    (unfinished / ".git").mkdir(parents=True)
    with pytest.raises(PullRefused, match="another server"):
        pull(repository.as_tutorial(), home)
    long_ago = time.time() - 2 * 3600
    os.utime(unfinished, (long_ago, long_ago))
    pull(repository.as_tutorial(), home)
    assert [one.name for one in (home / "tutorials").iterdir()] == ["genomics"]


def run_start(monkeypatch, caplog, home, tutorials, **variables) -> list[tuple[int, str]]:
    """What start_pulling writes to the log."""
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("JHUB_GATEWAY_GIT_TUTORIALS", json.dumps(tutorials))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with caplog.at_level(logging.INFO):
        if thread := start_pulling(logging.getLogger("server")):
            thread.join(60)
            assert not thread.is_alive()
    return [(record.levelno, record.getMessage()) for record in caplog.records]


def test_each_tutorial_is_one_line_of_the_log_and_one_failure_stops_no_other(
    repository, home, monkeypatch, caplog, tmp_path
):
    missing = f"file://user:secret-token@localhost{tmp_path}/missing"
    tutorials = [
        repository.as_tutorial(url=missing, directory="tutorials/missing"),
        repository.as_tutorial(url=missing, branch="main", directory="tutorials/missing"),
        repository.as_tutorial(branch="nowhere", directory="tutorials/branch"),
        repository.as_tutorial(),
    ]
    lines = run_start(monkeypatch, caplog, home, tutorials)
    up_to_date = f"Git tutorials: {DIRECTORY} is up to date."
    assert [message for level, message in lines if level == logging.INFO] == [up_to_date]
    first, second, branch = [message for level, message in lines if level == logging.WARNING]
    for line in (first, second):
        assert line.startswith("Git tutorials: tutorials/missing is not up to date: fatal: ")
        assert "missing" in line.partition("fatal")[2]
        assert "secret-token" not in line
    assert "Branch does not exist" in branch
    assert [one.name for one in (home / "tutorials").iterdir()] == ["genomics"]


def test_a_library_of_the_same_name_in_the_home_is_not_run(repository, home, monkeypatch, caplog):
    (home / "nbgitpuller.py").write_text("open('was-run', 'w')")
    run_start(monkeypatch, caplog, home, [repository.as_tutorial()])
    assert (home / DIRECTORY).exists()
    assert not (home / "was-run").exists()


def test_in_rescue_mode_nothing_is_pulled(repository, home, monkeypatch, caplog):
    tutorials = [repository.as_tutorial()]
    lines = run_start(monkeypatch, caplog, home, tutorials, JHUB_GATEWAY_RESCUE="1")
    assert lines == [(logging.WARNING, lines[0][1])]
    assert not list(home.iterdir())


def test_without_git_one_line_says_so(repository, home, monkeypatch, caplog):
    tutorials = [repository.as_tutorial()]
    ((level, line),) = run_start(monkeypatch, caplog, home, tutorials, PATH=str(home))
    assert level == logging.WARNING
    assert "git is not installed" in line


def test_a_variable_that_is_no_json_is_one_line(home, monkeypatch, caplog):
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("JHUB_GATEWAY_GIT_TUTORIALS", "[")
    with caplog.at_level(logging.INFO):
        start_pulling(logging.getLogger("server")).join(60)
    (record,) = caplog.records
    assert "JHUB_GATEWAY_GIT_TUTORIALS" in record.getMessage()


def test_without_tutorials_nothing_is_started(monkeypatch):
    monkeypatch.delenv("JHUB_GATEWAY_GIT_TUTORIALS", raising=False)
    assert start_pulling(logging.getLogger("server")) is None


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("https://token@example.org/a", "https://example.org/a"),
        ("fatal: https://me:secret@example.org/a b", "fatal: https://example.org/a b"),
        ("ssh://git@example.org/a", "ssh://example.org/a"),
        ("https://example.org/a@b", "https://example.org/a@b"),
    ],
)
def test_a_password_in_an_address_is_hidden(text, hidden):
    assert hide_password(text) == hidden


def test_a_server_pulls_them_beside_its_work(repository, tmp_path):
    variables = {"JHUB_GATEWAY_GIT_TUTORIALS": json.dumps([repository.as_tutorial()])}
    with run_notebook_server(tmp_path, **variables) as server:
        server.wait_for_log(f"Git tutorials: {DIRECTORY} is up to date.")
        assert (server.home / DIRECTORY / "intro.ipynb").exists()
        assert "api" in server.get("api/spec.yaml")
