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
from .build import build_programs
from .cache import make_scratch_dir, provide
from .errors import ClusterError
from .paths import ROOT
from .process import get_log_path
from .versions import PAUSE_IMAGE, USER_IMAGE, get_build_key

BINDER = ROOT / "binder"
BUILD_LOG = "image-build"


def provide_archives() -> dict[str, Path]:
    """The docker archive of each image of the node, by image name; builds what is missing."""
    get_log_path(BUILD_LOG).unlink(missing_ok=True)
    pause, user = f"pause-{get_build_key()}.tar", f"user-{get_user_image_key()}.tar"
    return {
        PAUSE_IMAGE: provide(f"images/{pause}", "building the pause image", _make_pause),
        USER_IMAGE: provide(f"images/{user}", "building the user image", _make_user),
    }


def get_user_image_key() -> str:
    """What the user image depends on: what its build reads, and the kind of machine."""
    digest = hashlib.sha256(repr(get_build_arguments()).encode())
    for path in find_build_files():
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0")
        digest.update(path.read_bytes())
    return f"{platform.machine()}-{digest.hexdigest()[:12]}"


def find_build_files() -> list[Path]:
    """The files that the image's build reads: its Dockerfile and whatever that copies."""
    dockerfile = BINDER / "Dockerfile"
    copied = re.findall(r"^COPY (.+) \S+$", dockerfile.read_text(), re.MULTILINE)
    sources = [ROOT / source for line in copied for source in line.split()]
    found = [file for source in sources for file in (source, *source.rglob("*"))]
    return sorted(
        {dockerfile, *(file for file in found if file.is_file() and file.suffix != ".pyc")}
    )


def get_build_arguments() -> list[str]:
    """Arguments of the image build: the environment's JUPYTERHUB_VERSION, if there is one."""
    version = os.environ.get("JUPYTERHUB_VERSION")
    return [f"--build-arg=JUPYTERHUB_VERSION={version}"] if version else []


def get_base_image() -> str:
    """The image that binder/Dockerfile starts from."""
    match = re.search(r"^FROM (\S+)", (BINDER / "Dockerfile").read_text(), re.MULTILINE)
    if match is None:
        raise ClusterError("binder/Dockerfile has no FROM line.")
    return match[1]


def _make_pause(archive: Path) -> None:
    with _buildah_store() as buildah, tempfile.TemporaryDirectory() as context:
        shutil.copy(build_programs() / "pause", context)
        dockerfile = Path(context, "Dockerfile")
        dockerfile.write_text('FROM scratch\nCOPY pause /pause\nENTRYPOINT ["/pause"]\n')
        buildah("bud", "--isolation", "chroot", "--tag", "built", context)
        buildah("push", "built", f"docker-archive:{archive}:{PAUSE_IMAGE}")


def _make_user(archive: Path) -> None:
    base = get_base_image()
    root_filesystem = provide(
        f"images/{base.replace(':', '-').replace('/', '-')}-{platform.machine()}.tar",
        f"making {base} by debootstrap",
        lambda target: debian.make_root_filesystem(base, target, BUILD_LOG),
    )
    with _buildah_store() as buildah, pip_settings.host_settings() as volumes:
        buildah("from", "--name", "base", "scratch")
        buildah("add", "base", str(root_filesystem), "/")
        buildah("commit", "--rm", "base", f"docker.io/library/{base}")
        buildah(
            *("bud", "--isolation", "chroot", "--pull-never", "--tag", "built"),
            *(f"--volume={source}:{target}:ro" for source, target in volumes.items()),
            *get_build_arguments(),
            *("--file", str(BINDER / "Dockerfile"), str(ROOT)),
        )
        buildah("push", "built", f"docker-archive:{archive}:{USER_IMAGE}")


@contextmanager
def _buildah_store() -> Iterator[Callable[..., None]]:
    """Run buildah on a store of its own, which is removed afterwards."""
    with make_scratch_dir() as home:
        common: list[str | Path] = ["buildah", "--storage-driver", "vfs"]
        common += ["--root", home / "root", "--runroot", home / "run"]
        proxy = debian.get_proxy_settings()
        yield lambda *args: process.run(BUILD_LOG, [*common, *args], proxy)
