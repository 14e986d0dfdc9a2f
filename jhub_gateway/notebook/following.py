"""Waiting for a job that another system works at. Standard library alone.

The states are those of GA4GH's TES and WES, which are the same.
"""

import re
import time
from collections.abc import Callable

from jhub_gateway.notebook.jobs import job
from jhub_gateway.notebook.troubles import is_passing

GOOD = "COMPLETE"
ENDS = {
    "EXECUTOR_ERROR": "The program that it ran ended with an error.",
    "SYSTEM_ERROR": (
        "The service could not run it, which is no fault of your program. Submit it again, and "
        "tell the gateway's support if that does not help."
    ),
    "CANCELED": "It was cancelled.",
    "PREEMPTED": "The cluster took its place away for other work. Submit it again.",
}

_EVERY = 2.0
_SELDOM = 15.0
_SLOWER = 1.3
"""Seconds between two looks: the first, the longest, and how one grows into the other."""

_PATIENCE = 60.0
"""Seconds for which a service that does not answer is asked again."""

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_MOST_LINES = 12
_MOST_HOURS = 24 * 7


class JobFailed(Exception):
    """A job ended without a result. ``state`` is how; the message says what to do."""

    def __init__(self, message: str, state: str) -> None:
        super().__init__(message)
        self.state = state


def follow(
    name: str,
    get_state: Callable[[], str],
    get_log: Callable[[], str] | None = None,
    *,
    show: Callable[[str], object] = print,
) -> None:
    """Wait until a job is done, and show each state that it comes to; ``name`` is for people.

    ``get_state`` asks the service, and is asked every 2 to 15 seconds. ``get_log`` returns what the
    job's program said; its last lines are shown if it failed. Meanwhile this server counts as in
    use. Raises JobFailed, and what ``get_state`` raises; a service that is away for less than a
    minute is waited for.
    """
    with job(name, hours=_MOST_HOURS):
        state = _wait(name, get_state, show)
    if state != GOOD:
        raise JobFailed(_explain(name, state, get_log), state)


def _wait(name: str, get_state: Callable[[], str], show: Callable[[str], object]) -> str:
    began, shown, pause = time.monotonic(), "", _EVERY
    while True:
        state = _ask(get_state, show)
        if state != shown:
            show(f"{name}: {state} after {time.monotonic() - began:.0f} s")
            shown, pause = state, _EVERY
        if state == GOOD or state in ENDS:
            return state
        time.sleep(pause)
        pause = min(pause * _SLOWER, _SELDOM)


def _ask(get_state: Callable[[], str], show: Callable[[str], object]) -> str:
    end, is_told = time.monotonic() + _PATIENCE, False
    while True:
        try:
            return get_state()
        except Exception as error:
            if not is_passing(error) or time.monotonic() >= end:
                raise
        if not is_told:
            show("The service does not answer. Asking again for up to a minute.")
            is_told = True
        time.sleep(_EVERY)


def _explain(name: str, state: str, get_log: Callable[[], str] | None) -> str:
    text = f"{name} ended as {state}. {ENDS[state]}"
    log = _COLOURS.sub("", get_log()) if get_log else ""
    lines = log.strip().splitlines()[-_MOST_LINES:]
    return "\n".join([f"{text} The last lines that it said:", *lines]) if lines else text
