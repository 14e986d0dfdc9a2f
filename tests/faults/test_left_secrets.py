"""The hub is killed while it makes and removes its users' Secrets."""

import time

from tests.faults.site import FaultSite
from tests.faults.wholeness import HUB_LABEL, check_hub_is_whole
from tests.integration.test_authenticator import sign_in

KILLS = 2
CONFIG = """
c.JupyterHub.authenticator_class = "gateway"
c.GatewayAuthenticator.issuer = "{issuer}"
c.GatewayAuthenticator.client_id = "{client_id}"
c.GatewayAuthenticator.client_secret = "{client_secret}"
c.GatewayAuthenticator.scope = ["openid", "profile", "email", "groups"]
c.GatewayAuthenticator.allowed_groups = {{"/gateway/users"}}

# Secrets that nobody reads go after two looks, which are 600 s apart elsewhere.
from jhub_gateway.credentials import keeper
keeper.SWEEP_SECONDS = 3
"""


def test_no_secret_outlives_the_servers_that_read_it(make_fault_site, identity_provider, chance):
    site = make_fault_site(CONFIG.format(**vars(identity_provider)))
    for user in ("ada", "grace"):
        sign_in(site.hub, identity_provider.accounts[user])
        site.add_token(user)
    site.start("ada")
    before = site.read_all(["ada"])
    assert count_secrets(site) == 1
    method = "POST"
    for _ in range(KILLS):
        site.ask_later(method, "grace")
        time.sleep(chance.uniform(0, 2))
        site.crash_hub()
        site.hub.restart()
        method = "DELETE" if method == "POST" else "POST"
    check_hub_is_whole(site, before)
    assert count_secrets(site) == len(site.get_ready())


def count_secrets(site: FaultSite) -> int:
    """How many users' credentials there are."""
    selector = ("-l", f"{HUB_LABEL}={site.hub_name}", "-o", "name")
    return len(site.namespace.kubectl("get", "secrets", *selector).split())
