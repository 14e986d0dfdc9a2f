"""The kernel's settings that the kubelet and the bridge plugin change for the whole machine."""

import json
from pathlib import Path

from .paths import NAMES, RUN, get_run

BRIDGED = "net/bridge/bridge-nf-call-iptables"
"""Whether rules see what goes from pod to pod over the bridge, as policies and Services need."""

CHANGED = (
    *("kernel/keys/root_maxbytes", "kernel/keys/root_maxkeys"),
    *("kernel/panic", "kernel/panic_on_oops"),
    *("net/ipv4/ip_forward", "vm/overcommit_memory", "vm/panic_on_oom"),
    BRIDGED,
)

SAVED = RUN / "sysctls.json"


def save() -> None:
    """Remember the settings, unless a start that was cut short has done so before.

    Those of before the other cluster's node, where one runs: it has changed them already.
    """
    if others := _find_others():
        SAVED.write_text(others[0].read_text())
    elif not SAVED.exists():
        values = {name: Path("/proc/sys", name).read_text().strip() for name in CHANGED}
        SAVED.write_text(json.dumps(values))


def let_rules_see_bridges() -> None:
    """From now on the machine's rules hold for what goes from pod to pod, too."""
    path = Path("/proc/sys", BRIDGED)
    if path.read_text().strip() != "1":
        path.write_text("1")


def restore() -> None:
    """Put the settings back, unless another cluster's node still needs them."""
    if SAVED.exists() and not _find_others():
        for name, value in json.loads(SAVED.read_text()).items():
            if Path("/proc/sys", name).read_text().strip() != value:
                Path("/proc/sys", name).write_text(value)


def _find_others() -> list[Path]:
    found = (get_run(name) / SAVED.name for name in NAMES)
    return [path for path in found if path != SAVED and path.exists()]
