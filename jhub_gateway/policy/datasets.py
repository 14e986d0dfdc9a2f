"""Datasets: what users read and never change."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from jhub_gateway.models import Dataset
from jhub_gateway.policy.entries import EntryKind
from jhub_gateway.policy.entry_values import (
    read_component,
    read_groups,
    read_size,
    read_sub_path,
    read_text,
)
from jhub_gateway.policy.groups import is_open_to

_KIND = EntryKind(
    trait="datasets",
    noun="dataset",
    required=("name",),
    readers={
        "name": read_component,
        "sub_path": read_sub_path,
        "claim": read_text,
        "description": read_text,
        "size": read_size,
        "allowed_groups": read_groups,
    },
)


def parse_datasets(entries: Sequence[Mapping[str, Any]]) -> tuple[Dataset, ...]:
    """Return the datasets that an operator wrote as ``datasets``. Raises ConfigurationError.

    Without a claim the data are in the share's ``datasets/``, in a directory of the dataset's
    name unless ``sub_path`` says another. With one they are at its root, or at ``sub_path``.
    """
    datasets = tuple(map(_make_dataset, _KIND.read(entries)))
    _KIND.check_unique([dataset.name for dataset in datasets])
    for dataset in datasets:
        _check_closed(dataset, datasets)
    return datasets


def choose_datasets(datasets: Iterable[Dataset], groups: Collection[str]) -> tuple[Dataset, ...]:
    """Return the datasets that a member of ``groups`` may read, in the operator's order."""
    return tuple(dataset for dataset in datasets if is_open_to(groups, dataset.allowed_groups))


def _check_closed(dataset: Dataset, others: Iterable[Dataset]) -> None:
    """Refuse a dataset that more people could read inside another one than may read it."""
    if dataset.allowed_groups is None:
        return
    for other in others:
        mine, theirs = dataset.allowed_groups, other.allowed_groups
        if (theirs is None or not theirs <= mine) and _is_inside(dataset, other):
            raise _KIND.fail(
                dataset.name,
                f"allowed_groups: it lies inside dataset {other.name!r}, which others may read",
            )


def _is_inside(dataset: Dataset, other: Dataset) -> bool:
    place, around = (f"{one.sub_path}/".lstrip("/") for one in (dataset, other))
    return dataset.claim == other.claim and place.startswith(around)


def _make_dataset(values: Mapping[str, Any]) -> Dataset:
    default = {} if "claim" in values else {"sub_path": values["name"]}
    return Dataset(**{**default, **values})
