"""The operator's way to a cluster: a kubeconfig and one of its contexts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from kubernetes_asyncio.client import ApiClient, Configuration
from kubernetes_asyncio.config import ConfigException, load_kube_config
from kubernetes_asyncio.config.kube_config import list_kube_config_contexts

from jhub_gateway.clients.user_agents import name_caller
from jhub_gateway.upgrade.errors import UpgradeError


@asynccontextmanager
async def open_client(kubeconfig: Path | None, context: str | None) -> AsyncIterator[ApiClient]:
    """Give a client with the operator's rights. Raises UpgradeError."""
    configuration = Configuration()
    file = str(kubeconfig) if kubeconfig else None
    try:
        await load_kube_config(file, context, client_configuration=configuration)
    except ConfigException as problem:
        raise UpgradeError(f"the cluster is not known: {problem}; give --kubeconfig") from None
    async with ApiClient(configuration) as client:
        name_caller(client)
        yield client


def find_namespace(kubeconfig: Path | None, context: str | None) -> str:
    """Return the namespace that the kubeconfig has for the context, as kubectl takes it."""
    file = str(kubeconfig) if kubeconfig else None
    try:
        contexts, current = list_kube_config_contexts(file)
    except ConfigException as problem:
        raise UpgradeError(f"the cluster is not known: {problem}; give --kubeconfig") from None
    found = next((one for one in contexts if one["name"] == context), current) or {}
    return str(found.get("context", {}).get("namespace") or "default")
