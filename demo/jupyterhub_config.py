"""The demo's hub on one machine: each user's server is a process beside the hub."""

from jhub_gateway.local import is_systemd_usable

c = get_config()  # noqa: F821
load_subconfig("common_config.py")  # noqa: F821

c.JupyterHub.spawner_class = "local-gateway"

# Where the users' homes are. Back it up.
c.LocalGatewaySpawner.data_directory = "gateway-data"

# How memory is limited: "auto" takes the best of what this machine has, and hub.log says which.
c.LocalGatewaySpawner.memory_limit_method = "auto"

# For the demo alone: as root under systemd each user would have an account of their own and a
# home in /var/lib, and this folder would not be theirs to read. Production wants exactly that.
if is_systemd_usable():
    c.JupyterHub.spawner_class = "jhub_gateway.local_process.ProcessGatewaySpawner"
    c.ProcessGatewaySpawner = c.LocalGatewaySpawner
