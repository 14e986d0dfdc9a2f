"""In which size a link opens for a user, and whether they may have what it names."""

from collections.abc import Collection, Iterable, Sequence

from jhub_gateway.errors import LinkRefused
from jhub_gateway.models import Dataset, GroupFolder, Link, LinkPlan, MemoryProfile
from jhub_gateway.policy.layout import DATASETS, GROUPS
from jhub_gateway.policy.links import name_inside
from jhub_gateway.policy.profiles import allowed_profiles, choose_profile
from jhub_gateway.policy.quantities import format_memory

_ASK = "Ask the gateway's support for access."


def find_dataset(link: Link, datasets: Iterable[Dataset]) -> Dataset | None:
    """Return the link's data set, None if it names none; ``datasets`` are those the user may read.

    Raises LinkRefused, in the same words for one that is not there.
    """
    if not link.dataset:
        return None
    for dataset in datasets:
        if dataset.name == link.dataset:
            return dataset
    raise LinkRefused(
        f"The data set {link.dataset} of this link is not open to you. {_ASK}",
        "the user may not have the data set, or there is none of that name",
    )


def check_place(link: Link, datasets: Iterable[Dataset], folders: Iterable[GroupFolder]) -> None:
    """Raise LinkRefused if the notebook is in a data set or a folder that the user may not have."""
    inside = name_inside(link.notebook)
    if inside is None:
        return
    mine = {(DATASETS, dataset.name) for dataset in datasets}
    mine |= {(GROUPS, folder.folder) for folder in folders}
    if inside not in mine:
        raise LinkRefused(
            f"The notebook of this link is in gateway/{'/'.join(inside)}, which is not open to "
            f"you. {_ASK}",
            "the user may not have the folder, or there is none of that name",
        )


def plan_link(
    link: Link,
    profiles: Sequence[MemoryProfile],
    groups: Collection[str],
    dataset: Dataset | None,
    factor: float,
) -> LinkPlan:
    """Return the size in which the link opens for a member of ``groups``.

    It is the profile that the link names; without one the smallest whose memory is ``factor`` times
    the size of the data, or else the user's default. ``dataset`` is the link's, with its size in
    bytes where that is known.

    Raises ProfileNotAllowed, or LinkRefused, with a sentence for the user.
    """
    if not profiles and not link.profile:
        return LinkPlan(dataset=dataset)
    if link.profile or dataset is None or dataset.size is None:
        return LinkPlan(choose_profile(profiles, groups, link.profile), dataset)
    # Raises where none is the user's.
    choose_profile(profiles, groups)
    wanted = factor * dataset.size
    mine = allowed_profiles(profiles, groups)
    if fitting := [profile for profile in mine if profile.memory >= wanted]:
        return LinkPlan(min(fitting, key=_get_memory), dataset)
    if any(profile.memory >= wanted for profile in profiles):
        raise LinkRefused(
            f"The data set {dataset.name} of this link takes {format_memory(dataset.size)}, and "
            f"none of the server sizes that are open to you has enough memory for it. {_ASK}",
            f"no profile of the user's has {format_memory(int(wanted))}",
        )
    # No size of the gateway's holds it: it is meant to be read in parts.
    return LinkPlan(max(mine, key=_get_memory), dataset, is_tight=True)


def _get_memory(profile: MemoryProfile) -> int:
    return profile.memory
