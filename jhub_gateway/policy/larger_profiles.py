"""The next larger size, for a server that ran out of memory."""

from collections.abc import Iterable, Sequence

from jhub_gateway.models import MemoryProfile
from jhub_gateway.policy.profiles import allowed_profiles


def find_larger(
    profiles: Sequence[MemoryProfile], groups: Iterable[str], slug: str
) -> MemoryProfile | None:
    """Return the smallest profile with more memory that a member of ``groups`` may have.

    ``slug`` names the present profile, which may be the user's no more. None if there is no such
    profile, or nothing larger.
    """
    present = next((profile for profile in profiles if profile.slug == slug), None)
    if present is None:
        return None
    mine = allowed_profiles(profiles, groups)
    larger = (profile for profile in mine if profile.memory > present.memory)
    return min(larger, key=lambda profile: profile.memory, default=None)
