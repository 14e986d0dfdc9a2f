"""Progress for people, on stderr: stdout carries only the result."""

import sys


def say(message: str) -> None:
    """Show one line of progress."""
    print(f"bench: {message}", file=sys.stderr, flush=True)
