"""The demo from its installed parts to Ctrl-C."""

import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from http import HTTPStatus
from typing import Any, NoReturn
from urllib.error import URLError
from urllib.request import urlopen

from demo.accounts import make_table, provide_accounts
from demo.node import find_node, install_packages
from demo.paths import DEMO, IDENTITY_PROVIDER, PROXY, STATE
from demo.ports import Ports
from demo.processes import Processes, get_log
from demo.progress import say
from demo.secret_files import provide_secret

CLIENT_ID = "jupyterhub"
START_SECONDS = 60


def run(ports: Ports, is_kubernetes: bool) -> None:
    """Serve the demo until Ctrl-C. Raises DemoError when it can't."""
    _treat_as_ctrl_c(signal.SIGTERM, signal.SIGHUP)
    install_packages(IDENTITY_PROVIDER)
    install_packages(PROXY)
    accounts = provide_accounts()
    with _processes() as processes:
        say("Starting the gateway's identity provider and the hub ...")
        _start_identity_provider(processes, ports, accounts)
        _start_hub(processes, ports, is_kubernetes)
        _show_welcome(ports, accounts)
        with suppress(KeyboardInterrupt):
            processes.watch()
        say("\nStopping the hub and all servers ...")
    say("Stopped. Files and accounts stay in .demo for the next start.")


@contextmanager
def _processes() -> Iterator[Processes]:
    processes = Processes()
    try:
        yield processes
    finally:
        # An impatient second Ctrl-C must not leave processes behind.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        processes.stop()


def _start_identity_provider(
    processes: Processes, ports: Ports, accounts: list[dict[str, Any]]
) -> None:
    settings = {
        "clients": [_make_client(ports)],
        "accounts": accounts,
        "hint": "The accounts of this demo are in the terminal where it was started.",
    }
    name = "identity provider"
    command = [find_node().executable, "server.mjs", "--config", "-"]
    command += ["--port", str(ports.identity_provider)]
    processes.start(name, command, cwd=IDENTITY_PROVIDER, text=json.dumps(settings))
    discovery = f"{_get_issuer(ports)}/.well-known/openid-configuration"
    processes.wait_until(partial(_answers, discovery), name, START_SECONDS)


def _make_client(ports: Ports) -> dict[str, Any]:
    hubs = [f"http://{host}:{ports.public}" for host in ("127.0.0.1", "localhost")]
    return {
        "client_id": CLIENT_ID,
        "client_name": "JupyterHub",
        "client_secret": provide_secret("client-secret"),
        "application_type": "native",
        "redirect_uris": [f"{hub}/hub/oauth_callback" for hub in hubs],
        "post_logout_redirect_uris": [f"{hub}/hub/login" for hub in hubs],
    }


def _start_hub(processes: Processes, ports: Ports, is_kubernetes: bool) -> None:
    for name in ("cookie-secret", "crypt-key"):
        provide_secret(name)
    config = DEMO / ("kubernetes_config.py" if is_kubernetes else "jupyterhub_config.py")
    command = [sys.executable, "-m", "jupyterhub", "-f", config]
    processes.start("hub", command, cwd=STATE, env=_make_hub_environment(ports))
    # The hub first: until it listens, each request to the proxy is an error in the log.
    for port in (ports.hub, ports.public):
        health = f"http://127.0.0.1:{port}/hub/health"
        processes.wait_until(partial(_answers, health), "hub", START_SECONDS)


def _make_hub_environment(ports: Ports) -> Mapping[str, str]:
    """Return the hub's environment: it finds configurable-http-proxy and node on PATH."""
    programs = [
        os.path.dirname(sys.executable),
        str(PROXY / "node_modules" / ".bin"),
        str(find_node().executable.parent),
        os.environ.get("PATH", os.defpath),
    ]
    return {
        **os.environ,
        "PATH": os.pathsep.join(programs),
        "PORT": str(ports.public),
        "GATEWAY_ISSUER": _get_issuer(ports),
    }


def _get_issuer(ports: Ports) -> str:
    return f"http://127.0.0.1:{ports.identity_provider}"


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as response:  # noqa: S310
            return response.status == HTTPStatus.OK
    except (URLError, OSError):
        return False


def _show_welcome(ports: Ports, accounts: list[dict[str, Any]]) -> None:
    say(f"\nThe hub is ready: http://127.0.0.1:{ports.public}\n")
    say(make_table(accounts))
    if os.geteuid() == 0:
        say("\nNote: this is root, and so are the users' servers. Any other account is better.")
    say(f"\nLogs: {os.path.relpath(get_log('hub').parent)}. Ctrl-C stops everything.")


def _treat_as_ctrl_c(*signals: signal.Signals) -> None:
    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    for number in signals:
        signal.signal(number, interrupt)
