"""Connectors of systems to come, as short as they can be: the interface must hold for them.

Requests and answers are those of the systems' public documentation, which docs/reference/
connectors.md names. None has been tried against the real system.
"""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from jhub_gateway.connectors import Connector
from jhub_gateway.errors import CredentialRefused
from jhub_gateway.models import Issued
from jhub_gateway.policy.credentials import read_settings
from jhub_gateway.policy.entry_values import read_text


class Jatos(Connector):
    """An API token of the user's, which an administrator's token makes and deletes."""

    # JATOS keeps each token until it is deleted: a restart of the hub must not make another.
    is_kept = True

    def __init__(self, name, audience, url, admin_token_file):
        super().__init__(name, audience)
        self.url = url
        self.admin_token_file = Path(admin_token_file)

    @classmethod
    def make(cls, name, audience, settings):
        readers = {"url": read_text, "admin_token_file": read_text}
        return cls(name, audience, **read_settings(name, settings, readers, tuple(readers)))

    async def issue(self, login, service):
        users = (await self._ask(service, "GET", "users"))["data"]
        known = [user["id"] for user in users if user["username"] == login.subject]
        if not known:
            raise CredentialRefused(f"Log in at {self.url} once, then start your server again.")
        path = f"users/{known[0]}/tokens"
        made = (await self._ask(service, "POST", path, {"name": f"notebook {self.name}"}))["data"]
        ends = made.get("expirationDate")
        return Issued(
            {self.name: made["token"].encode()},
            token=self.name,
            expires_at=datetime.fromisoformat(ends).timestamp() if ends else None,
            handle={"now": made["id"]},
        )

    async def renew(self, login, service, issued):
        # The token before the last. Servers may still read the last one for a minute or two.
        await self._delete(service, issued.handle.get("before"))
        renewed = await self.issue(login, service)
        return replace(renewed, handle={**renewed.handle, "before": issued.handle["now"]})

    async def revoke(self, service, issued):
        for token in issued.handle.values():
            await self._delete(service, token)

    async def _delete(self, service, token):
        if token is not None:
            await self._ask(service, "DELETE", f"tokens/{token}")

    async def _ask(self, service, method, path, body=None):
        token = self.admin_token_file.read_text().strip()
        return await service.httpfetch(
            f"{self.url}/jatos/api/v1/{path}",
            method=method,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            body=json.dumps(body) if body else None,
        )


class Arvados(Connector):
    """A token of the user's on one cluster, as the file that Arvados' own tools read."""

    is_kept = True

    def __init__(self, name, audience, api_host, lifetime_seconds, file="settings.conf"):
        super().__init__(name, audience or api_host)
        self.api_host = api_host
        self.lifetime_seconds = lifetime_seconds
        self.file = file

    @classmethod
    def make(cls, name, audience, settings):
        readers = {"api_host": read_text, "lifetime_seconds": int, "file": read_text}
        required = ("api_host", "lifetime_seconds")
        return cls(name, audience, **read_settings(name, settings, readers, required))

    async def issue(self, login, service):
        ends = datetime.now(UTC).timestamp() + self.lifetime_seconds
        record = {"expires_at": datetime.fromtimestamp(ends, UTC).isoformat()}
        made = await self._ask(
            service, login.access_token, "POST", "", {"api_client_authorization": record}
        )
        token = f"v2/{made['uuid']}/{made['api_token']}"
        settings = f"ARVADOS_API_HOST={self.api_host}\nARVADOS_API_TOKEN={token}\n"
        return Issued(
            {self.file: settings.encode()},
            expires_at=ends,
            handle={"uuid": made["uuid"], "token": token},
        )

    async def revoke(self, service, issued):
        await self._ask(service, issued.handle["token"], "DELETE", f"/{issued.handle['uuid']}")

    async def _ask(self, service, token, method, path, body=None):
        return await service.httpfetch(
            f"https://{self.api_host}/arvados/v1/api_client_authorizations{path}",
            method=method,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            body=json.dumps(body) if body else None,
        )


class Dataverse(Connector):
    """The user's one API token, for clients that take no bearer token."""

    # Another token ends the first one, so that it is asked for no more often than it must be.
    is_kept = True

    def __init__(self, name, audience, url):
        super().__init__(name, audience)
        self.url = url

    @classmethod
    def make(cls, name, audience, settings):
        return cls(name, audience, **read_settings(name, settings, {"url": read_text}, ("url",)))

    async def issue(self, login, service):
        answer = await service.httpfetch(
            f"{self.url}/api/users/token/recreate?returnExpiration=true",
            method="POST",
            headers={"Authorization": f"Bearer {login.access_token}"},
            body="",
        )
        told = re.search(r" is (\S+) and expires on (\S+ \S+)", answer["data"]["message"])
        ends = datetime.fromisoformat(told[2]).replace(tzinfo=UTC)
        return Issued({self.name: told[1].encode()}, expires_at=ends.timestamp())

    async def revoke(self, service, issued):
        headers = {"X-Dataverse-key": issued.files[self.name].decode()}
        await service.httpfetch(f"{self.url}/api/users/token", method="DELETE", headers=headers)


# TESK and WES take the provider's access token: no connector of their own.
GA4GH = [
    {"name": "tesk", "system": "plain", "audience": "https://tesk.example/ga4gh/tes/v1"},
    {"name": "wes", "system": "token_exchange", "audience": "wes"},
]
