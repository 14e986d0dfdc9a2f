"""A gateway with all its systems, for pods of a hub: what an operator has beside the hub."""

import json
import secrets
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme

from tests.cluster.versions import USER_IMAGE
from tests.e2e.sites import HUB_IP
from tests.fixtures.arvados_data import ArvadosData
from tests.fixtures.cluster import Namespace
from tests.fixtures.dataverse_data import DataverseData
from tests.fixtures.ftp_server import FtpServer
from tests.fixtures.gateway_client import introspect
from tests.fixtures.gateway_systems import ADMIN_TOKEN, System
from tests.fixtures.identity_provider import IdentityProvider
from tests.fixtures.jatos_data import JatosData
from tests.fixtures.protected_proxy import ProtectedProxy
from tests.fixtures.tes.server import API as TES
from tests.fixtures.tes.server import TesServer
from tests.fixtures.tes.transfer import FtpAccount
from tests.fixtures.wes_server import API as WES
from tests.fixtures.wes_server import WesServer

AUDIENCES = ["tes", "wes"]
AUTHORITY = "/etc/gateway-ca/ca.pem"
_CONFIG_MAP = "gateway-ca"

# Where helm-values/certificate-authority.yaml would be with Zero to JupyterHub.
_CONFIG = """
c.GatewayAuthenticator.http_request_kwargs = {{"ca_certs": "{ca}"}}
c.KubeSpawner.volumes = [{{"name": "ca", "configMap": {{"name": "{config_map}"}}}}]
c.KubeSpawner.volume_mounts = [{{"name": "ca", "mountPath": "{folder}", "readOnly": True}}]
c.KubeSpawner.environment = {{
    "SSL_CERT_FILE": "{authority}",
    "REQUESTS_CA_BUNDLE": "{authority}",
    "GATEWAY_TUTORIAL_IMAGE": "{image}",
}}
c.GatewaySpawner.credentials = {credentials}
"""


@dataclass
class Gateway:
    """The systems, and the Kubernetes namespace in which the TES server's tasks are pods.

    `wes` and `tes` are what users reach, `wes_server` is behind the former. `files` are those of
    the FTP server's account, `credentials` is the hub's setting of that name.
    """

    tes: ProtectedProxy
    wes: ProtectedProxy
    wes_server: WesServer
    ftp: FtpServer
    files: Path
    arvados: ArvadosData
    dataverse: DataverseData
    jatos: JatosData
    tasks: Namespace
    ca: Path
    credentials: list[dict[str, object]]

    def make_config(self, namespace: Namespace) -> str:
        """The hub's configuration for it; the namespace of its pods is told whom to trust."""
        trust = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": _CONFIG_MAP},
            "data": {Path(AUTHORITY).name: self.ca.read_text()},
        }
        namespace.kubectl("create", "-f", "-", manifest=trust)
        return _CONFIG.format(
            ca=self.ca,
            config_map=_CONFIG_MAP,
            folder=Path(AUTHORITY).parent,
            authority=AUTHORITY,
            image=USER_IMAGE,
            credentials=json.dumps(self.credentials, indent=4),
        )


class _Maker:
    """Starts systems at the address by which pods reach this machine; `stack` ends them."""

    def __init__(self, stack: ExitStack, provider: IdentityProvider, directory: Path) -> None:
        self._stack = stack
        self._provider = provider
        self._directory = directory
        self._authority = trustme.CA()
        self.ca = directory / "ca.pem"
        self._authority.cert_pem.write_to_path(self.ca)
        self.files = directory / "ftp-files"

    def keep(self, started: Any) -> Any:
        """Have it stopped in the end."""
        self._stack.callback(started.stop)
        return started

    def write_secret(self, name: str, **texts: str) -> Path:
        """A folder as the hub sees an operator's Secret."""
        folder = self._directory / f"secret-{name}"
        folder.mkdir()
        for file, text in texts.items():
            (folder / file).write_text(text)
        return folder

    def make_ftp(self) -> tuple[FtpServer, str, str]:
        """The server, with the passwords of users' account and of the TES server's."""
        ftp: FtpServer = self.keep(FtpServer(HUB_IP))
        passwords = secrets.token_urlsafe(12), secrets.token_urlsafe(12)
        for name, password in zip(("gateway", "tes"), passwords, strict=True):
            ftp.add_account(name, password, self.files)
        return ftp, *passwords

    def make_wes(self) -> WesServer:
        """Started already."""
        folder = self._directory / "wes"
        folder.mkdir()
        server: WesServer = self.keep(WesServer(folder))
        server.start()
        return server

    def make_proxy(self, backend: str, audience: str) -> ProtectedProxy:
        """What users reach of a server."""
        return self.keep(ProtectedProxy(self._provider, backend, host=HUB_IP, audience=audience))

    def make_system(self, kind: type[System]) -> Any:
        """One that takes the login's tokens, by https alone."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(HUB_IP).configure_cert(context)
        system = self.keep(kind(HUB_IP, context))
        system.is_login = lambda token: introspect(self._provider, token)["active"]
        return system


@contextmanager
def run_gateway(provider: IdentityProvider, tasks: Namespace, directory: Path) -> Iterator[Gateway]:
    """Start all and end all; tasks run in `tasks`. The provider must exchange for AUDIENCES."""
    with ExitStack() as stack:
        maker = _Maker(stack, provider, directory)
        ftp, password, own_password = maker.make_ftp()
        account = FtpAccount(f"{ftp.host}:{ftp.port}", "tes", own_password)
        tes_server = maker.keep(TesServer(tasks, account))
        wes_server = maker.make_wes()
        arvados, dataverse, jatos = map(maker.make_system, (ArvadosData, DataverseData, JatosData))
        jatos.users = ({"id": 7, "username": "ada"},)
        tes = maker.make_proxy(tes_server.url, "tes")
        wes = maker.make_proxy(wes_server.url, "wes")
        users = maker.write_secret("ftp", username="gateway", password=password)
        admin = maker.write_secret("jatos", token=ADMIN_TOKEN)
        credentials: list[dict[str, object]] = [
            {"name": "tes", "system": "ga4gh", "audience": "tes", "url": f"{tes.url}{TES}"},
            {"name": "wes", "system": "ga4gh", "audience": "wes", "url": f"{wes.url}{WES}"},
            {
                "name": "ftp",
                "system": "ftp",
                "host": ftp.host,
                "port": ftp.port,
                "audience": ftp.url,
                "directory": str(users),
            },
            {"name": "arvados", "system": "arvados", "api_hosts": [arvados.host]},
            {"name": "dataverse", "system": "dataverse", "url": dataverse.url},
            {
                "name": "jatos",
                "system": "jatos",
                "url": jatos.url,
                "admin_token_file": str(admin / "token"),
                "user": "username",
            },
        ]
        yield Gateway(
            tes=tes,
            wes=wes,
            wes_server=wes_server,
            ftp=ftp,
            files=maker.files,
            arvados=arvados,
            dataverse=dataverse,
            jatos=jatos,
            tasks=tasks,
            ca=maker.ca,
            credentials=credentials,
        )
