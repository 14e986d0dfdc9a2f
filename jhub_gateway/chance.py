"""The chance by which renewals and retries are spread."""

from secrets import SystemRandom

_DICE = SystemRandom()


def draw_chance() -> float:
    """Return a random number from 0 to 1."""
    return _DICE.random()
