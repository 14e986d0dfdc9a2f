"""What a user is told of the memory they really used: that a smaller size would do, or a larger.

It is said only where each of the last sessions says the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jhub_gateway.models import MemoryProfile, MemorySession
from jhub_gateway.policy.larger_profiles import find_larger
from jhub_gateway.policy.profiles import allowed_profiles

SESSIONS = 5
"""So many of the last sessions in a size are looked at."""
_FEWEST = 3
MARGIN = 1.25
"""A size fits a peak that is smaller by so much: a peak is no promise."""
# Where so much of the limit was used the server was about to be ended, or programs in it were.
_NEAR = 0.95


@dataclass(frozen=True, slots=True)
class Feedback:
    """``peak`` bytes were used at most of ``memory``, in the last so many ``sessions``.

    ``profile`` is what fits better, smaller or larger than what was used.
    """

    peak: int
    memory: int
    sessions: int
    profile: MemoryProfile

    @property
    def is_larger(self) -> bool:
        """Whether a larger size is suggested."""
        return self.profile.memory > self.memory


def find_feedback(
    profiles: Sequence[MemoryProfile], groups: Iterable[str], sessions: Sequence[MemorySession]
) -> Feedback | None:
    """Return what the sessions say, the last one first; None if they say nothing.

    They are those of one user in one profile, with what they used. ``groups`` are the user's.
    """
    last = sessions[:SESSIONS]
    peaks = [session.peak for session in last if session.peak is not None]
    if len(peaks) < max(_FEWEST, len(last)):
        return None
    present = next((one for one in profiles if one.slug == last[0].profile), None)
    # A profile that was changed since is another one.
    if present is None or any(session.memory != present.memory for session in last):
        return None
    better = _find_better(profiles, frozenset(groups), present, peaks)
    if better is None:
        return None
    return Feedback(max(peaks), present.memory, len(peaks), better)


def _find_better(
    profiles: Sequence[MemoryProfile],
    groups: frozenset[str],
    present: MemoryProfile,
    peaks: Sequence[int],
) -> MemoryProfile | None:
    if min(peaks) >= _NEAR * present.memory:
        return find_larger(profiles, groups, present.slug)
    mine = allowed_profiles(profiles, groups)
    enough = [one for one in mine if max(peaks) * MARGIN <= one.memory < present.memory]
    return min(enough, key=lambda profile: profile.memory, default=None)
