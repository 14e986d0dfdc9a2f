"""What README's first command says when it cannot go on, before it installs anything."""

import os
import socket
import subprocess
import sys

import pytest

from demo.paths import ROOT


def run_demo(port: object) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "demo"],
        cwd=ROOT,
        env={**os.environ, "PORT": str(port)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    return done.returncode, done.stderr


def test_a_port_in_use_is_a_sentence():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        status, said = run_demo(port)
    assert status == 1
    assert said.startswith("demo: ")
    assert str(port) in said
    assert "Traceback" not in said


@pytest.mark.parametrize("port", ["http", "0", "70000", "-1"])
def test_a_port_that_is_none_is_a_sentence(port):
    assert run_demo(port) == (
        1,
        f"demo: PORT is {port!r}: write a number below 65532, as in: make demo PORT=8100.\n",
    )
