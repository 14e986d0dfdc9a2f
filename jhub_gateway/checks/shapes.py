"""Values of another form than the chart can use: a text where it wants a mapping, and the like."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

from jhub_gateway.chart.values import Values
from jhub_gateway.checks.report import Problem
from jhub_gateway.policy.setting_paths import Path

# By their dotted path, where * is any key; what is around a value before it.
_SHAPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("cull", "hub", "prePuller", "scheduling", "singleuser"), (dict,)),
    "hub.config": (dict,),
    "hub.config.*": (dict,),
    "hub.db": (dict,),
    "hub.db.type": (str,),
    "hub.extraConfig": (dict,),
    "hub.extraConfig.*": (str,),
    "hub.loadRoles": (dict,),
    "hub.loadRoles.*": (dict,),
    "hub.services": (dict,),
    "hub.services.*": (dict,),
    "imagePullSecrets": (list,),
    "prePuller.extraImages": (dict,),
    "singleuser.extraFiles": (dict,),
    "singleuser.extraFiles.*": (dict,),
    "singleuser.extraFiles.*.mountPath": (str,),
    "singleuser.extraTolerations": (list,),
    "singleuser.image": (dict,),
    "singleuser.image.pullSecrets": (list,),
    "singleuser.networkPolicy": (dict,),
    "singleuser.storage": (dict,),
    "singleuser.storage.extraVolumes": (dict, list),
    "singleuser.storage.extraVolumeMounts": (dict, list),
    "singleuser.storage.extraVolumeMounts.*": (dict,),
    "scheduling.userPods.tolerations": (list,),
}
_NAMES: dict[type, str] = {dict: "a mapping", list: "a list", str: "a text"}


def take_out_misshapen(values: Values) -> tuple[dict[str, Any], list[Problem]]:
    """Return the values without those of a wrong form, and a problem for each of these.

    What then seems to be missing comes of it alone.
    """
    data = deepcopy(values.data)
    problems = []
    for pattern, kinds in _SHAPES.items():
        *above, last = pattern.split(".")
        for path, mapping in _find_mappings(data, above):
            for key in list(mapping) if last == "*" else [last]:
                if mapping.get(key) is not None and not isinstance(mapping[key], kinds):
                    del mapping[key]
                    problems.append(_make_problem((*path, key), kinds))
    return data, problems


def _find_mappings(
    value: Any, pattern: Sequence[str], path: Path = ()
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield each mapping at the pattern, with the path to it."""
    if not isinstance(value, dict):
        return
    if not pattern:
        yield path, value
        return
    first, *rest = pattern
    for key in value if first == "*" else [first]:
        yield from _find_mappings(value.get(key), rest, (*path, key))


def _make_problem(path: Path, kinds: Sequence[type]) -> Problem:
    wanted = " or ".join(_NAMES[kind] for kind in kinds)
    return Problem(path, f"it must be {wanted}", explains=path)
