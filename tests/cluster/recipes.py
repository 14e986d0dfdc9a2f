"""A Dockerfile of two stages as an archive: what takes minutes and rarely changes is kept apart.

There is no registry. The Debian image that the first stage starts from is made by debootstrap from
the machine's own package mirror, and what is built is kept in the cache.
"""

import hashlib
import platform
import re
from dataclasses import dataclass
from pathlib import Path

from . import debian
from .buildah import BUILD_LOG, Buildah, build, buildah_store
from .cache import provide
from .errors import ClusterError
from .paths import ROOT


@dataclass(frozen=True)
class Recipe:
    """How an image is made.

    `dockerfile` is a path in the repository. Its first stage, from Debian, is called `stage`; its
    second one is built on it. `context` is what the second one copies from, `arguments` are
    buildah's for both.
    """

    dockerfile: Path
    stage: str
    image: str
    context: Path = ROOT
    arguments: tuple[str, ...] = ()

    def provide(self) -> Path:
        """The image's archive in the cache; it is built if there is none."""
        name = self.image.replace("/", "-").replace(":", "-")
        archive = f"images/{name}-{self._make_key(*self._split(), self.context)}.tar"
        return provide(archive, f"building the image {self.image}", self._make)

    def _make(self, archive: Path) -> None:
        first, second = self._split()
        stage = provide(
            f"images/{self.stage}-{self._make_key(first, '', ROOT)}.tar",
            f"building the stage {self.stage} of {self.image}",
            lambda target: self._make_stage(first, target),
        )
        with buildah_store() as buildah:
            buildah("pull", f"docker-archive:{stage}")
            self._build(buildah, second, self.context)
            buildah("push", "built", f"docker-archive:{archive}:{self.image}")

    def _make_stage(self, dockerfile: str, archive: Path) -> None:
        with buildah_store() as buildah:
            add_debian(buildah, find_base(dockerfile))
            self._build(buildah, dockerfile, ROOT)
            buildah("push", "built", f"docker-archive:{archive}:localhost/{self.stage}:latest")

    def _build(self, buildah: Buildah, dockerfile: str, context: Path) -> None:
        ignored = ROOT / f"{self.dockerfile}.dockerignore"
        build(buildah, dockerfile, context, *self.arguments, "--ignorefile", ignored)

    def _split(self) -> tuple[str, str]:
        """The text of each stage; arguments before the first one are for both."""
        text = (ROOT / self.dockerfile).read_text()
        common, *stages = re.split(r"^(?=FROM )", text, flags=re.MULTILINE)
        if len(stages) != 2 or f" AS {self.stage}\n" not in stages[0]:
            raise ClusterError(f"{self.dockerfile} must have two stages, the first AS {self.stage}")
        return common + stages[0], common + stages[1]

    def _make_key(self, first: str, second: str, context: Path) -> str:
        """What an image depends on: all that its build reads, and the kind of machine."""
        digest = hashlib.sha256(repr((first, second, self.arguments)).encode())
        for text, folder in ((first, ROOT), (second, context)):
            for path in find_copied_files(text, folder):
                digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
                digest.update(path.read_bytes())
        return f"{platform.machine()}-{digest.hexdigest()[:12]}"


def find_copied_files(dockerfile: str, context: Path) -> list[Path]:
    """The files of `context` that a Dockerfile's text copies into the image."""
    lines = re.findall(r"^COPY (.+) \S+$", dockerfile, re.MULTILINE)
    sources = [context / source for line in lines for source in line.split()]
    found = {file for source in sources for file in (source, *source.rglob("*"))}
    return sorted(file for file in found if file.is_file() and file.suffix != ".pyc")


def find_base(dockerfile: str) -> str:
    """The image that a Dockerfile's text starts from."""
    match = re.search(r"^FROM (\S+)", dockerfile, re.MULTILINE)
    if match is None:
        raise ClusterError("a Dockerfile has no FROM line.")
    return match[1]


def add_debian(buildah: Buildah, base: str) -> None:
    """Put a Debian image into the store, under the name that Dockerfiles start from."""
    root_filesystem = provide(
        f"images/{base.replace(':', '-').replace('/', '-')}-{platform.machine()}.tar",
        f"making {base} by debootstrap",
        lambda target: debian.make_root_filesystem(base, target, BUILD_LOG),
    )
    buildah("from", "--name", "base", "scratch")
    buildah("add", "base", str(root_filesystem), "/")
    buildah("commit", "--rm", "base", f"docker.io/library/{base}")
