"""What the hub tells Prometheus of users' credentials: how they are, and how renewals go."""

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import REGISTRY, Counter, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

STATES = ("valid", "late", "ended")

_RENEWALS = Counter(
    "jhub_gateway_credential_renewals",
    "Requests to a provider or a system for a credential, by result: renewed, failed or refused",
    ["credential", "system", "result"],
)
_UNWRITTEN = Counter(
    "jhub_gateway_credential_write_failures",
    "Times that a user's credentials could not be put where their servers read them",
)

FindHealth = Callable[[], Iterable[Mapping[str, Any]]]


def count_renewal(credential: str, system: str, result: str) -> None:
    """A credential was asked for; ``result`` is "renewed", "failed" or "refused" for good."""
    _RENEWALS.labels(credential, system, result).inc()


def count_unwritten() -> None:
    """Credentials could not be written."""
    _UNWRITTEN.inc()


class CredentialStates(Collector):
    """How the credentials are of users whose servers run, counted at each scrape."""

    def __init__(self) -> None:
        self._find_health: FindHealth = tuple

    def show(self, find_health: FindHealth) -> None:
        """Count these from now on: what servers are told, for each user one."""
        self._find_health = find_health

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauge without its values."""
        yield GaugeMetricFamily(
            "jhub_gateway_credentials",
            "Credentials of users whose servers run, by state: valid, late (not renewed in time) "
            "or ended",
            labels=["credential", "system", "state"],
        )

    def collect(self) -> Iterator[Metric]:
        """Yield the gauge; each credential that there is has all three states."""
        tally: Tally[tuple[str, str, str]] = Tally()
        for health in self._find_health():
            for one in health["credentials"]:
                tally[one["name"], one["system"], one["state"]] += 1
        for family in self.describe():
            for name, system in {key[:2]: None for key in tally}:
                for state in STATES:
                    family.add_metric([name, system, state], tally[name, system, state])
            yield family


CREDENTIAL_STATES = CredentialStates()
REGISTRY.register(CREDENTIAL_STATES)
