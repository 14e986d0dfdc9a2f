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

DOCKERFILE = ROOT / "binder" / "Dockerfile"
STAGE = "jupyter"
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
    """What the user image depends on: all that its build reads, and the kind of machine."""
    return _make_key(DOCKERFILE.read_text())


def get_build_arguments() -> list[str]:
    """Arguments of the image build: the environment's JUPYTERHUB_VERSION, if there is one."""
    version = os.environ.get("JUPYTERHUB_VERSION")
    return [f"--build-arg=JUPYTERHUB_VERSION={version}"] if version else []


def find_copied_files(dockerfile: str) -> list[Path]:
    """The repository's files that a Dockerfile's text copies into the image."""
    lines = re.findall(r"^COPY (.+) \S+$", dockerfile, re.MULTILINE)
    sources = [ROOT / source for line in lines for source in line.split()]
    found = {file for source in sources for file in (source, *source.rglob("*"))}
    return sorted(file for file in found if file.is_file() and file.suffix != ".pyc")


def split_stages() -> tuple[str, str]:
    """The two stages of binder/Dockerfile: Jupyter by its name, and this project on top of it."""
    stages = re.split(r"^(?=FROM )", DOCKERFILE.read_text(), flags=re.MULTILINE)[1:]
    if len(stages) != 2 or f" AS {STAGE}\n" not in stages[0]:
        raise ClusterError(f"binder/Dockerfile must have two stages, the first AS {STAGE}.")
    return stages[0], stages[1]


def _make_key(dockerfile: str) -> str:
    digest = hashlib.sha256(repr((dockerfile, get_build_arguments())).encode())
    for path in find_copied_files(dockerfile):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0")
        digest.update(path.read_bytes())
    return f"{platform.machine()}-{digest.hexdigest()[:12]}"


def get_base_image() -> str:
    """The image that binder/Dockerfile starts from."""
    match = re.search(r"^FROM (\S+)", DOCKERFILE.read_text(), re.MULTILINE)
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
    """Build the second stage, on an archive of the first: that takes minutes and changes rarely."""
    first, second = split_stages()
    stage = provide(
        f"images/{STAGE}-{_make_key(first)}.tar",
        f"building the user image's stage {STAGE}",
        lambda target: _make_stage(first, target),
    )
    with _buildah_store() as buildah:
        buildah("pull", f"docker-archive:{stage}")
        _build(buildah, second)
        buildah("push", "built", f"docker-archive:{archive}:{USER_IMAGE}")


def _make_stage(dockerfile: str, archive: Path) -> None:
    base = get_base_image()
    root_filesystem = provide(
        f"images/{base.replace(':', '-').replace('/', '-')}-{platform.machine()}.tar",
        f"making {base} by debootstrap",
        lambda target: debian.make_root_filesystem(base, target, BUILD_LOG),
    )
    with _buildah_store() as buildah:
        buildah("from", "--name", "base", "scratch")
        buildah("add", "base", str(root_filesystem), "/")
        buildah("commit", "--rm", "base", f"docker.io/library/{base}")
        _build(buildah, dockerfile)
        buildah("push", "built", f"docker-archive:{archive}:localhost/{STAGE}:latest")


def _build(buildah: Callable[..., None], dockerfile: str) -> None:
    """Build a Dockerfile's text in the repository; the image's name is ``built``."""
    with pip_settings.host_settings() as volumes, tempfile.NamedTemporaryFile("w") as file:
        file.write(dockerfile)
        file.flush()
        buildah(
            *("bud", "--isolation", "chroot", "--pull-never", "--tag", "built"),
            *(f"--volume={source}:{target}:ro" for source, target in volumes.items()),
            *get_build_arguments(),
            *("--ignorefile", f"{DOCKERFILE}.dockerignore"),
            *("--file", file.name, str(ROOT)),
        )


@contextmanager
def _buildah_store() -> Iterator[Callable[..., None]]:
    """Run buildah on a store of its own, which is removed afterwards."""
    with make_scratch_dir() as home:
        common: list[str | Path] = ["buildah", "--root", home / "root", "--runroot", home / "run"]
        proxy = debian.get_proxy_settings()
        yield lambda *args: process.run(BUILD_LOG, [*common, *args], proxy)
