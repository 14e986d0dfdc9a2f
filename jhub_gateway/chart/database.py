"""Where the hub's database is."""

from collections.abc import Mapping, MutableMapping

from traitlets.config import Config

from jhub_gateway.chart.chart_values import ChartValues

SQLITE = {"sqlite-pvc": "sqlite:///jupyterhub.sqlite", "sqlite-memory": "sqlite://"}
# Where the drivers of these databases look for the password.
_PASSWORDS = {"mysql": "MYSQL_PWD", "postgres": "PGPASSWORD"}


def set_database(
    config: Config,
    chart: ChartValues,
    secrets: Mapping[str, str],
    environment: MutableMapping[str, str],
) -> None:
    """Set the database's address, and hand its password to the driver."""
    kind = chart.get("hub.db.type")
    if (url := SQLITE.get(kind) or chart.get("hub.db.url")) is not None:
        config.JupyterHub.db_url = url
    if kind in _PASSWORDS and (password := secrets.get("hub.db.password")) is not None:
        environment[_PASSWORDS[kind]] = password
