"""``hub.config``, which the chart hands to the hub as it is, and the secrets, which it does not."""

from collections.abc import Mapping
from typing import Any

from traitlets.config import Config

from jhub_gateway.chart.chart_values import ChartValues
from jhub_gateway.errors import ConfigurationError

COOKIE_SECRET = "hub.config.JupyterHub.cookie_secret"  # noqa: S105
CRYPT_KEYS = "hub.config.CryptKeeper.keys"

# The chart keeps these in its Secret, or has another value for them.
_ELSEWHERE = {
    "JupyterHub": {"proxy_auth_token", "cookie_secret", "services"},
    "ConfigurableHTTPProxy": {"auth_token"},
    "CryptKeeper": {"keys"},
}


def set_secrets(config: Config, secrets: Mapping[str, str]) -> None:
    """Set the secrets that all hubs need. Raises ConfigurationError if one is missing."""
    config.JupyterHub.cookie_secret = get_secret(secrets, COOKIE_SECRET)
    config.CryptKeeper["keys"] = get_secret(secrets, CRYPT_KEYS).split(";")


def get_secret(secrets: Mapping[str, str], key: str) -> str:
    """Return a key of the chart's Secret. Raises ConfigurationError if it is missing."""
    if key not in secrets:
        raise ConfigurationError(f"the hub's Secret has no key {key}, which the chart makes")
    return secrets[key]


def pass_hub_config(config: Config, chart: ChartValues) -> None:
    """Set each trait that ``hub.config`` names. Raises ConfigurationError."""
    for section, traits in list_sections(chart).items():
        check_section(section, traits)
        config[section].update(traits)


def list_sections(chart: ChartValues) -> dict[str, Any]:
    """Return the sections of ``hub.config``, without what the chart has elsewhere."""
    return {
        section: _leave_out(traits, _ELSEWHERE.get(section, set()))
        for section, traits in chart.get("hub.config", {}).items()
    }


def check_section(section: str, traits: object) -> None:
    """Raise ConfigurationError for what the chart would stop the hub for."""
    if not section[:1].isupper():
        raise ConfigurationError(
            f"hub.config.{section}: a section is the name of a class, such as JupyterHub, and "
            "begins with a capital"
        )
    if not isinstance(traits, Mapping):
        raise ConfigurationError(f"hub.config.{section} is no mapping of settings to values")


def _leave_out(traits: Any, names: set[str]) -> Any:
    if not isinstance(traits, Mapping):
        return traits
    return {name: value for name, value in traits.items() if name not in names}
