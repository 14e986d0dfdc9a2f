"""etcd, the API server, the controllers and the scheduler. Needs no root."""

import shutil
import socket
from pathlib import Path

import yaml

from . import process
from .api import Api
from .kubeconfig import write_kubeconfig
from .paths import KUBECONFIG, LOGS, NAME, PKI, STATE, make_private_dir
from .pki import Authority, Credential, make_signing_key
from .progress import step

NAMES = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"]

SERVICE_RANGE = "10.96.0.0/16"
SERVICE_ADDRESS = "10.96.0.1"
SERVICE_NAMES = ("kubernetes.default.svc", "kubernetes.default.svc.cluster.local")

# A node whose kubelet is stopped is called lost after 40 s: more than a test's patience.
NODE_LOSS = {"node-monitor-grace-period": "12s", "node-monitor-period": "1s"}

CONFIG = STATE / "control-plane"
ETCD_DATA = STATE / "etcd"


def start(authority: Authority) -> Api:
    """Start the control plane with fresh data and write the administrator's kubeconfig."""
    shutil.rmtree(ETCD_DATA, ignore_errors=True)
    make_private_dir(CONFIG)
    hosts = ("127.0.0.1", "localhost", SERVICE_ADDRESS, *SERVICE_NAMES)
    server = authority.issue("server", "kube-apiserver", hosts=hosts)
    etcd_port, peer_port, api_port = get_free_ports(3)
    with step("starting etcd and the API server"):
        _start_etcd(authority, server, etcd_port, peer_port)
        _start_api_server(authority, server, etcd_port, api_port)
        api = _write_admin_kubeconfig(authority, f"https://127.0.0.1:{api_port}")
        process.wait_until(
            "the API server was ready", api.is_ready, needs=["kube-apiserver", "etcd"], seconds=60
        )
    with step("starting the controllers and the scheduler"):
        _start_controllers(authority, f"https://127.0.0.1:{api_port}")
        process.wait_until(
            "the controllers had made the default service account",
            lambda: bool(api.get("/api/v1/namespaces/default/serviceaccounts/default")),
            needs=["kube-controller-manager", "kube-scheduler"],
            seconds=60,
        )
    return api


def stop() -> None:
    """Stop the control plane, those first that talk to the others."""
    for name in reversed(NAMES):
        process.stop(name)


def is_running() -> bool:
    """Whether every program of the control plane runs."""
    return all(process.get_pid(name) for name in NAMES) and KUBECONFIG.exists()


def get_free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on, all different."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in sockets]
    for listener in sockets:
        listener.close()
    return ports


def _start_etcd(authority: Authority, server: Credential, port: int, peer_port: int) -> None:
    client, peer = f"https://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    process.start(
        "etcd",
        f"--data-dir={ETCD_DATA}",
        # The data dies with the cluster: nothing is gained by waiting for the disk.
        "--unsafe-no-fsync",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--client-cert-auth",
        f"--trusted-ca-file={authority.certificate}",
        f"--cert-file={server.certificate}",
        f"--key-file={server.key}",
    )


def _start_api_server(authority: Authority, server: Credential, etcd_port: int, port: int) -> None:
    client = authority.issue("apiserver-client", "kube-apiserver", ("system:masters",))
    signing_key, signing_public = make_signing_key("service-accounts")
    flags = {
        "bind-address": "127.0.0.1",
        "advertise-address": "127.0.0.1",
        # The Service `kubernetes` needs an address that pods can reach: services.py gives it one.
        "endpoint-reconciler-type": "none",
        "secure-port": port,
        "etcd-servers": f"https://127.0.0.1:{etcd_port}",
        "etcd-cafile": authority.certificate,
        "etcd-certfile": client.certificate,
        "etcd-keyfile": client.key,
        "tls-cert-file": server.certificate,
        "tls-private-key-file": server.key,
        "client-ca-file": authority.certificate,
        "kubelet-certificate-authority": authority.certificate,
        "kubelet-client-certificate": client.certificate,
        "kubelet-client-key": client.key,
        "kubelet-preferred-address-types": "InternalIP",
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-account-key-file": signing_public,
        "service-account-signing-key-file": signing_key,
        "service-cluster-ip-range": SERVICE_RANGE,
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "allow-privileged": "true",
        "audit-policy-file": _write_audit_policy(),
        "audit-log-path": LOGS / "audit.log",
        "audit-log-maxsize": 200,
        "audit-log-maxbackup": 1,
    }
    process.start("kube-apiserver", *_make_flags(flags))


def _start_controllers(authority: Authority, server: str) -> None:
    scheduler = CONFIG / "kube-scheduler.kubeconfig"
    manager = CONFIG / "kube-controller-manager.kubeconfig"
    for path in (scheduler, manager):
        user = f"system:{path.stem}"
        write_kubeconfig(path, server, authority.issue(path.stem, user))
    common = {"leader-elect": "false", "bind-address": "127.0.0.1"}
    manager_port, scheduler_port = get_free_ports(2)
    manager_flags = {
        **common,
        "kubeconfig": manager,
        "secure-port": manager_port,
        "use-service-account-credentials": "true",
        "service-account-private-key-file": PKI / "service-accounts.key",
        "root-ca-file": authority.certificate,
        # A claim that misses its volume by a moment waits this long: 15 s are a test's patience.
        "pvclaimbinder-sync-period": "1s",
        # At the usual 20 requests a second its own start takes 5 s.
        "kube-api-qps": 200,
        "kube-api-burst": 400,
        **(NODE_LOSS if NAME == "faults" else {}),
    }
    scheduler_flags = {**common, "kubeconfig": scheduler, "secure-port": scheduler_port}
    for name, flags in (
        ("kube-controller-manager", manager_flags),
        ("kube-scheduler", scheduler_flags),
    ):
        process.start(name, *_make_flags(flags))


def _write_admin_kubeconfig(authority: Authority, server: str) -> Api:
    admin = authority.issue("admin", "jhub-gateway-test-admin", ("system:masters",))
    write_kubeconfig(KUBECONFIG, server, admin)
    return Api(KUBECONFIG)


def _write_audit_policy() -> Path:
    """A policy that logs who called what: the benchmarks count the calls by user agent."""
    path = CONFIG / "audit-policy.yaml"
    policy = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {"level": "None", "nonResourceURLs": ["/healthz*", "/readyz*", "/livez*"]},
            {"level": "Metadata"},
        ],
    }
    path.write_text(yaml.safe_dump(policy, sort_keys=False))
    return path


def _make_flags(flags: dict[str, object]) -> list[str]:
    return [f"--{name}={value}" for name, value in flags.items()]
