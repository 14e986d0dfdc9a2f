"""An operator's way to a cluster: a kubeconfig and one of its contexts."""

from pathlib import Path
from typing import Any

import yaml
from kubernetes_asyncio.client import Configuration
from kubernetes_asyncio.config import (
    ConfigException,
    list_kube_config_contexts,
    load_kube_config,
)

from jhub_gateway.errors import ConfigurationError


async def read_kubeconfig(
    kubeconfig: Path | None, context: str | None
) -> tuple[Configuration, str]:
    """Return how the cluster is reached, and the namespace that the context has.

    Without a file it is ``KUBECONFIG`` or ``~/.kube/config``, without a context the file's current
    one. Raises ConfigurationError where there is no such cluster.
    """
    configuration = Configuration()
    file = str(kubeconfig) if kubeconfig else None
    try:
        contexts, current = list_kube_config_contexts(file)
        await load_kube_config(file, context, configuration)
    except (ConfigException, OSError) as problem:
        raise ConfigurationError(
            f"the cluster is not known: {problem}; give --kubeconfig"
        ) from None
    except (yaml.YAMLError, TypeError, ValueError, AttributeError):
        # What it says may be of the file's contents.
        raise ConfigurationError(
            f"{kubeconfig or 'the kubeconfig'} is no kubeconfig: give another with --kubeconfig"
        ) from None
    chosen: Any = next((one for one in contexts if one["name"] == context), current) or {}
    return configuration, str(chosen.get("context", {}).get("namespace") or "default")
