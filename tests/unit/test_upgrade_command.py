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


def test_a_program_that_is_not_there_is_told_before_the_hub_is_stopped(values: Path, capsys):
    assert main(["upgrade", "run", "-f", str(values), "--", "no-such-helm", "upgrade"]) == 1
    assert "there is no program 'no-such-helm'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value"),
    [("--from", "latest"), ("--from", "the old one"), ("--notice", "-5"), ("--notice", "nan")],
)
def test_a_value_that_says_nothing_is_refused(values: Path, option, value, capsys):
    with pytest.raises(SystemExit) as end:
        main(["upgrade", "run", "-f", str(values), f"{option}={value}", "--", "true"])
    assert end.value.code == 2
    assert f"argument {option}: {value!r} is no " in capsys.readouterr().err


def test_a_cluster_that_is_not_known_is_told(values: Path, tmp_path: Path, capsys):
    words = ["-f", str(values), "--kubeconfig", str(tmp_path / "none")]
    assert main(["upgrade", "plan", *words]) == 1
    assert "the cluster is not known" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "c.JupyterHub.port = 1", "- a", "a: ["])
@pytest.mark.parametrize(("words", "status"), [(["check"], 2), (["upgrade", "plan"], 1)])
def test_a_file_that_is_no_kubeconfig_is_told(values: Path, tmp_path, text, words, status, capsys):
    file = tmp_path / "kubeconfig"
    file.write_text(text)
    try:
        found = main([*words, "-f", str(values), "--kubeconfig", str(file)])
    except SystemExit as end:
        found = end.code
    assert found == status
    assert f"{file} is no kubeconfig" in capsys.readouterr().err


def test_a_file_that_jupyterhub_would_not_read_is_no_hubs_settings(tmp_path: Path, capsys):
    config = tmp_path / "hub.conf"
    config.write_text("c.JupyterHub.db_url = 'sqlite:////srv/hub.sqlite'")
    words = ["--to", str(tmp_path / "one.sqlite"), "--config", str(config)]
    assert main(["database", "backup", *words]) == 1
    assert "a hub's settings are in a file that ends with .py" in capsys.readouterr().err
