"""The demo's hub with its users' servers in pods. The hub itself stays on this machine.

On a cluster of yours the hub is a pod too: Zero to JupyterHub starts it, and what is said about
pods here goes into its values.
"""

import os
from pathlib import Path

c = get_config()  # noqa: F821
load_subconfig(str(Path(__file__).with_name("common_config.py")))  # noqa: F821

c.JupyterHub.spawner_class = "gateway"

# Beside the database of the demo without Kubernetes, whose servers are no pods.
c.JupyterHub.db_url = f"sqlite:///kubernetes-{os.environ['PORT']}.sqlite"

# The proxy stays on 127.0.0.1; pods call the hub at this address.
c.JupyterHub.hub_ip = os.environ["DEMO_HUB_IP"]
c.JupyterHub.hub_connect_ip = os.environ["DEMO_HUB_CONNECT_IP"]

# All pods and the claim are in one namespace, which enforces the restricted standard.
c.KubeSpawner.namespace = os.environ["DEMO_NAMESPACE"]
c.KubeSpawner.image = os.environ["DEMO_IMAGE"]
c.KubeSpawner.cmd = ["jupyterhub-singleuser"]
c.KubeSpawner.default_url = "/lab"

# The homes: one claim for everybody, a directory of it for each user. The init image checks whose
# it is, and makes it.
c.GatewaySpawner.shared_claim_name = os.environ["DEMO_CLAIM"]
c.GatewaySpawner.home_init_image = os.environ["DEMO_INIT_IMAGE"]
c.GatewaySpawner.hub_name = "demo"

# Notebooks that each home gets once: those that come with jhub-gateway. What they import is in the
# image.
c.GatewaySpawner.tutorials = [{"name": "gateway-1"}]
