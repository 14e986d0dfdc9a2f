"""What the demo's hub is set to wherever its users' servers run: addresses, login and sizes.

The hub starts in the folder .demo, where it keeps its database and its secrets.
"""

import os
from pathlib import Path

c = get_config()  # noqa: F821

# Addresses. The browser talks to the proxy at PORT; the other two are between hub and proxy.
port = int(os.environ["PORT"])
c.JupyterHub.bind_url = f"http://127.0.0.1:{port}"
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{port + 2}"
c.JupyterHub.hub_port = port + 3

# The hub's database: users, groups, their servers and tokens. One for each PORT: it is part of the
# identity provider's address, and another provider's user of the same name is refused.
c.JupyterHub.db_url = f"sqlite:///jupyterhub-{port}.sqlite"
c.JupyterHub.upgrade_db = True

# Secrets, made at the first start, readable by their owner alone. The first signs the browsers'
# cookies; the second encrypts the tokens that users bring from the gateway's login.
secrets = Path("secrets").resolve()
c.JupyterHub.cookie_secret_file = str(secrets / "cookie-secret")
c.CryptKeeper.keys = [(secrets / "crypt-key").read_text()]

# Login at the gateway. Its addresses are found from the issuer.
c.JupyterHub.authenticator_class = "gateway"
c.GatewayAuthenticator.issuer = os.environ["GATEWAY_ISSUER"]
c.GatewayAuthenticator.client_id = "jupyterhub"
c.GatewayAuthenticator.client_secret = (secrets / "client-secret").read_text()
c.GatewayAuthenticator.login_service = "Demo Science Gateway"
c.GatewayAuthenticator.scope = ["openid", "profile", "email", "groups"]

# What the page with the login button says above it.
c.JupyterHub.template_vars = {
    "announcement_login": "A demo of jhub-gateway. "
    "Its accounts are in the terminal where it was started."
}

# Who may use the hub, and who administers it. Nobody else is let in.
c.GatewayAuthenticator.allowed_groups = {"/gateway/users"}
c.GatewayAuthenticator.admin_groups = {"/gateway/admins"}

# A demo's visitors try several accounts in one browser, so the gateway asks each time who they
# are. Leave it out in production, where a login at the gateway should hold for the hub too.
c.GatewayAuthenticator.extra_authorize_params = {"prompt": "login"}

# The sizes that users choose from. The hub decides at each start whether they may.
large_memory = ["/gateway/large-memory"]
c.ProfiledSpawner.memory_profiles = [
    {
        "slug": "small",
        "display_name": "Small",
        "description": "Teaching, exploring, plots of small tables",
        "memory": "1G",
        "cpu": 1,
        "default": True,
    },
    {
        "slug": "medium",
        "display_name": "Medium",
        "description": "Tables of some hundred megabytes, one model at a time",
        "memory": "2G",
        "cpu": 1,
        "allowed_groups": large_memory,
    },
    {
        "slug": "large",
        "display_name": "Large",
        "description": "Data that barely fits: images, genomes, simulations",
        "memory": "4G",
        "cpu": 2,
        "allowed_groups": large_memory,
    },
]

# A folder that the members of a group share. They find it at gateway/groups in their homes.
c.GroupFolderSpawner.group_folders = [
    {"group": "/gateway/large-memory", "folder": "large-memory", "access": "read-write"},
]
