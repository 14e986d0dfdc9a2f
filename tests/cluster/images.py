"""The images of the node: the user image from binder/Dockerfile, and the pause image.

There is no registry. The Debian image that the Dockerfile starts from is made by debootstrap
from the machine's own package mirror, and what is built is kept as an archive in the cache.
"""

import hashlib
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from . import debian, pip_settings, process
from .build import build_programs, get_build_key
from .errors import ClusterError
from .paths import ROOT, get_cache_dir
from .progress import step
from .versions import PAUSE_IMAGE, USER_IMAGE

BINDER = ROOT / "binder"
BUILD_LOG = "image-build"


def provide_archives() -> dict[str, Path]:
    """The docker archive of each image of the node, by image name; builds what is missing."""
    return {
        PAUSE_IMAGE: _provide(f"pause-{get_build_key()}.tar", "building the pause image", _pause),
        USER_IMAGE: _provide(f"user-{get_user_image_key()}.tar", "building the user image", _user),
    }


def get_user_image_key() -> str:
    """What the user image depends on: the files of binder/ and the kind of machine."""
    digest = hashlib.sha256()
    for path in sorted(BINDER.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(BINDER).as_posix().encode() + b"\0")
            digest.update(path.read_bytes())
    return f"{platform.machine()}-{digest.hexdigest()[:12]}"


def get_base_image() -> str:
    """The image that binder/Dockerfile starts from."""
    match = re.search(r"^FROM (\S+)", (BINDER / "Dockerfile").read_text(), re.MULTILINE)
    if match is None:
        raise ClusterError("binder/Dockerfile has no FROM line.")
    return match[1]


def _provide(file: str, message: str, build: Callable[[Path], None]) -> Path:
    archive = get_cache_dir() / "images" / file
    if not archive.exists():
        archive.parent.mkdir(parents=True, exist_ok=True)
        unfinished = archive.with_suffix(f".{os.getpid()}")
        try:
            with step(message):
                build(unfinished)
            unfinished.rename(archive)
        finally:
            unfinished.unlink(missing_ok=True)
    return archive


def _pause(archive: Path) -> None:
    with _buildah_store() as buildah, tempfile.TemporaryDirectory() as context:
        shutil.copy(build_programs() / "pause", context)
        dockerfile = Path(context, "Dockerfile")
        dockerfile.write_text('FROM scratch\nCOPY pause /pause\nENTRYPOINT ["/pause"]\n')
        buildah("bud", "--isolation", "chroot", "--tag", "built", context)
        buildah("push", "built", f"docker-archive:{archive}:{PAUSE_IMAGE}")


def _user(archive: Path) -> None:
    base = get_base_image()
    root_filesystem = _provide(
        f"{base.replace(':', '-').replace('/', '-')}-{platform.machine()}.tar",
        f"making {base} by debootstrap",
        lambda target: debian.make_root_filesystem(base, target, BUILD_LOG),
    )
    with _buildah_store() as buildah, pip_settings.host_settings() as volumes:
        container = buildah("from", "scratch")
        buildah("add", container, str(root_filesystem), "/")
        buildah("commit", "--rm", container, f"docker.io/library/{base}")
        buildah(
            *("bud", "--isolation", "chroot", "--pull-never", "--tag", "built"),
            *(f"--volume={source}:{target}:ro" for source, target in volumes.items()),
            *("--file", str(BINDER / "Dockerfile"), str(ROOT)),
        )
        buildah("push", "built", f"docker-archive:{archive}:{USER_IMAGE}")


@contextmanager
def _buildah_store() -> Iterator[Callable[..., str]]:
    """Run buildah on a store of its own, which is removed afterwards."""
    home = get_cache_dir() / f"buildah.{os.getpid()}"
    home.mkdir(parents=True)
    common: list[str | Path] = ["buildah", "--storage-driver", "vfs"]
    common += ["--root", home / "root", "--runroot", home / "run"]

    def buildah(*args: str) -> str:
        return process.run(BUILD_LOG, [*common, *args], debian.get_proxy_settings())

    try:
        yield buildah
    finally:
        shutil.rmtree(home, ignore_errors=True)
