"""A pod whose init container refuses to open the home: the start ends at once, with its reason.

The container is started again and again otherwise, and the user waits for KubeSpawner's time-out.
"""

import asyncio
from typing import Any

from kubespawner import KubeSpawner

from jhub_gateway.errors import StartRefused
from jhub_gateway.policy.init_containers import read_refusal

START_ID = "jhub-gateway/start-id"
_LOOK_SECONDS = 0.2


async def start_unless_refused(spawner: KubeSpawner, start: "asyncio.Future[Any]") -> Any:
    """Return what ``start`` returns. Raises StartRefused as soon as the pod is refused."""
    refused = asyncio.ensure_future(_wait_for_refusal(spawner))
    try:
        await asyncio.wait({start, refused}, return_when=asyncio.FIRST_COMPLETED)
        if start.done():
            return start.result()
        raise refused.result()
    finally:
        # JupyterHub deletes the pod of a start that failed.
        for task in (start, refused):
            task.cancel()


async def _wait_for_refusal(spawner: KubeSpawner) -> StartRefused:
    # KubeSpawner's reflector has no event to wait for.
    while (refusal := _find_refusal(spawner)) is None:  # noqa: ASYNC110
        await asyncio.sleep(_LOOK_SECONDS)
    return StartRefused(*refusal)


def _find_refusal(spawner: Any) -> tuple[str, str] | None:
    reflector = spawner.pod_reflector
    pod = reflector and reflector.pods.get(f"{spawner.namespace}/{spawner.pod_name}")
    if not pod or _get_start_id(pod) != spawner.start_id:
        return None  # none yet, or the one of an earlier start
    return read_refusal(pod)


def _get_start_id(pod: dict[str, Any]) -> str | None:
    return (pod["metadata"].get("annotations") or {}).get(START_ID)
