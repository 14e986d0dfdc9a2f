"""What ``python3 -I -m jhub_gateway.storage prepare`` itself costs, in a container like its own."""

import json
from dataclasses import dataclass
from typing import Any

from benchmarks.variants import BIG
from jhub_gateway.models import Owner
from jhub_gateway.policy.init_containers import make_prepare_container
from jhub_gateway.policy.pod_security import (
    make_restricted_container_context,
    make_restricted_pod_context,
)
from jhub_gateway.policy.share_volumes import SHARE
from tests.cluster.storage import OWNER
from tests.cluster.versions import USER_IMAGE
from tests.fixtures.cluster import CLAIM, Namespace

_POD = "prepare-cost"

# Runs in the pod: the command many times beside a Python that does nothing, and once inside a
# Python that tells its own greatest memory at its end.
_SCRIPT = """
import json, subprocess, sys, time
command = sys.argv[1:]
def time_it(words):
    started = time.monotonic()
    subprocess.run(words, check=True)
    return time.monotonic() - started
def measure_memory(code):
    code += "; print(*(line for line in open('/proc/self/status') if line.startswith('VmHWM:')))"
    words = ["python3", "-I", "-c", code, *command[4:]]
    # VmHWM: 12345 kB
    return int(subprocess.check_output(words).split()[1]) * 1024
nothing = ["python3", "-I", "-c", "pass"]
times = [(time_it(nothing), time_it(command)) for _ in range(20)]
module = "from jhub_gateway.storage.__main__ import main; import sys; assert not main(sys.argv[1:])"
print(json.dumps({
    "python_seconds": [first for first, _ in times],
    "prepare_seconds": [second for _, second in times],
    "python_bytes": measure_memory("pass"),
    "prepare_bytes": measure_memory(module),
}))
"""


@dataclass(frozen=True)
class PrepareCost:
    """Seconds of each run, and the greatest memory in bytes; of it, and of Python alone."""

    python_seconds: list[float]
    prepare_seconds: list[float]
    python_bytes: int
    prepare_bytes: int


def measure_prepare(namespace: Namespace) -> PrepareCost:
    """Measure it for the home with many files, which has its owner already."""
    namespace.kubectl("create", "-f", "-", manifest=_make_pod())
    namespace.kubectl(
        "wait", f"pod/{_POD}", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=90s"
    )
    answer = json.loads(namespace.kubectl("logs", _POD))
    namespace.kubectl("delete", "pod", _POD, "--wait=false")
    return PrepareCost(**answer)


def _make_pod() -> dict[str, Any]:
    context = make_restricted_container_context({"runAsUser": OWNER, "runAsGroup": OWNER})
    container = make_prepare_container(USER_IMAGE, Owner(BIG), [], [], False, context)
    container["command"] = ["python3", "-I", "-c", _SCRIPT, *container["command"]]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": _POD},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": make_restricted_pod_context({"fsGroup": OWNER}),
            "containers": [container],
            "volumes": [{"name": SHARE, "persistentVolumeClaim": {"claimName": CLAIM}}],
        },
    }
