"""Image builds without a container engine: each in a store of its own, which is gone afterwards."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from . import debian, pip_settings, process
from .cache import make_scratch_dir

BUILD_LOG = "image-build"

Buildah = Callable[..., None]


@contextmanager
def buildah_store() -> Iterator[Buildah]:
    """Run buildah on a store of its own, which is removed afterwards."""
    with make_scratch_dir() as home:
        common: list[str | Path] = ["buildah", "--root", home / "root", "--runroot", home / "run"]
        proxy = debian.get_proxy_settings()
        yield lambda *args: process.run(BUILD_LOG, [*common, *args], proxy)


def build(buildah: Buildah, dockerfile: str, context: Path, *arguments: str | Path) -> None:
    """Build a Dockerfile's text over the directory `context`; the image's name is ``built``."""
    with pip_settings.host_settings() as volumes, tempfile.NamedTemporaryFile("w") as file:
        file.write(dockerfile)
        file.flush()
        buildah(
            *("bud", "--isolation", "chroot", "--pull-never", "--tag", "built"),
            *(f"--volume={source}:{target}:ro" for source, target in volumes.items()),
            *arguments,
            *("--file", file.name, str(context)),
        )
