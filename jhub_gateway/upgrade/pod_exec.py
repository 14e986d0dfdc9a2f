"""A command in a container that runs, as ``kubectl exec`` does it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientError
from kubernetes_asyncio.client import ApiException, Configuration, CoreV1Api
from kubernetes_asyncio.stream import WsApiClient
from kubernetes_asyncio.stream.ws_client import ERROR_CHANNEL, STDERR_CHANNEL, STDOUT_CHANNEL

from jhub_gateway.clients.user_agents import name_caller
from jhub_gateway.upgrade.errors import UpgradeError


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a command: its exit status and what it wrote."""

    status: int
    output: str
    errors: str


async def run_in_pod(
    configuration: Configuration, namespace: str, pod: str, container: str, command: Sequence[str]
) -> Ran:
    """Run the command to its end. Raises UpgradeError where it can't be run."""
    streams: dict[int, bytearray] = {
        number: bytearray() for number in (STDOUT_CHANNEL, STDERR_CHANNEL, ERROR_CHANNEL)
    }
    try:
        async with WsApiClient(configuration) as client:
            name_caller(client)
            api: Any = CoreV1Api(client)
            connection = await api.connect_get_namespaced_pod_exec(
                pod,
                namespace,
                container=container,
                command=list(command),
                stdin=False,
                stdout=True,
                stderr=True,
                tty=False,
                _preload_content=False,
            )
            async with connection as messages:
                async for message in messages:
                    if message.data and message.data[0] in streams:
                        streams[message.data[0]] += message.data[1:]
    except (ApiException, ClientError, OSError) as problem:
        raise UpgradeError(
            f"the pod {pod} can't be asked: {problem}. Its container must run, and the kubeconfig "
            "have the rights to create and get pods/exec"
        ) from problem
    said = {number: bytes(text).decode(errors="replace") for number, text in streams.items()}
    return Ran(_read_status(said[ERROR_CHANNEL]), said[STDOUT_CHANNEL], said[STDERR_CHANNEL])


def _read_status(text: str) -> int:
    """Return the exit status; -1 where the connection ended before it was told."""
    try:
        answer = json.loads(text)
        if answer.get("status") == "Success":
            return 0
        causes = answer["details"]["causes"]
        return int(next(one["message"] for one in causes if one["reason"] == "ExitCode"))
    except (ValueError, LookupError, TypeError, AttributeError, StopIteration):
        return -1
