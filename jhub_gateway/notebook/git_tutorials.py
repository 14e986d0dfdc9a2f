"""Tutorials that the operator keeps in git, pulled into the home while the server starts.

nbgitpuller does the work: it commits what the user changed and never overwrites it. It runs in
a process of its own, as git's settings for a run without a terminal must not reach the user's.
"""

import importlib.util
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import TypedDict

from jhub_gateway.notebook.space import read_space

VARIABLE = "JHUB_GATEWAY_GIT_TUTORIALS"

# Nobody is there to be asked for a password, and a server that stopped answering is given up.
_UNATTENDED = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o ConnectTimeout=60",
    "GIT_HTTP_LOW_SPEED_LIMIT": "1000",
    "GIT_HTTP_LOW_SPEED_TIME": "60",
}
_GIVE_UP_CLONING = 3600
"""Seconds after which another server's unfinished clone is taken for what a crash left."""


class GitTutorial(TypedDict):
    """One entry of JHUB_GATEWAY_GIT_TUTORIALS; ``directory`` is relative to the home."""

    url: str
    branch: str | None
    directory: str


class PullRefused(Exception):
    """A tutorial cannot be pulled; the message is for the server's log."""


def start_pulling(log: logging.Logger) -> Thread | None:
    """Pull the tutorials beside the server, which waits for nothing of it.

    Each tutorial's outcome is one line of the log. Returns the thread, or ``None`` where
    there is nothing to do.
    """
    if not os.environ.get(VARIABLE):
        return None
    space = read_space()
    if space.rescue or space.full:
        log.warning("Git tutorials are left as they are: the home has no space for more.")
        return None
    thread = Thread(target=_run, args=(log,), name="git-tutorials", daemon=True)
    thread.start()
    return thread


def _run(log: logging.Logger) -> None:
    # -P: a file of the home's that has a library's name is not that library.
    command = [sys.executable, "-P", "-m", "jhub_gateway.notebook.git_tutorials"]
    try:
        answer = subprocess.run(
            command,
            cwd=Path.home(),
            env={**_UNATTENDED, **os.environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
    except OSError as error:
        log.warning("Git tutorials: %s", error)
        return
    for line in answer.stdout.splitlines():
        log.info("Git tutorials: %s", line)
    for line in answer.stderr.splitlines():
        log.warning("Git tutorials: %s", line)


def main() -> None:
    """Pull each tutorial of the environment; print a line about each, on stderr if it failed."""
    # Of nbgitpuller's own messages only the reason matters, and that is in its exception.
    logging.disable()
    if importlib.util.find_spec("nbgitpuller") is None or not shutil.which("git"):
        sys.exit("none is pulled, as nbgitpuller or git is not installed beside this server.")
    try:
        tutorials = json.loads(os.environ[VARIABLE])
    except ValueError as error:
        sys.exit(f"{VARIABLE} is no JSON: {error}")
    for tutorial in tutorials:
        _pull_one(tutorial)


def _pull_one(tutorial: GitTutorial) -> None:
    try:
        pull(tutorial, Path.home())
        print(f"{tutorial['directory']} is up to date.")
    # Whatever it is: it is one tutorial's trouble, and a line of the log.
    except Exception as error:
        reason = " ".join(find_reason(error).split())
        print(
            hide_password(f"{tutorial['directory']} is not up to date: {reason}"), file=sys.stderr
        )


def pull(tutorial: GitTutorial, home: Path) -> None:
    """Clone the tutorial into the home, or bring what is there up to date.

    Raises PullRefused for a directory that is no place for it, and what nbgitpuller raises.
    """
    directory = find_directory(tutorial["directory"], home)
    if directory.exists():
        _check_is_clone(directory, tutorial["url"])
        _run_puller(tutorial, directory)
    else:
        _clone(tutorial, directory)


def find_directory(directory: str, home: Path) -> Path:
    """Return the directory of a tutorial; raises PullRefused for one that is not below the home."""
    home = home.resolve()
    found = (home / directory).resolve()
    if home not in found.parents:
        raise PullRefused(f"{directory} is not below the home.")
    return found


def _clone(tutorial: GitTutorial, directory: Path) -> None:
    """Clone beside the directory and rename: a server killed meanwhile leaves no half of it."""
    unfinished = directory.with_name(f".{directory.name}.cloning")
    if unfinished.exists():
        if time.time() - unfinished.stat().st_mtime < _GIVE_UP_CLONING:
            raise PullRefused("another server of this user is cloning it just now.")
        shutil.rmtree(unfinished)
    directory.parent.mkdir(parents=True, exist_ok=True)
    try:
        _run_puller(tutorial, unfinished)
        unfinished.rename(directory)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _check_is_clone(directory: Path, url: str) -> None:
    """Refuse what isn't this tutorial's clone: nbgitpuller would commit to what it finds there."""
    if not (directory / ".git").is_dir():
        raise PullRefused(f"{directory} is there already and is no git repository.")
    command = ["git", "config", "--local", "--get", "remote.origin.url"]
    answer = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    if (origin := answer.stdout.strip()) != url:
        raise PullRefused(f"{directory} is a clone of {origin or 'nothing'}, not of {url}.")


def _run_puller(tutorial: GitTutorial, directory: Path) -> None:
    from nbgitpuller.pull import GitPuller

    puller = GitPuller(tutorial["url"], str(directory), branch=tutorial.get("branch"))
    lines: list[str] = []
    try:
        for line in puller.pull():
            lines.append(line)
    except subprocess.CalledProcessError as error:
        error.stderr = error.stderr or "".join(lines)
        raise


def find_reason(error: BaseException) -> str:
    """Return what git itself said, if an error came of that; else the error's own text."""
    for one in _walk_causes(error):
        if isinstance(one, subprocess.CalledProcessError) and one.stderr:
            lines = one.stderr.strip().splitlines()
            return next((line for line in lines if line.startswith("fatal: ")), lines[-1])
    return str(error) or type(error).__name__


def _walk_causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def hide_password(text: str) -> str:
    """Return the text without the password or token that an address in it may hold."""
    return re.sub(r"(\w+://)[^/@\s]+@", r"\1", text)


if __name__ == "__main__":
    main()
