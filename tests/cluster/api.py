"""The few requests that bringing up the cluster needs, as the kubeconfig's administrator."""

import base64
import http.client
import json
import ssl
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml


class Api:
    """A client of the API server that a kubeconfig of this cluster names."""

    def __init__(self, kubeconfig: Path) -> None:
        content = yaml.safe_load(kubeconfig.read_text())
        cluster = content["clusters"][0]["cluster"]
        user = content["users"][0]["user"]
        self.server: str = cluster["server"]
        self._address = urlsplit(self.server)
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self.context = ssl.create_default_context(cadata=authority)
        with tempfile.NamedTemporaryFile() as file:
            file.write(base64.b64decode(user["client-certificate-data"]))
            file.write(base64.b64decode(user["client-key-data"]))
            file.flush()
            self.context.load_cert_chain(file.name)

    def is_ready(self) -> bool:
        """Whether the API server answers and says that it is ready."""
        return self.call("GET", "/readyz")[0] == 200

    def get(self, path: str) -> dict[str, Any]:
        """The object at `path`, or an empty one if it is not there (or nobody answers)."""
        status, body = self.call("GET", path)
        return json.loads(body) if status == 200 else {}

    def call(
        self, method: str, path: str, content: dict[str, Any] | None = None
    ) -> tuple[int, bytes]:
        """Status code and body of a request; the status is 0 if nobody answers."""
        connection = http.client.HTTPSConnection(
            self._address.hostname or "", self._address.port, timeout=5, context=self.context
        )
        try:
            body = None if content is None else json.dumps(content)
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()
