"""The Go module that requires Kubernetes: its go.mod for any version.

Kubernetes publishes its parts (k8s.io/api and the rest) as modules of their own, but requires
them as v0.0.0 out of its own tree: whoever depends on it has to replace each one.
"""

import json
import re
import shutil
from pathlib import Path

from .cache import make_scratch_dir, provide
from .go import Go, make_go
from .versions import KUBE_MODULE, get_build_key, get_kubernetes_version, get_pinned_version

MODULE = "jhub-gateway.test/kube"


def get_go_version(go_mod: str) -> str:
    """The least Go version that a go.mod asks for."""
    match = re.search(r"^go ([\d.]+)$", go_mod, re.MULTILINE)
    return match[1] if match else "1.24.0"


def prepare_module() -> tuple[Go, Path]:
    """A toolchain and the module's folder for the version in use.

    For the pinned version that is the committed folder, for any other a copy in the cache.
    """
    version = get_kubernetes_version()
    go = make_go(get_go_version((KUBE_MODULE / "go.mod").read_text()))
    if version == get_pinned_version():
        return go, KUBE_MODULE
    module = provide(
        f"modules/{get_build_key()}",
        f"locking the Go modules of Kubernetes {version}",
        lambda copy: _copy_and_lock(copy, version, go),
    )
    return make_go(get_go_version((module / "go.mod").read_text())), module


def pin(version: str) -> None:
    """Make `version` the pinned one: rewrites the committed go.mod and go.sum."""
    go = make_go(get_go_version((KUBE_MODULE / "go.mod").read_text()))
    with make_scratch_dir() as scratch:
        _copy_and_lock(scratch / "kube", version, go)
        for name in ("go.mod", "go.sum"):
            shutil.copy(scratch / "kube" / name, KUBE_MODULE / name)


def _copy_and_lock(copy: Path, version: str, go: Go) -> None:
    shutil.copytree(KUBE_MODULE, copy, ignore=shutil.ignore_patterns("go.*"))
    upstream = json.loads(
        go.run("mod", "download", "-json", f"k8s.io/kubernetes@v{version}", cwd=Path.home())
    )
    upstream_go_mod = Path(upstream["GoMod"]).read_text()
    (copy / "go.mod").write_text(make_go_mod(version, upstream_go_mod))
    make_go(get_go_version(upstream_go_mod)).run("mod", "tidy", cwd=copy)


def make_go_mod(version: str, upstream: str) -> str:
    """The go.mod that pins `version`, given Kubernetes' own go.mod."""
    parts = sorted(re.findall(r"^\s(k8s\.io/\S+) v0\.0\.0$", upstream, re.MULTILINE))
    part_version = f"v0.{version.partition('.')[2]}"
    return "\n".join(
        [
            f"module {MODULE}\n",
            f"go {get_go_version(upstream)}\n",
            f"require k8s.io/kubernetes v{version}\n",
            "replace (",
            *(f"\t{part} => {part} {part_version}" for part in parts),
            ")\n",
        ]
    )
