"""A JupyterHub spawner and authenticator for science gateways.

The public classes are imported when they are asked for, so that ``import jhub_gateway``
is cheap and needs neither JupyterHub nor a Kubernetes client.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jhub_gateway.authenticator import GatewayAuthenticator
    from jhub_gateway.local import LocalGatewaySpawner
    from jhub_gateway.spawner import GatewaySpawner
    from jhub_gateway.startup import prepare_hub

__version__ = "0.2.0"
__all__ = [
    "GatewayAuthenticator",
    "GatewaySpawner",
    "LocalGatewaySpawner",
    "__version__",
    "prepare_hub",
]

_MODULES = {
    "GatewayAuthenticator": "jhub_gateway.authenticator",
    "GatewaySpawner": "jhub_gateway.spawner",
    "LocalGatewaySpawner": "jhub_gateway.local",
    "prepare_hub": "jhub_gateway.startup",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
