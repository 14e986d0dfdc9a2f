"""The demo's own virtual environment, with the project in it. Needs Python's own library alone."""

import hashlib
import os
import shutil
import sys
from pathlib import Path

from demo.locks import exclusive_lock
from demo.paths import ENVIRONMENT, LOGS, ROOT, STATE, make_private_directory
from demo.progress import run_step, say

_CONSTRAINTS = ROOT / "tests" / "constraints.txt"
_STAMP = ENVIRONMENT / "installed"
_PYTHON = ENVIRONMENT / "bin" / "python"

# The user image's: JupyterLab asks for no news and no updates.
_LAB_SETTINGS = ROOT / "binder" / "overrides.json"


def enter_environment() -> None:
    """Go on in the demo's own environment: this process is replaced, unless it is there already.

    Raises DemoError when the environment can't be made.
    """
    make_private_directory(STATE)
    with exclusive_lock(STATE / "environment.lock"):
        if not _is_current():
            _make_environment()
    if Path(sys.prefix).resolve() != ENVIRONMENT.resolve():
        os.chdir(ROOT)
        os.execv(_PYTHON, [str(_PYTHON), "-m", "demo", *sys.argv[1:]])  # noqa: S606


def _is_current() -> bool:
    return _STAMP.exists() and os.access(_PYTHON, os.X_OK) and _STAMP.read_text() == _make_key()


def _make_key() -> str:
    """Return what the environment depends on. It can't be moved, so the path is a part of it."""
    digest = hashlib.sha256(f"{ROOT} {sys.version_info[:2]}".encode())
    for file in (
        ROOT / "setup.cfg",
        ROOT / "pyproject.toml",
        _CONSTRAINTS,
        _LAB_SETTINGS,
        Path(__file__),
    ):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _make_environment() -> None:
    say("Setting up, once. It needs the network and about 450 MB in .demo.")
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    logs = make_private_directory(LOGS)
    run_step(
        "Making a virtual environment",
        [sys.executable, "-m", "venv", ENVIRONMENT],
        logs / "venv.log",
        failure="Python's venv does not work here; on Debian and Ubuntu install python3-venv, "
        "then start again",
    )
    run_step(
        "Installing JupyterHub, JupyterLab and this project (about a minute)",
        [*_PIP, "install", "--constraint", _CONSTRAINTS, "--editable", f"{ROOT}[local]"],
        logs / "pip.log",
        failure="pip could not install the Python packages; check this machine's network or pip's "
        "index settings, then start again",
    )
    _write_lab_settings()
    _STAMP.write_text(_make_key())


# Fewer retries, so that a machine without network learns of it in seconds.
_PIP = [_PYTHON, "-m", "pip", "--disable-pip-version-check", "--no-input", "--retries=2"]


def _write_lab_settings() -> None:
    overrides = ENVIRONMENT / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    overrides.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(_LAB_SETTINGS, overrides)
