"""The demo from its installed parts to Ctrl-C."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http import HTTPStatus
from typing import Any, NoReturn
from urllib.error import URLError
from urllib.request import urlopen

from demo.accounts import make_table, provide_accounts
from demo.cluster import NAMESPACE, Cluster, find_cluster
from demo.locks import only_one_run
from demo.namespace import prepare_cluster, remove_pods
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
    # SIGINT too: a shell without job control starts background commands with it ignored.
    _treat_as_ctrl_c(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    with only_one_run(STATE / "run.lock"):
        find_node()
        install_packages(IDENTITY_PROVIDER)
        install_packages(PROXY)
        cluster = find_cluster() if is_kubernetes else None
        _serve(ports, cluster)
    say("Stopped. Files and accounts stay in .demo for the next start.")


def _serve(ports: Ports, cluster: Cluster | None) -> None:
    accounts = provide_accounts()
    if cluster:
        say(f"Preparing the namespace {NAMESPACE} ...")
        prepare_cluster(cluster)
    with _processes(cluster) as processes:
        say("Starting the gateway's identity provider and the hub ...")
        _start_identity_provider(processes, ports, accounts)
        _start_hub(processes, ports, cluster)
        _show_welcome(ports, accounts, cluster)
        with suppress(KeyboardInterrupt):
            processes.watch()
        say("\nStopping the hub and all servers ...")


@contextmanager
def _processes(cluster: Cluster | None) -> Iterator[Processes]:
    processes = Processes()
    try:
        yield processes
    finally:
        # An impatient second Ctrl-C must not leave processes behind.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        processes.stop()
        if cluster:
            remove_pods(cluster)


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


def _start_hub(processes: Processes, ports: Ports, cluster: Cluster | None) -> None:
    for name in ("cookie-secret", "crypt-key"):
        provide_secret(name)
    config = DEMO / ("kubernetes_config.py" if cluster else "jupyterhub_config.py")
    command = [sys.executable, "-m", "jupyterhub", "-f", config]
    environment = _make_hub_environment(ports) | (cluster.environment if cluster else {})
    processes.start("hub", command, cwd=STATE, env=environment)
    host = cluster.hub_ip if cluster else "127.0.0.1"
    # The hub first: until it listens, each request to the proxy is an error in the log.
    for address in (f"{host}:{ports.hub}", f"127.0.0.1:{ports.public}"):
        health = f"http://{address}/hub/health"
        processes.wait_until(partial(_answers, health), "hub", START_SECONDS)


def _make_hub_environment(ports: Ports) -> dict[str, str]:
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


def _show_welcome(ports: Ports, accounts: list[dict[str, Any]], cluster: Cluster | None) -> None:
    say(f"\nThe hub is ready: http://127.0.0.1:{ports.public}\n")
    say(make_table(accounts))
    if os.geteuid() == 0 and not cluster:
        say("\nNote: this is root, and so are the users' servers. Any other account is better.")
    say(f"\nLogs: {os.path.relpath(get_log('hub').parent)}. Ctrl-C stops everything.")


def _treat_as_ctrl_c(*signals: signal.Signals) -> None:
    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    for number in signals:
        signal.signal(number, interrupt)
