"""Which of several culling services is at work: the holder of a Lease, where there is Kubernetes.

Elsewhere each is, which does no harm: the hub lets one stop through.
"""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from secrets import token_hex

from jhub_gateway.clients.leases import Lease, LeaseUnavailable
from jhub_gateway.policy.reconciliation import make_lease_name

# A Lease outlives this many passes that fail.
_PASSES = 3
_LEAST_SECONDS = 30
_RELEASE_SECONDS = 3
_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class Election:
    """Whether this process is at work. Without a Lease it always is."""

    def __init__(self, lease: Lease | None, log: logging.Logger) -> None:
        self._lease = lease
        self._log = log
        self._told = ""

    async def is_won(self) -> bool:
        """Ask for the Lease, or keep it; return whether this process is at work."""
        if self._lease is None:
            return True
        try:
            is_held = await self._lease.hold()
        except LeaseUnavailable as problem:
            self._log.warning(
                "No culler is elected, and this one works without: the Lease can't be had (%s). "
                "helm-values/manifests/beside-chart/reconciler-rbac.yaml has the right to it",
                problem,
            )
            self._lease = None
            return True
        if self._lease.holder != self._told:
            self._told = self._lease.holder
            self._log.info("The culler at work is %s", "this one" if is_held else self._told)
        return is_held

    async def end(self) -> None:
        """Let another one be elected at once."""
        if self._lease is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._lease.release(), _RELEASE_SECONDS)


@asynccontextmanager
async def open_election(
    namespace: str, hub_name: str, interval: float, log: logging.Logger
) -> AsyncIterator[Election]:
    """Take part in the election of the hub's culler, until the end.

    ``namespace`` is where the Lease is, "" for the pod's own. ``interval`` is that of the passes.
    """
    # Kubernetes gives it to each pod; a service of the hub has it if the hub's settings say so.
    if "KUBERNETES_SERVICE_HOST" not in os.environ:
        yield Election(None, log)
        return
    # Its import takes a second, which nobody else shall wait for.
    from kubernetes_asyncio.client import ApiClient, Configuration
    from kubernetes_asyncio.config import ConfigException, load_incluster_config

    configuration = Configuration()
    try:
        load_incluster_config(client_configuration=configuration)
        namespace = namespace or _read_namespace()
    except (ConfigException, OSError) as problem:
        log.warning("No culler is elected, and this one works without: %s", problem)
        yield Election(None, log)
        return
    async with ApiClient(configuration) as client:
        lease = Lease(
            client,
            namespace,
            f"{make_lease_name(hub_name)}-culler",
            f"{socket.gethostname()}_{token_hex(4)}",
            max(interval * _PASSES, _LEAST_SECONDS),
        )
        election = Election(lease, log)
        try:
            yield election
        finally:
            await election.end()


def _read_namespace() -> str:
    return _NAMESPACE.read_text().strip()
