"""Credentials in Kubernetes: one Secret per user and hub, mounted by the user's pods."""

import time
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import Any, Self

from kubernetes_asyncio.client import CoreV1Api

from jhub_gateway.credentials.digests import make_digest
from jhub_gateway.credentials.secret_requests import SecretRequests
from jhub_gateway.errors import CredentialUnavailable
from jhub_gateway.policy.credential_secrets import (
    RENEWING,
    USERNAME,
    make_files_patch,
    make_renewing_patch,
    make_secret_labels,
    make_secret_manifest,
    make_secret_name,
    make_secret_selector,
)
from jhub_gateway.reconciler_metrics import ORPHANS_REAPED

# Whoever renews is done with it, or dead, after so many seconds.
CLAIM_SECONDS = 60

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class _Seen:
    """The Secret as this process last saw it, and since when (by its own clock) it is so."""

    uid: str
    version: str
    renewing: str | None
    names: frozenset[str]
    digest: str
    since: float

    @classmethod
    def make(cls, metadata: Mapping[str, Any], files: Mapping[str, bytes], since: float) -> Self:
        renewing = (metadata.get("annotations") or {}).get(RENEWING)
        version = metadata["resourceVersion"]
        digest = make_digest(files)
        return cls(metadata["uid"], version, renewing, frozenset(files), digest, since)


class SecretStore:
    """A CredentialStore. A renewal is two requests; a write that changes nothing is none.

    A new one looks at the Secret before it changes anything. ``clock`` is in seconds.
    """

    def __init__(
        self,
        api: CoreV1Api,
        namespace: str,
        hub_name: str,
        identity: str,
        username: str,
        clock: Callable[[], float] = time.monotonic,
        database_id: str = "",
    ) -> None:
        self._requests = SecretRequests(api, namespace)
        self._name = make_secret_name(hub_name, identity)
        self._labels = make_secret_labels(hub_name, identity, database_id)
        self._username = username
        self._clock = clock
        self._me = token_hex(8)
        self._seen: _Seen | None = None

    @property
    def username(self) -> str:
        """The user's name at the hub."""
        return self._username

    @property
    def name(self) -> str:
        """The Secret's name."""
        return self._name

    async def claim(self) -> bool:
        """See CredentialStore. Another's right ends when 60 seconds passed without a change.

        Without a Secret it makes one that is empty: mount it only after a write.
        """
        if self._seen is None:
            if await self._create({}, self._me):
                return True
            await self.look()
            return await self._take()
        if await self._take():
            return True
        await self.look()
        return False

    async def release(self) -> None:
        """See CredentialStore. What was made for the right alone is removed."""
        seen = self._seen
        if seen is not None and seen.renewing == self._me and not seen.names:
            await self.remove()
        else:
            await self._give_back()

    async def write(self, files: Mapping[str, bytes]) -> bool:
        """See CredentialStore. Of two that write without the right, the last one stays."""
        digest = make_digest(files)
        for _ in range(_ATTEMPTS):
            seen = self._seen
            if seen is None:
                if await self._create(files):
                    return True
            elif seen.digest == digest:
                if await self._give_back():
                    return False
                continue
            elif await self._patch_files(seen, files):
                return True
            await self.look()
        raise CredentialUnavailable(f"the Secret {self._name!r} changes all the time")

    async def look(self) -> None:
        """See CredentialStore. One request."""
        found = await self._requests.get(self._name)
        if found is None:
            self._seen = None
            return
        metadata = found["metadata"]
        is_same = self._seen is not None and self._seen.version == metadata["resourceVersion"]
        since = self._seen.since if self._seen is not None and is_same else self._clock()
        data = found.get("data") or {}
        files = {name: b64decode(content) for name, content in data.items()}
        self._seen = _Seen.make(metadata, files, since)

    async def remove(self) -> None:
        """See CredentialStore."""
        if self._seen is None:
            await self.look()
        if self._seen is not None:
            seen, self._seen = self._seen, None
            await self._requests.delete(self._name, seen.uid, seen.version)

    async def _take(self) -> bool:
        seen = self._seen
        if seen is None:
            return False
        # Hubs' clocks differ: only what this one measured itself counts.
        is_dead = self._clock() - seen.since >= CLAIM_SECONDS
        is_free = seen.renewing in (None, self._me) or is_dead
        return is_free and await self._patch_renewing(seen, self._me)

    async def _give_back(self) -> bool:
        """Return whether the Secret was still as it was last seen, as far as that was looked at."""
        seen = self._seen
        if seen is None or seen.renewing != self._me or await self._patch_renewing(seen, None):
            return True
        await self.look()
        return False

    async def _create(self, files: Mapping[str, bytes], renewing: str | None = None) -> bool:
        manifest = make_secret_manifest(self._name, self._labels, self._username, files, renewing)
        made = await self._requests.create(manifest)
        if made is not None:
            self._seen = _Seen.make(made["metadata"], files, self._clock())
        return made is not None

    async def _patch_renewing(self, seen: _Seen, renewing: str | None) -> bool:
        patch = make_renewing_patch(seen.version, renewing)
        return await self._patch(patch, replace(seen, renewing=renewing))

    async def _patch_files(self, seen: _Seen, files: Mapping[str, bytes]) -> bool:
        patch = make_files_patch(seen.version, files, seen.names)
        expected = replace(seen, names=frozenset(files), digest=make_digest(files))
        # Whose it is, is what the sweep goes by: of a user with two names the one that reads it,
        # and of hubs that share a name by mistake the last one.
        patch["metadata"]["annotations"] = {USERNAME: self._username}
        patch["metadata"]["labels"] = self._labels
        if seen.renewing == self._me:
            patch["metadata"]["annotations"][RENEWING] = None
            expected = replace(expected, renewing=None)
        return await self._patch(patch, expected)

    async def _patch(self, patch: dict[str, Any], expected: _Seen) -> bool:
        patched = await self._requests.patch(self._name, patch)
        if patched is not None:
            version = patched["metadata"]["resourceVersion"]
            self._seen = replace(expected, version=version, since=self._clock())
        return patched is not None


@dataclass(frozen=True, slots=True)
class FoundSecret:
    """A FoundStore: a user's Secret as it was when the hub listed all of them."""

    username: str
    key: str
    _name: str
    _uid: str
    _version: str
    _requests: SecretRequests

    async def remove(self) -> None:
        """See FoundStore."""
        if await self._requests.delete(self._name, self._uid, self._version):
            ORPHANS_REAPED.labels(kind="secret").inc()


async def list_secret_stores(
    api: CoreV1Api, namespace: str, hub_name: str, database_id: str = ""
) -> list[FoundSecret]:
    """Return all users' Secrets of this hub with this database. Raises CredentialUnavailable."""
    requests = SecretRequests(api, namespace)
    found = await requests.list(make_secret_selector(hub_name, database_id))
    return [_make_found(each["metadata"], requests) for each in found]


def _make_found(metadata: Mapping[str, Any], requests: SecretRequests) -> FoundSecret:
    username = (metadata.get("annotations") or {}).get(USERNAME, "")
    name, uid = metadata["name"], metadata["uid"]
    return FoundSecret(username, f"{name} {uid}", name, uid, metadata["resourceVersion"], requests)
