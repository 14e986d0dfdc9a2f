"""Servers as systemd units, each user under an account of their own."""

from pathlib import Path
from typing import Any

from systemdspawner import SystemdSpawner
from traitlets import default

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.local.server import LocalServer
from jhub_gateway.policy.directories import make_directory_name, make_owner_label
from jhub_gateway.policy.layout import HOMES

_STATE = Path("/var/lib")  # where systemd keeps what StateDirectory= names


class SystemdGatewaySpawner(LocalServer, SystemdSpawner):
    """Starts users' servers as transient systemd units, with dynamic users.

    Systemd makes the account and the home of each user, lets no other account into it, and
    limits memory and CPU of all the server's processes together.
    """

    # What SystemdSpawner brings.
    cmd: list[str]
    unit_extra_properties: dict[str, Any]

    @default("data_directory")
    def _default_data_directory(self) -> str:
        return str(_STATE / "jhub-gateway")

    @default("dynamic_users")
    def _default_dynamic_users(self) -> bool:
        return True

    @classmethod
    def check_at_start(cls, app: Any) -> None:
        """Refuse what systemd's units cannot have."""
        self = cls.make_for_checks(app)
        if self.memory_limit_method not in ("auto", "systemd"):
            raise ConfigurationError(
                f"memory_limit_method: {self.memory_limit_method!r} is not for systemd's units; "
                "set c.JupyterHub.spawner_class to "
                "'jhub_gateway.local.process_spawner.ProcessGatewaySpawner' "
                "for servers without systemd"
            )
        check_below_state(self.data_directory)

    @classmethod
    def prepare_at_start(cls, app: Any) -> None:
        """Say what holds; systemd makes the homes itself."""
        app.log.info(
            "Homes are in %s; systemd limits memory and CPU for all processes of a server "
            "together, and each user has an account of their own",
            cls.make_for_checks(app).data_directory,
        )

    @property
    def home(self) -> Path:
        """The owner's home. Not resolved: systemd makes it, as a link into /var/lib/private."""
        return Path(self.data_directory, HOMES, make_directory_name(self.identity))

    def make_properties(self) -> dict[str, str]:
        """Return the unit's properties beside those that SystemdSpawner sets."""
        return {
            # All servers of a user have one account, or they would take the home from each other.
            "User": f"jg-{make_owner_label(self.identity)[:16]}",
            "StateDirectory": str(self.home.relative_to(_STATE)),
            "StateDirectoryMode": "0700",
            "WorkingDirectory": str(self.home),
            "MemorySwapMax": "0",
        }

    def get_env(self) -> dict[str, str]:
        """Add what is the user's own, which JupyterHub asks of local processes alone."""
        return self.user_env(super().get_env())

    async def start(self) -> tuple[str, int] | None:
        """Start the unit under a name, account and home that are fit for any user name.

        JupyterHub makes a spawner for each start, so that settings can be changed for this one.
        """
        self.load_profile()
        self.unit_name = make_unit_name(self.identity, self.name)
        self.unit_extra_properties = {**self.make_properties(), **self.unit_extra_properties}
        # SystemdSpawner makes HOME from the user name, which need not be fit for a path.
        self.cmd = ["/usr/bin/env", f"HOME={self.home}", *self.cmd]
        return await super().start()


def make_unit_name(identity: str, server_name: str) -> str:
    """Return the name of a server's unit, without ``.service``; no two servers share it.

    It starts like the owner's home, for people who look for it, and ends with a digest of both
    names. SystemdSpawner names the ``RuntimeDirectory=`` by it too, where ``:`` has a meaning
    since systemd 251.
    """
    readable = make_directory_name(identity)[:20]
    # No user name has a zero byte, so that two pairs of names never make one text.
    digest = make_owner_label(f"{identity}\0{server_name}")[:16]
    return f"jhub-gateway-{readable}-{digest}"


def check_below_state(data_directory: str) -> None:
    """Raise ConfigurationError unless the directory is below /var/lib, where systemd can own it."""
    path = Path(data_directory)
    if _STATE not in path.parents or ".." in path.parts:
        raise ConfigurationError(
            f"data_directory: {data_directory!r} must be below /var/lib with systemd, which gives "
            "each home to its user's account; leave it out for /var/lib/jhub-gateway"
        )
