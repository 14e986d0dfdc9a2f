"""containerd with runc: runs the node's containers and holds their images."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from . import cgroups, process
from .build import link_program
from .errors import ClusterError
from .network import CNI_CONFIG
from .paths import RUN, STATE, make_private_dir
from .progress import step
from .requirements import find_cni_directory
from .versions import PAUSE_IMAGE

ROOT = STATE / "containerd"
SOCKET = RUN / "containerd.sock"

LOADED = ROOT / "loaded.json"
"""The archive that each image was loaded from."""

IN_USE = ROOT / "in-use"
"""Names the boot of the machine during which containerd runs; not there after a stop."""


def start() -> None:
    """Start containerd with the images of the run before, but without its containers."""
    if IN_USE.exists() and IN_USE.read_text() != process.get_boot_id():
        # The machine itself went down: what was not yet on its disk is missing.
        shutil.rmtree(ROOT)
    make_private_dir(ROOT)
    link_program("containerd", Path(shutil.which("containerd") or ""))
    IN_USE.write_text(process.get_boot_id())
    _launch()
    if left := ctr("containers", "list", "--quiet").split():
        ctr("containers", "delete", *left)
        process.stop("containerd")
        _launch()


def stop() -> None:
    """Stop containerd. Its containers go on, until the node's cgroup is ended."""
    process.stop("containerd")
    IN_USE.unlink(missing_ok=True)


def load_images(archives: dict[str, Path]) -> None:
    """Load each image that is not loaded yet, or whose archive is another one now."""
    loaded = json.loads(LOADED.read_text()) if LOADED.exists() else {}
    for image, archive in archives.items():
        if loaded.get(image) != archive.name:
            with step(f"loading the image {image}"):
                _import(archive)
            loaded[image] = archive.name
            LOADED.write_text(json.dumps(loaded))


def _import(archive: Path) -> None:
    command = _ctr_command("images", "import", "--", str(archive))
    try:
        process.run("image-load", command)
    except ClusterError:
        # containerd may just be removing the layers of the image's version before.
        process.run("image-load", command)


def ctr(*args: str) -> str:
    """The output of containerd's own client, whether it succeeded or not."""
    return subprocess.run(_ctr_command(*args), text=True, capture_output=True).stdout


def _ctr_command(*args: str) -> list[str | Path]:
    return ["ctr", "--address", SOCKET, "--namespace", "k8s.io", *args]


def _launch() -> None:
    config = RUN / "containerd.toml"
    config.write_text(_make_config())
    cgroups.join(process.start("containerd", "--config", config))
    process.wait_until("containerd answered", _answers, needs=["containerd"], seconds=30)


def _answers() -> bool:
    return subprocess.run(_ctr_command("version"), capture_output=True).returncode == 0


def _make_config() -> str:
    # A JSON string is a TOML string too.
    quote = json.dumps
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    return f"""\
version = 2
root = {quote(str(ROOT))}
state = {quote(str(RUN / "containerd"))}
[grpc]
address = {quote(str(SOCKET))}
[plugins."io.containerd.internal.v1.opt"]
path = {quote(str(RUN / "opt"))}
[{cri}]
sandbox_image = {quote("docker.io/" + PAUSE_IMAGE)}
restrict_oom_score_adj = true
disable_apparmor = true
netns_mounts_under_state_dir = true
[{cri}.containerd]
snapshotter = {quote(_choose_snapshotter())}
[{cri}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[{cri}.containerd.runtimes.runc.options]
SystemdCgroup = false
Root = {quote(str(RUN / "runc"))}
[{cri}.cni]
bin_dir = {quote(find_cni_directory() or "")}
conf_dir = {quote(str(CNI_CONFIG))}
"""


def _choose_snapshotter() -> str:
    """overlayfs, unless the checkout is itself on an overlay, as it is inside of containers."""
    probe = ROOT / "overlay-probe"
    folders = {name: probe / name for name in ("lower", "upper", "work", "merged")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    options = ",".join(f"{name}dir={folders[name]}" for name in ("lower", "upper", "work"))
    mount = ["mount", "-t", "overlay", "overlay", "-o", options, str(folders["merged"])]
    works = subprocess.run(mount, capture_output=True, env=os.environ).returncode == 0
    if works:
        subprocess.run(["umount", folders["merged"]], check=True)
    shutil.rmtree(probe)
    return "overlayfs" if works else "native"
