"""Progress for people, on stderr: stdout carries only the result."""

import signal
import sys


def say(message: str) -> None:
    """Show one line of progress."""
    print(f"bench: {message}", file=sys.stderr, flush=True)


def end_once() -> None:
    """End on the first Ctrl-C: a second one would leave the files and the pods of the run."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)


def _end(_number: int, _frame: object) -> None:
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    say("ending, and removing everything ...")
    raise KeyboardInterrupt
