"""The programs of Kubernetes: taken from KUBEBUILDER_ASSETS or built from Go modules, once."""

import os
import time
from collections.abc import Iterable
from pathlib import Path

from .cache import provide
from .errors import ClusterError
from .go import Go
from .go_module import prepare_module
from .paths import BIN
from .progress import say
from .versions import get_build_key, get_kubernetes_version

PROGRAMS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kubectl",
    *("kube-proxy", "kube-network-policies", "service-names", "api-forwarder"),
)


def provide_programs() -> None:
    """Put every program into `.cluster/bin`, from the environment's folder or from the cache."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    given = {name: Path(assets, name) for name in PROGRAMS} if assets else {}
    BIN.mkdir(parents=True, exist_ok=True)
    for name in PROGRAMS:
        source = given.get(name)
        if source is None or not os.access(source, os.X_OK):
            source = build_programs() / "kube"
        link_program(name, source)


def link_program(name: str, source: Path) -> None:
    """Let a program be called by its path in `.cluster/bin`."""
    link = BIN / name
    link.unlink(missing_ok=True)
    link.symlink_to(source.resolve())


def build_programs() -> Path:
    """The folder with the built `kube` and `pause`; builds them if the cache has none."""
    version = get_kubernetes_version()
    message = f"building Kubernetes {version} and etcd from Go modules (minutes, once)"
    return provide(f"programs/{get_build_key()}", message, _build_programs)


def _build_programs(directory: Path) -> None:
    version = get_kubernetes_version()
    go, module = prepare_module()
    directory.mkdir()
    flags = _make_linker_flags(version)
    build_package(go, module, "./pause", directory / "pause", flags)
    build_package(go, module, ".", directory / "kube", flags)


def build_package(
    go: Go, module: Path, package: str, target: Path, linker_flags: str, tags: str = ""
) -> None:
    """Build a program of a Go module, showing how far it is. Raises ClusterError."""
    packages = go.run("list", "-deps", f"-tags={tags}", package, cwd=module).split()
    flags = ["-trimpath", "-buildvcs=false", f"-tags={tags}", "-ldflags", linker_flags]
    process = go.start("build", "-v", *flags, "-o", str(target), package, cwd=module)
    assert process.stdout is not None
    output = _show_progress(process.stdout, len(packages))
    if process.wait():
        lines = "\n".join(output[-15:])
        raise ClusterError(f"Go could not build {package} in {module}:\n{lines}")


def _make_linker_flags(version: str) -> str:
    """Flags that write the version into the programs: without it clients refuse the server."""
    major, minor, *_ = version.split(".")
    flags = ["-s", "-w"]
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"):
        flags.append(f"-X {package}.gitVersion=v{version}")
        flags.append(f"-X {package}.gitMajor={major} -X {package}.gitMinor={minor}")
    return " ".join(flags)


def _show_progress(lines: Iterable[str], total: int) -> list[str]:
    """Count the package names that `go build -v` prints; all lines, for when it fails."""
    seen: list[str] = []
    shown = time.monotonic()
    for line in lines:
        seen.append(line.rstrip())
        if time.monotonic() - shown > 10:
            shown = time.monotonic()
            say(f"  compiled {len(seen)} of {total} packages")
    return seen
