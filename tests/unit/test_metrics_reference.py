"""docs/reference/metrics.md has every metric of the code, and no other."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

import jhub_gateway
from tests.unit.samples import list_own

PAGE = Path(__file__).parents[2] / "docs/reference/metrics.md"
# Name, labels in braces, kind, what it tells.
ROW = re.compile(r"^\| `(\w+)(?:\{([\w,]+)\})?` \| (\w+) \| (.+) \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def registered() -> dict[str, tuple[str, set[str]]]:
    """Kind and labels of each metric, by its name in a query."""
    for module in pkgutil.walk_packages(jhub_gateway.__path__, "jhub_gateway."):
        if module.name.endswith(("metrics", ".ages")):
            importlib.import_module(module.name)
    suffix = {"counter": "_total"}
    found = {one.name + suffix.get(one.type, ""): one for one in list_own()}
    return {name: (one.type, find_labels(one.name)) for name, one in found.items()}


def find_labels(name: str) -> set[str]:
    collector = REGISTRY._names_to_collectors[name]
    describe = getattr(collector, "describe", list)
    for family in describe():
        if family.name == name:
            return set(getattr(collector, "_labelnames", ()) or getattr(family, "_labelnames", ()))
    return set()


def test_the_page_has_each_metric_with_its_kind_and_labels(registered):
    listed = {
        name: (kind, set(labels.split(",")) if labels else set())
        for name, labels, kind, _ in ROW.findall(PAGE.read_text())
    }
    assert listed == registered


def test_each_row_is_one(registered):
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert len(rows) == len(registered) == len(ROW.findall(PAGE.read_text()))


def test_names_end_with_their_unit(registered):
    for name, (kind, _) in registered.items():
        assert re.fullmatch(r"jhub_gateway_[a-z0-9_]+", name)
        assert (kind == "counter") == name.endswith("_total"), name
        assert not re.search(r"_(ms|millis\w*|minutes|hours|days|kb|mb|gb|mib|gib|percent)\b", name)
        if kind == "histogram":
            assert name.endswith(("_seconds", "_bytes", "_ratio")), name
