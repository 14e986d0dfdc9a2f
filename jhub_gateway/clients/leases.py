"""The Lease by which one of several processes is elected (coordination.k8s.io/v1).

As in client-go, no clock of another machine counts: a Lease has ended once this process has seen
no change of it for as long as it holds, by its own clock. Two that find that at the same time
both write, and the version that they write over lets one through.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from math import ceil
from typing import Any

from jhub_gateway.clients.kube_requests import Answer, Manifest, send
from jhub_gateway.errors import GatewayError

REQUEST_SECONDS = 5
# Who holds the Lease stops to rely on it this part of its duration after the last renewal began.
_RELIABLE = 2 / 3


class LeaseUnavailable(GatewayError):
    """This hub may not use Leases, or the API server has none. The message is for the log."""


class Lease:
    """One Lease, and whether this process holds it.

    ``identity`` names the holder; give each process its own. ``duration`` is in seconds: how long
    the Lease holds after it was renewed. ``clock`` is in seconds and never set back.
    """

    def __init__(
        self,
        client: Any,
        namespace: str,
        name: str,
        identity: str,
        duration: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._name = name
        self._me = identity
        self._duration = duration
        self._clock = clock
        self._seen: tuple[str, float] | None = None
        self._held: Manifest | None = None
        self._held_until = 0.0
        self.holder = ""

    @property
    def is_held(self) -> bool:
        """Whether this process holds the Lease for sure. ``holder`` is who held it last."""
        return self._held is not None and self._clock() < self._held_until

    async def hold(self) -> bool:
        """Take the Lease, or keep it; return whether it is held. At most two requests.

        Raises LeaseUnavailable where asking again is of no use.
        """
        begun = self._clock()
        answer = await self._send("GET", f"/{self._name}")
        if _is_gone(answer):
            return await self._put("POST", "", self._make({}), begun)
        if not answer.is_fine:
            self._check(answer)
            return self.is_held
        found = answer.body
        self._look(found)
        if self.holder in ("", self._me) or self._has_ended(found):
            return await self._put("PUT", f"/{self._name}", self._make(found), begun)
        self._held = None
        return False

    async def release(self) -> None:
        """Let another process have the Lease at once. Harmless if it isn't held."""
        held, self._held = self._held, None
        if held is not None:
            spec = held["spec"] | {"holderIdentity": "", "leaseDurationSeconds": 1}
            await self._send("PUT", f"/{self._name}", held | {"spec": spec})

    def _look(self, found: Manifest) -> None:
        self.holder = found.get("spec", {}).get("holderIdentity") or ""
        version = found["metadata"]["resourceVersion"]
        if self._seen is None or self._seen[0] != version:
            self._seen = version, self._clock()

    def _has_ended(self, found: Manifest) -> bool:
        # Hubs may have different settings: the longest holds.
        duration = max(found.get("spec", {}).get("leaseDurationSeconds") or 0, self._duration)
        return self._seen is not None and self._clock() - self._seen[1] >= duration

    def _make(self, found: Manifest) -> Manifest:
        """Return the Lease as it is to be; ``found`` is as it was, or empty."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = dict(found.get("spec") or {})
        if spec.get("holderIdentity") != self._me:
            changes = (spec.get("leaseTransitions") or 0) + bool(found)
            spec |= {"acquireTime": now, "leaseTransitions": changes}
        spec |= {
            "holderIdentity": self._me,
            "leaseDurationSeconds": ceil(self._duration),
            "renewTime": now,
        }
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            # The version that was seen: if the Lease has changed since, this is refused.
            "metadata": found.get("metadata") or {"name": self._name},
            "spec": spec,
        }

    async def _put(self, method: str, end: str, lease: Manifest, begun: float) -> bool:
        answer = await self._send(method, end, lease)
        if answer.is_fine:
            self._held, self.holder = answer.body, self._me
            self._held_until = begun + self._duration * _RELIABLE
            self._look(answer.body)
            return True
        if answer.status == HTTPStatus.CONFLICT or (method == "PUT" and _is_gone(answer)):
            self._held = None  # Another process was quicker, or has removed it.
        else:
            self._check(answer)
        return self.is_held

    def _check(self, answer: Answer) -> None:
        """Raise LeaseUnavailable for a refusal that will be the same the next time."""
        lasting = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
        if answer.status in lasting:
            self._held = None
            raise LeaseUnavailable(f"{answer.status} {answer.body.get('message', '')}")

    async def _send(self, method: str, end: str, body: Manifest | None = None) -> Answer:
        return await send(
            self._client, method, self._path + end, seconds=REQUEST_SECONDS, body=body
        )


def _is_gone(answer: Answer) -> bool:
    return answer.status == HTTPStatus.NOT_FOUND
