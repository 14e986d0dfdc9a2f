"""The operator's own rights to a cluster, for as long as an upgrade takes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from kubernetes_asyncio.client import ApiClient

from jhub_gateway.clients.kubeconfig import read_kubeconfig
from jhub_gateway.clients.user_agents import name_caller


@asynccontextmanager
async def open_client(
    kubeconfig: Path | None, context: str | None
) -> AsyncIterator[tuple[ApiClient, str]]:
    """Give a client, and the context's namespace. Raises ConfigurationError."""
    configuration, namespace = await read_kubeconfig(kubeconfig, context)
    async with ApiClient(configuration) as client:
        name_caller(client)
        yield client, namespace
