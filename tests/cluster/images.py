"""The images of the node: made from this project's Dockerfiles, loaded, never pulled."""

import hashlib
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from demo.node import find_node, install_packages
from demo.paths import PROXY

from .build import build_programs
from .buildah import BUILD_LOG, build, buildah_store
from .cache import provide
from .paths import ROOT
from .process import get_log_path
from .recipes import Recipe, add_debian
from .versions import HUB_IMAGE, PAUSE_IMAGE, PROXY_IMAGE, USER_IMAGE, get_build_key

USER = Recipe(Path("binder/Dockerfile"), "jupyter", USER_IMAGE)
HUB = Recipe(Path("images/hub/Dockerfile"), "plain", HUB_IMAGE, ROOT, ("--build-arg=BASE=plain",))

# Debian's own Node.js is too old for the proxy: the machine's is taken, with the demo's packages.
_PROXY_DOCKERFILE = """
FROM debian:bookworm-slim
COPY node /usr/local/bin/node
COPY node_modules /opt/proxy/node_modules
WORKDIR /opt/proxy
RUN ln -s $PWD/node_modules/configurable-http-proxy/bin/configurable-http-proxy /usr/local/bin/
USER 65534
EXPOSE 8000
"""


def provide_archives() -> dict[str, Path]:
    """The docker archive of each image that every node has, by image name."""
    get_log_path(BUILD_LOG).unlink(missing_ok=True)
    pause = f"images/pause-{get_build_key()}.tar"
    user = replace(USER, arguments=_get_build_arguments())
    return {
        PAUSE_IMAGE: provide(pause, "building the pause image", _make_pause),
        USER_IMAGE: user.provide(),
    }


def provide_hub_archives() -> dict[str, Path]:
    """Those of a hub that runs in the cluster, and of the proxy before it."""
    lock = (PROXY / "package-lock.json").read_bytes()
    version = hashlib.sha256(lock).hexdigest()[:12]
    proxy = f"images/proxy-{version}.tar"
    return {
        HUB_IMAGE: HUB.provide(),
        PROXY_IMAGE: provide(proxy, "building the proxy's image", _make_proxy),
    }


def _get_build_arguments() -> tuple[str, ...]:
    """Arguments of the image build: the environment's JUPYTERHUB_VERSION, if there is one."""
    version = os.environ.get("JUPYTERHUB_VERSION")
    return (f"--build-arg=JUPYTERHUB_VERSION={version}",) if version else ()


def _make_pause(archive: Path) -> None:
    with buildah_store() as buildah, tempfile.TemporaryDirectory() as context:
        shutil.copy(build_programs() / "pause", context)
        dockerfile = 'FROM scratch\nCOPY pause /pause\nENTRYPOINT ["/pause"]\n'
        build(buildah, dockerfile, Path(context))
        buildah("push", "built", f"docker-archive:{archive}:{PAUSE_IMAGE}")


def _make_proxy(archive: Path) -> None:
    install_packages(PROXY)
    with buildah_store() as buildah, tempfile.TemporaryDirectory() as context:
        shutil.copy(find_node().executable, Path(context, "node"))
        shutil.copytree(PROXY / "node_modules", Path(context, "node_modules"), symlinks=True)
        add_debian(buildah, "debian:bookworm-slim")
        build(buildah, _PROXY_DOCKERFILE, Path(context))
        buildah("push", "built", f"docker-archive:{archive}:{PROXY_IMAGE}")
