"""The keys with which gateways sign links, as files: an operator's Secret mounted into the hub."""

from pathlib import Path

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.models import LinkGateway
from jhub_gateway.policy.entry_values import read_component
from jhub_gateway.policy.link_rules import GATEWAYS, check_keys


def read_keys(gateway: LinkGateway) -> dict[str, bytes]:
    """Return the gateway's keys of just now by their id, so that one is changed without a restart.

    White space at the end of a file is no part of its key. Raises ConfigurationError.
    """
    directory = Path(gateway.key_directory)
    try:
        # What begins with a dot is Kubernetes' own, or an editor's.
        files = [file for file in directory.iterdir() if not file.name.startswith(".")]
        keys = {read_component(file.name): file.read_bytes().strip() for file in files}
    except OSError as error:
        raise _fail(gateway, f"can't be read: {error.strerror or error}") from None
    except ValueError as error:
        raise _fail(gateway, f"has a file whose name is no key's: {error}") from None
    check_keys(gateway, keys)
    return keys


def _fail(gateway: LinkGateway, problem: str) -> ConfigurationError:
    return ConfigurationError(
        f"{GATEWAYS}: gateway {gateway.issuer!r}: key_directory {gateway.key_directory!r} "
        f"{problem}",
        (GATEWAYS, gateway.issuer),
    )
