"""What a pod reserves of its node, as Kubernetes' scheduler counts it.

Amounts are whole numbers by resource: bytes of memory, thousandths of a core, and so many of
anything else; ``pods`` is 1, as a node takes only so many of them.
"""

from collections.abc import Mapping
from functools import lru_cache
from math import ceil

from jhub_gateway.policy.kube_objects import Object, read_object, read_objects, read_text
from jhub_gateway.policy.quantities import parse_quantity

Amounts = Mapping[str, int]
# What a pod may name for all of its containers together.
_OF_THE_POD = ("cpu", "memory")


def sum_requests(spec: Object) -> dict[str, int]:
    """Return what the pod of this ``spec`` reserves.

    All containers run at once, and before them one init container after the other, beside those
    that keep running. https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
    """
    beside: dict[str, int] = {}
    most: dict[str, int] = {}
    for container in read_objects(spec, "initContainers"):
        own = read_amounts(read_object(container, "resources", "requests"))
        if read_text(container, "restartPolicy") == "Always":
            beside = add(beside, own)
            most = _take_larger(most, beside)
        else:
            most = _take_larger(most, add(beside, own))
    together = beside
    for container in read_objects(spec, "containers"):
        together = add(together, read_amounts(read_object(container, "resources", "requests")))
    own = read_amounts(read_object(spec, "resources", "requests"))
    whole = {name: own[name] for name in _OF_THE_POD if name in own}
    amounts = _take_larger(most, together) | whole
    return add(amounts, read_amounts(read_object(spec, "overhead"))) | {"pods": 1}


def read_amounts(quantities: Object) -> dict[str, int]:
    """Return amounts as the API writes them; what can't be read counts as none."""
    return {name: _read(str(value), name == "cpu") for name, value in quantities.items()}


def add(some: Amounts, more: Amounts) -> dict[str, int]:
    """Return both together."""
    return {name: some.get(name, 0) + more.get(name, 0) for name in (*some, *more)}


def subtract(left: dict[str, int], amounts: Amounts, times: int = 1) -> None:
    """Take so many times the amounts of what is left; of a node that was overfull, less than 0."""
    for name, amount in amounts.items():
        left[name] = left.get(name, 0) - amount * times


def count_fits(left: Amounts, amounts: Amounts) -> int:
    """Return how many pods that reserve ``amounts`` each there is room for."""
    return max(0, min(left.get(name, 0) // one for name, one in amounts.items() if one))


def _take_larger(some: Amounts, other: Amounts) -> dict[str, int]:
    return {name: max(some.get(name, 0), other.get(name, 0)) for name in (*some, *other)}


@lru_cache(4096)
def _read(text: str, is_cpu: bool) -> int:
    try:
        return ceil(parse_quantity(text) * (1000 if is_cpu else 1))
    except ValueError:
        return 0
