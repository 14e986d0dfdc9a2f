"""The command ``jhub-gateway upgrade``, as far as it comes without a cluster."""

from argparse import Namespace
from pathlib import Path

import pytest

from jhub_gateway.cli import main
from jhub_gateway.upgrade.command import find_value_problems

VALUES = """
hub:
  image: {name: hub, tag: 0.2.0}
  config:
    JupyterHub: {spawner_class: gateway, authenticator_class: dummy}
    GatewaySpawner:
      shared_claim_name: gateway-homes
      home_init_image: hub:0.2.0
      memory_profils: []
"""


@pytest.fixture
def values(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(VALUES)
    return path


def test_the_values_are_checked_as_check_does_it(values: Path):
    options = Namespace(values=[values], kubeconfig=None, context=None, namespace=None)
    found = list(find_value_problems(options))
    assert [one for one in found if "site.yaml:9" in one and "memory_profils" in one]


def test_it_must_be_said_how_the_hub_is_installed(values: Path, capsys):
    assert main(["upgrade", "run", "-f", str(values)]) == 1
    assert "say after -- how the new hub is installed" in capsys.readouterr().err


def test_a_cluster_that_is_not_known_is_told(values: Path, tmp_path: Path, capsys):
    words = ["-f", str(values), "--kubeconfig", str(tmp_path / "none")]
    assert main(["upgrade", "plan", *words]) == 1
    assert "the cluster is not known" in capsys.readouterr().err
