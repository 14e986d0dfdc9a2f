"""LocalGatewaySpawner: users' servers on the hub's own machine.

With systemd, if it runs this machine, the hub is root and ``jupyterhub-systemdspawner`` is
installed; else as processes under the hub's own account. It is settled when this is imported.
"""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING


def is_systemd_usable(running: Path = Path("/run/systemd/system")) -> bool:
    """Return whether this hub can start units: systemd(7) says that ``running`` exists then."""
    return running.is_dir() and os.geteuid() == 0 and find_spec("systemdspawner") is not None


if TYPE_CHECKING or not is_systemd_usable():
    from jhub_gateway.local.process_spawner import ProcessGatewaySpawner as _Spawner
else:
    from jhub_gateway.local.systemd_spawner import SystemdGatewaySpawner as _Spawner


class LocalGatewaySpawner(_Spawner):
    """The same profiles and homes as GatewaySpawner, without Kubernetes, on one machine."""
