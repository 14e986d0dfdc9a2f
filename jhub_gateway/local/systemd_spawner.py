"""Servers as systemd units, each user under an account of their own."""

from pathlib import Path
from typing import Any

from systemdspawner import SystemdSpawner
from traitlets import default

from jhub_gateway.credentials.directory_store import READABLE
from jhub_gateway.errors import ConfigurationError
from jhub_gateway.local.data_directory import PASSABLE, prepare_data_directory
from jhub_gateway.local.server import CREDENTIALS, LocalServer
from jhub_gateway.policy.directories import make_directory_name, make_owner_label
from jhub_gateway.policy.layout import DATASETS, GROUPS, HOMES, TUTORIALS, USAGE

_STATE = Path("/var/lib")  # where systemd keeps what StateDirectory= names
_VIEW = Path("/run/gateway")  # where each unit sees its owner's data


class SystemdGatewaySpawner(LocalServer, SystemdSpawner):
    """Starts users' servers as transient systemd units, with dynamic users.

    Systemd makes the account and the home of each user, lets no other account into it, and
    limits memory and CPU of all the server's processes together.
    """

    # What SystemdSpawner brings.
    cmd: list[str]
    unit_extra_properties: dict[str, Any]

    makes_homes = False
    # The unit's account is not known before the unit runs. Nobody else gets to the files: the
    # directory above them is the hub's alone, and each unit is shown its own.
    credentials_mode = READABLE

    @default("data_directory")
    def _default_data_directory(self) -> str:
        return str(_STATE / "jhub-gateway")

    @default("dynamic_users")
    def _default_dynamic_users(self) -> bool:
        return True

    @classmethod
    def check_at_start(cls, app: Any) -> None:
        """Refuse what systemd's units cannot have."""
        super().check_at_start(app)
        self = cls.make_for_checks(app)
        if self.memory_limit_method not in ("auto", "systemd"):
            raise ConfigurationError(
                f"memory_limit_method: {self.memory_limit_method!r} is not for systemd's units; "
                "set c.JupyterHub.spawner_class to "
                "'jhub_gateway.local.process_spawner.ProcessGatewaySpawner' "
                "for servers without systemd"
            )
        check_below_state(self.data_directory)
        for name in ("BindPaths", "BindReadOnlyPaths", "TemporaryFileSystem"):
            if name in self.unit_extra_properties:
                raise ConfigurationError(
                    f"unit_extra_properties: {name!r} would replace the mounts of users' data"
                )

    @classmethod
    def prepare_at_start(cls, app: Any) -> None:
        """Prepare the data directory and say what holds; systemd makes the homes itself."""
        # Users pass through it to their own homes, and can list nothing.
        self = cls.make_for_checks(app)
        prepare_data_directory(self.root, PASSABLE)
        super().prepare_at_start(app)
        app.log.info(
            "Homes are in %s; systemd limits memory and CPU for all processes of a server "
            "together, and each user has an account of their own",
            self.data_directory,
        )

    @property
    def root(self) -> Path:
        """The directory that stands for the share. Not resolved, as systemd wants it below its own.

        Each home in it is a link into /var/lib/private, which systemd makes.
        """
        return Path(self.data_directory)

    @property
    def runtime(self) -> Path:
        """Run files of the unit, outside the home, which may be full."""
        return Path("/run", self.unit_name)

    @property
    def data_path(self) -> Path:
        """Where the unit's mounts are."""
        return _VIEW

    @property
    def usage_path(self) -> Path:
        """One of the unit's mounts."""
        return _VIEW / USAGE

    @property
    def credentials_path(self) -> Path:
        """One of the unit's mounts."""
        return _VIEW / CREDENTIALS

    @property
    def tutorials_path(self) -> Path:
        """One of the unit's mounts."""
        return _VIEW / TUTORIALS

    def prepare_share(self) -> None:
        """Check whose home it is, and make its folders; systemd makes the home."""
        super().prepare_share()
        # The accounts are made for each unit. Nobody gets here but by a mount, as no account may
        # enter groups/ itself.
        for folder in self.mounted_folders:
            (self.root / GROUPS / folder.folder).chmod(0o2777)

    def make_mounts(self) -> dict[str, str]:
        """Return the unit's properties that show it the owner's data, and nobody else's."""
        read = {
            self.usage_root / HOMES / self.home_directory: USAGE,
            self.root / TUTORIALS: TUTORIALS,
        }
        if self.gives_credentials:
            read[self.make_credential_store().path] = CREDENTIALS
        write: dict[Path, str] = {}
        for folder in self.mounted_folders:
            place = f"{GROUPS}/{folder.folder}"
            (read if folder.read_only else write)[self.root / place] = place
        for dataset in self.mounted_datasets:
            read[self.root / DATASETS / dataset.sub_path] = f"{DATASETS}/{dataset.name}"
        mounts = {"BindReadOnlyPaths": read, "BindPaths": write}
        return {
            name: " ".join(f"{source}:{_VIEW / place}" for source, place in paths.items())
            for name, paths in mounts.items()
            if paths
        }

    def make_properties(self) -> dict[str, str]:
        """Return the unit's properties beside those that SystemdSpawner sets."""
        return {
            # All servers of a user have one account, or they would take the home from each other.
            "User": f"jg-{make_owner_label(self.identity)[:16]}",
            "StateDirectory": str(self.home.relative_to(_STATE)),
            "StateDirectoryMode": "0700",
            "WorkingDirectory": str(self.home),
            "MemorySwapMax": "0",
            # Else each unit would see the names of what others have mounted there.
            "TemporaryFileSystem": f"{_VIEW}:ro",
            **self.make_mounts(),
        }

    def get_env(self) -> dict[str, str]:
        """Add what is the user's own, which JupyterHub asks of local processes alone."""
        return self.user_env(super().get_env())

    async def start(self) -> tuple[str, int] | None:
        """Start the unit under a name, account and home that are fit for any user name.

        JupyterHub makes a spawner for each start, so that settings can be changed for this one.
        """
        await self.prepare_start()
        self.unit_name = make_unit_name(self.identity, self.name)
        self.unit_extra_properties = {**self.make_properties(), **self.unit_extra_properties}
        # SystemdSpawner makes HOME from the user name, which need not be fit for a path.
        command = ["/usr/bin/env", f"HOME={self.home}", *self.make_command()]
        # SystemdSpawner fills {USERNAME} into each part.
        self.cmd = [part.replace("{", "{{").replace("}", "}}") for part in command]
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
