"""The profiles of a site's values files, with what the chart's own values add to them."""

from collections.abc import Sequence
from pathlib import Path

from jhub_gateway.chart.chart_values import ChartValues
from jhub_gateway.chart.values import read_values
from jhub_gateway.errors import ConfigurationError
from jhub_gateway.models import MemoryProfile
from jhub_gateway.policy.profiles import fill_cpu, parse_profiles

_PROFILES = "hub.config.GatewaySpawner.memory_profiles"


def read_profiles(files: Sequence[Path]) -> tuple[MemoryProfile, ...]:
    """Return the profiles of these values files, merged as helm merges them.

    What a profile doesn't say of cpu is ``singleuser.cpu``'s. Raises ConfigurationError, and
    OSError for a file that can't be opened.
    """
    chart = ChartValues(read_values(files).data)
    entries = chart.get(_PROFILES)
    if not isinstance(entries, list) or not entries:
        raise ConfigurationError(
            f"{_PROFILES}: there are no profiles in {', '.join(map(str, files))}; leave -f out for "
            "the ladder that the plan makes"
        )
    limit, guarantee = chart.get("singleuser.cpu.limit"), chart.get("singleuser.cpu.guarantee")
    return tuple(fill_cpu(profile, limit, guarantee) for profile in parse_profiles(entries))
