"""A hub whose servers share one account listens on loopback, unless it is allowed by name."""

from types import SimpleNamespace

import pytest
from jupyterhub.app import JupyterHub
from traitlets.config import Config

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.local.network import check_local_mode, is_on_this_machine


def make_app(**traits: str) -> JupyterHub:
    return JupyterHub(**traits)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.10",
        "::1",
        "[::1]",
        "localhost",
        "http://localhost:8000",
        "https://127.0.0.1:443/hub",
        "http://[::1]:8000",
        "unix+http://%2Frun%2Fhub.sock",
    ],
)
def test_on_this_machine(address: str) -> None:
    assert is_on_this_machine(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "*",
        "::",
        "0.0.0.0",
        "http://:8000",
        "http://*:8000",
        "http://[::]:8000",
        "10.0.0.1",
        "http://localhost.example.org:8000",
        "http://127.0.0.1.example.org",
        "hub.example.org",
        "hub.localhost",
        "http://127.0.0.1@10.0.0.1:8000",
    ],
)
def test_not_on_this_machine(address: str) -> None:
    assert not is_on_this_machine(address)


def test_jupyterhub_listens_everywhere_unless_told_so_it_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"JupyterHub\.bind_url is 'http://:8000"):
        check_local_mode(make_app(), "127.0.0.1", is_allowed=False)


@pytest.mark.parametrize("traits", [{"ip": "127.0.0.1"}, {"bind_url": "http://[::1]:8000/hub/"}])
def test_loopback_alone_is_accepted(traits: dict[str, str]) -> None:
    app = SimpleNamespace(
        bind_url=make_app(**traits).bind_url, hub_bind_url="", hub_ip="127.0.0.1", config=Config()
    )
    app.bind_url = f"http://{traits['ip']}:8000" if "ip" in traits else app.bind_url
    check_local_mode(app, "", is_allowed=False)


@pytest.mark.parametrize(
    ("traits", "server_ip", "named"),
    [
        ({"hub_ip": "0.0.0.0"}, "", "JupyterHub.hub_ip is '0.0.0.0'"),
        ({"hub_bind_url": "http://10.0.0.1:8081"}, "", "JupyterHub.hub_bind_url is 'http://10"),
        ({}, "0.0.0.0", "Spawner.ip is '0.0.0.0'"),
    ],
)
def test_the_hub_and_the_servers_are_checked_too(
    traits: dict[str, str], server_ip: str, named: str
) -> None:
    app = make_app(bind_url="http://127.0.0.1:8000", **traits)
    with pytest.raises(ConfigurationError) as refusal:
        check_local_mode(app, server_ip, is_allowed=False)
    assert str(refusal.value).startswith(named)
    assert "allow_shared_account_on_network" in str(refusal.value)


def test_the_proxys_api_is_checked_too() -> None:
    app = make_app(bind_url="http://127.0.0.1:8000")
    app.config.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:8001"
    check_local_mode(app, "", is_allowed=False)
    app.config.ConfigurableHTTPProxy.api_url = "http://0.0.0.0:8001"
    with pytest.raises(ConfigurationError, match=r"^ConfigurableHTTPProxy\.api_url is 'http://0"):
        check_local_mode(app, "", is_allowed=False)


def test_the_operator_may_allow_it() -> None:
    check_local_mode(make_app(bind_url="http://0.0.0.0:8000"), "0.0.0.0", is_allowed=True)
