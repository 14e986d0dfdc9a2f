"""The whole run: the rig, and the hubs in turns."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.progress import say
from benchmarks.storm.background import run_module
from benchmarks.storm.profile import get_profile_directory
from benchmarks.storm.restart import measure_restart
from benchmarks.storm.rows import Row, make_row
from benchmarks.storm.site import Site, run_site
from benchmarks.storm.storm import run_storm, start_all
from benchmarks.storm.variants import Variant, order_round
from tests.cluster.fake_nodes import run_fake_nodes
from tests.cluster.paths import ROOT

NODES = 10
STORM, SLOW, RESTART = "storm", "slow-creates", "restart"
LIMIT_SECONDS = 180
SLOW_SECONDS = 5
WARM_UP = "warm-up"
RESULTS = ROOT / ".bench"
"""Where rows and logs are kept; git-ignored."""


@dataclass(frozen=True)
class Rig:
    """What all hubs share: the cluster, and those at the other ends of a hub's requests."""

    kubeconfig: Path
    server_port: str
    provider_port: str

    @contextmanager
    def run(self, variant: Variant, name: str, delay: float = 0) -> Iterator[Site]:
        """A hub of the variant, alone on the rig; ``name`` is of its log in RESULTS."""
        ports = (self.server_port, self.provider_port)
        log = RESULTS / f"{name}.log"
        with run_site(variant, self.kubeconfig, *ports, LIMIT_SECONDS, log, delay) as site:
            yield site


@contextmanager
def run_rig(kubeconfig: Path) -> Iterator[Rig]:
    """The fake nodes, the users' servers and the provider, on a cluster that is up."""
    with (
        _be_alone(),
        run_fake_nodes(NODES),
        run_module("fake_server") as server_port,
        run_module("provider") as provider_port,
    ):
        yield Rig(kubeconfig, server_port, provider_port)


@contextmanager
def _be_alone() -> Iterator[None]:
    """Keep out a second storm, which would end the first one's nodes. Raises RuntimeError."""
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeError("another storm runs in this checkout: wait for its end") from None
        yield


def run_rounds(
    rig: Rig, scenario: str, n: int, rounds: int, variants: tuple[Variant, ...]
) -> Iterator[Row]:
    """Storms of ``n`` starts, each variant once a round."""
    for number in range(1, rounds + 1):
        for variant in order_round(number, variants):
            say(f"{scenario}, round {number} of {rounds}: {variant.title}")
            row = measure(rig, variant, scenario, n, number)
            say(_describe(row))
            yield row


def measure(rig: Rig, variant: Variant, scenario: str, n: int, number: int) -> Row:
    """One storm, with a hub that has started one server before."""
    profiles = get_profile_directory()
    names, own = make_names(n), f"{scenario}-{variant.name}-{number}"
    with rig.run(variant, own, delay=SLOW_SECONDS if scenario == SLOW else 0) as site:
        site.add_users([WARM_UP, *names])
        start_all(site, [WARM_UP], LIMIT_SECONDS)
        storm = run_storm(site, names, LIMIT_SECONDS, is_profiled=profiles is not None)
        if profiles is not None:
            profiles.mkdir(parents=True, exist_ok=True)
            target = profiles / f"{own}.pstats"
            shutil.copy(site.hub.directory / "hub.pstats", target)
            say(f"profile: {target}")
    return make_row(variant.name, scenario, number, storm)


def run_restarts(rig: Rig, n: int, variants: tuple[Variant, ...]) -> Iterator[Row]:
    """One restart of a hub with ``n`` servers for each variant, but for claims: a pod is a pod."""
    for variant in (variant for variant in variants if not variant.has_claims):
        say(f"restart with {n} servers: {variant.title}")
        with rig.run(variant, f"{RESTART}-{variant.name}") as site:
            restart = measure_restart(site, make_names(n), LIMIT_SECONDS)
        row = make_row(variant.name, f"{RESTART}-{n}", 1, restart)
        say(_describe(row))
        yield row


def make_names(count: int) -> list[str]:
    """Users' names, all of the same length."""
    return [f"user-{number:04}" for number in range(count)]


def _describe(row: Row) -> str:
    return (
        f"  {row.ready} of {row.n} ready, p50 {row.p50_s} s, last {row.last_s} s, "
        f"{row.hub_cpu_per_start_s * 1000:.1f} ms CPU and {row.api_calls_per_start:.2f} calls a "
        f"start, {row.own_pods_deleted} own pods deleted"
    )
