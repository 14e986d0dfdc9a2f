"""When a token is renewed: early enough for those who read it, and not all users' at once.

All times are seconds since 1970, durations seconds. ``chance`` is a random number from 0 to 1.
"""

# The part of a lifetime after which a token is renewed: somewhere between, so that users who
# logged in together are spread, and a provider that fails leaves the rest to try again.
EARLIEST, LATEST = 0.5, 0.6
# The part after which its readers are told that a renewal has failed so far.
LATE = 0.8
# How long a node may take to show a changed Secret in its pods: the kubelet's period of 60 s, with
# its own spread, and its cache.
NODE_DELAY = 90
FIRST_RETRY, LONGEST_RETRY = 1.0, 60.0


def find_due(requested_at: float, expires_at: float, chance: float) -> float:
    """Return when to renew what was asked for and ends at these times."""
    part = EARLIEST + (LATEST - EARLIEST) * chance
    return requested_at + max(expires_at - requested_at, 0) * part


def find_late(requested_at: float | None, expires_at: float | None) -> float | None:
    """Return when a token that could not be renewed yet is told to be late."""
    if requested_at is None or expires_at is None:
        return None
    return requested_at + max(expires_at - requested_at, 0) * LATE


def find_retry(failures: int, chance: float) -> float:
    """Return how long to wait after so many failures in a row: twice as long each time, up to 60 s.

    Chance takes up to a half of it away, so that hubs and users don't ask together.
    """
    longest = min(FIRST_RETRY * 2.0 ** min(failures - 1, 10), LONGEST_RETRY)
    return longest * (1 - chance / 2)


def is_short(requested_at: float, expires_at: float, delay: float) -> bool:
    """Whether a token may end before its readers see the next one, ``delay`` seconds later."""
    return (expires_at - requested_at) * (1 - LATEST) < delay
