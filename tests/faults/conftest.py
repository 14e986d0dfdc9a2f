"""Hubs on the cluster whose parts may be stopped, and the seed of what is left to chance."""

import os
import random
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.faults.registry import Registry
from tests.faults.site import FaultSite, start_site
from tests.fixtures.cluster import make_namespace
from tests.fixtures.fault_cluster import FaultCluster

MakeSite = Callable[..., FaultSite]


@pytest.fixture
def make_fault_site(fault_cluster: FaultCluster, tmp_path: Path) -> Iterator[MakeSite]:
    """Starts hubs in a namespace of this test's, with proxies of their own."""
    with open_sites(fault_cluster, tmp_path) as make:
        yield make


@pytest.fixture
def site(make_fault_site: MakeSite) -> FaultSite:
    """One hub."""
    return make_fault_site()


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    """A registry of images that can't be pulled."""
    registry = Registry()
    yield registry
    registry.stop()


@pytest.fixture(scope="module")
def shared_site(
    fault_cluster: FaultCluster, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FaultSite]:
    """One hub for the tests of a module that break single pods alone."""
    with open_sites(fault_cluster, tmp_path_factory.mktemp("site")) as make:
        yield make(registry.make_config())


@pytest.fixture
def chance() -> random.Random:
    """What happens when, at random. FAULTS_SEED repeats a run that failed."""
    seed = os.environ.get("FAULTS_SEED") or secrets.token_hex(4)
    print(f"FAULTS_SEED={seed}")
    return random.Random(seed)  # noqa: S311


@contextmanager
def open_sites(cluster: FaultCluster, directory: Path) -> Iterator[MakeSite]:
    """Hubs of one namespace, which end with it."""
    with make_namespace(cluster.kubeconfig, cluster.storage) as space, ExitStack() as sites:

        def make(more: str = "", **options: object) -> FaultSite:
            folder = directory / f"hub-{secrets.token_hex(2)}"
            started = start_site(folder, space, more, **options)
            sites.callback(started.end)
            return started

        yield make
