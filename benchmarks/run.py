"""The whole run: prepare the share, warm the hubs up, measure in turns, remove everything."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import files
from benchmarks.hubs import run_hubs
from benchmarks.prepare import PrepareCost, measure_prepare
from benchmarks.progress import say
from benchmarks.starts import Start, measure_start
from benchmarks.variants import BIG, DATA, PLAIN_EMPTY, VARIANTS, Variant, order_turn
from tests.fixtures.cluster import Namespace, make_namespace
from tests.fixtures.hub import Hub


@dataclass(frozen=True)
class Result:
    """What one run has measured. ``chown_seconds``: of a recursive chown of the big home."""

    starts: list[Start]
    prepare: PrepareCost
    chown_seconds: float


@dataclass(frozen=True)
class Bench:
    """The namespace with its share, and the hubs by name."""

    namespace: Namespace
    hubs: Mapping[str, Hub]

    def start(self, variant: Variant, turn: int) -> Start:
        """Measure one start, with a home that Jupyter has not seen; its server is gone then."""
        user = variant.get_user(turn)
        if variant is PLAIN_EMPTY:
            files.make_home(self.namespace.share, user)
        files.forget_jupyter(self.namespace.share / "homes" / user)
        return measure_start(self.hubs[variant.hub], self.namespace, variant.name, turn, user)


def run(kubeconfig: Path, repeats: int) -> Result:
    """Measure each variant ``repeats`` times, in turns. Leaves nothing behind, however it ends."""
    with _set_up(kubeconfig) as bench:
        _warm_up(bench)
        starts = []
        for turn in range(1, repeats + 1):
            say(f"turn {turn} of {repeats}")
            starts += [bench.start(variant, turn) for variant in order_turn(turn)]
        say("the cost of prepare alone")
        cost = measure_prepare(bench.namespace)
        chown_seconds = files.time_chown(bench.namespace.share / "homes" / BIG)
        say("removing the files")
    return Result(starts, cost, chown_seconds)


@contextmanager
def _set_up(kubeconfig: Path) -> Iterator[Bench]:
    with (
        tempfile.TemporaryDirectory() as directory,
        make_namespace(kubeconfig) as namespace,
    ):
        files.add_data(namespace.share)
        with run_hubs(namespace, Path(directory)) as hubs:
            yield Bench(namespace, hubs)


def _warm_up(bench: Bench) -> None:
    """Start once of each kind: homes get owners, tutorials are given, images and hubs are warm."""
    for variant in VARIANTS:
        say(f"warming up: {variant.title}")
        bench.start(variant, 0)
        if variant.user == BIG and not (bench.namespace.share / "homes" / BIG / "many").exists():
            files.fill_home(bench.namespace.share / "homes" / BIG)
    if not (bench.namespace.share / "homes" / DATA / "tutorials").is_dir():
        raise RuntimeError("the tutorial was not given: there is nothing to measure")
