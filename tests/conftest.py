"""The five tiers, each marked by its folder, and the real parts that they share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest_plugins = [
    "tests.fixtures.browser",
    "tests.fixtures.cluster",
    "tests.fixtures.hub",
    "tests.fixtures.identity_provider",
    "tests.fixtures.installed_hub",
    "tests.fixtures.fault_cluster",
    "tests.fixtures.fault_proxy",
    "tests.fixtures.ftp_server",
    "tests.fixtures.keycloak",
    "tests.fixtures.postgresql",
    "tests.fixtures.prometheus",
    "tests.fixtures.protected_proxy",
    "tests.fixtures.protected_service",
    "tests.fixtures.tes.server",
    "tests.fixtures.wes_server",
]

# In the order in which they run: what is quick tells first. Tiers that one process has all of are
# begun before the last one, which the other processes run beside them.
TIERS = ("unit", "integration", "faults", "keycloak", "e2e")
# One process has all of these: one Keycloak starts, and one cluster is broken at a time.
ALONE = ("faults", "keycloak")
_TESTS = Path(__file__).parent


# Before xdist looks for groups.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test's tier is the folder that it is in."""
    for item in items:
        item.add_marker(_get_tier(item.path))
        if (tier := _get_tier(item.path)) in ALONE:
            item.add_marker(pytest.mark.xdist_group(tier))
    items.sort(key=lambda item: TIERS.index(_get_tier(item.path)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Show with a test that fails how the log of each of its hubs ends."""
    report = yield
    if report.failed and {"make_hub", "make_fault_site"} & getattr(item, "funcargs", {}).keys():
        for log in sorted(item.funcargs["tmp_path"].glob("hub-*/hub.log")):
            end = "\n".join(log.read_text().splitlines()[-40:])
            report.sections.append((f"The end of the log of {log.parent.name}", end))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the tiers that this machine could not run; a skip among many dots is overlooked."""
    skipped = terminalreporter.stats.get("skipped", [])
    missing = {(_get_tier(_TESTS.parent / one.nodeid), one.longrepr[2]) for one in skipped}
    for tier, reason in sorted(missing):
        terminalreporter.section(f"{tier}: NOT RUN", red=True, bold=True)
        terminalreporter.line(reason)


def _get_tier(path: Path) -> str:
    return path.relative_to(_TESTS).parts[0]
