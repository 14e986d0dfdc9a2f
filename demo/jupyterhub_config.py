"""The demo's hub on one machine: each user's server is a process beside the hub."""

import os
from pathlib import Path

from jhub_gateway.local import is_systemd_usable

c = get_config()  # noqa: F821
load_subconfig(str(Path(__file__).with_name("common_config.py")))  # noqa: F821

c.JupyterHub.spawner_class = "local-gateway"

# Where the users' homes are. Back it up.
c.LocalGatewaySpawner.data_directory = "gateway-data"

# How memory is limited: "auto" takes the best of what this machine has, and hub.log says which.
c.LocalGatewaySpawner.memory_limit_method = "auto"

# For the demo alone. A hub that runs as root refuses to run its users' servers as root too; the
# demo allows it, because its few accounts belong to the person who started it.
if os.geteuid() == 0:
    c.LocalGatewaySpawner.args = ["--allow-root"]

# For the demo alone, as root under systemd: each user would have an account of their own, which
# production wants, and their home would be in /var/lib, which no demo should fill.
if is_systemd_usable():
    c.JupyterHub.spawner_class = "jhub_gateway.local.process_spawner.ProcessGatewaySpawner"
    c.ProcessGatewaySpawner = c.LocalGatewaySpawner
