"""The machine's pip configuration for the time of an image build, without a trace in the image."""

import ast
import configparser
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MOUNT = "/etc/xdg/pip"
"""Where pip inside of the build looks for a system-wide configuration."""


@contextmanager
def host_settings() -> Iterator[dict[str, str]]:
    """Folders of this machine and where the build has to see them.

    The first holds this machine's pip configuration and its certificate authorities; the
    others are local folders that the configuration names.
    """
    with tempfile.TemporaryDirectory() as directory:
        settings = _get_settings()
        authorities = settings.get("cert") or ssl.get_default_verify_paths().cafile
        if authorities and os.path.exists(authorities):
            shutil.copy(authorities, Path(directory, "ca-certificates.crt"))
            settings["cert"] = f"{MOUNT}/ca-certificates.crt"
        folders = {
            path: path
            for value in settings.values()
            for path in value.split()
            if path.startswith("/") and os.path.isdir(path)
        }
        _write(settings, Path(directory, "pip.conf"))
        Path(directory).chmod(0o755)
        yield {directory: MOUNT, **folders}


def _get_settings() -> dict[str, str]:
    """pip's global settings, the environment's going first."""
    output = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], text=True, capture_output=True
    ).stdout
    settings: dict[str, str] = {}
    for prefix in ("global.", "install.", ":env:."):
        for line in output.splitlines():
            if line.startswith(prefix):
                option, _, value = line.removeprefix(prefix).partition("=")
                settings[option] = str(ast.literal_eval(value))
    return settings


def _write(settings: dict[str, str], path: Path) -> None:
    parser = configparser.RawConfigParser()
    parser["global"] = {name: "\n".join(value.split()) for name, value in settings.items()}
    with path.open("w") as file:
        parser.write(file)
