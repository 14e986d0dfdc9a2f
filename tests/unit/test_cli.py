import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from jhub_gateway import __version__
from jhub_gateway.cli import main

CONFIG = """
c.JupyterHub.authenticator_class = "gateway"
c.GatewayAuthenticator.issuer = "https://login.gateway.org"
c.GatewayAuthenticator.client_id = "hub"
c.GatewayAuthenticator.client_secret = "5eUq2mVYk0d8"
c.GatewayAuthenticator.allowed_groups = {"/gateway/users"}
c.JupyterHub.spawner_class = "jhub_gateway.local.process_spawner.ProcessGatewaySpawner"
c.ProcessGatewaySpawner.args = ["--allow-root"]
c.ProcessGatewaySpawner.data_directory = "data"
c.JupyterHub.bind_url = "http://127.0.0.1:8000"
"""


KUBECONFIG = """
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
users: [{name: u, user: {token: t}}]
current-context: c
"""


@pytest.fixture
def check(tmp_path, monkeypatch, capsys):
    """Run `jhub-gateway check` on a configuration; return its status and what it said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JUPYTERHUB_CRYPT_KEY", secrets.token_hex(32))

    def run(config: str) -> tuple[int, str]:
        (tmp_path / "jupyterhub_config.py").write_text(config)
        status = main(["check", "jupyterhub_config.py"])
        said = capsys.readouterr()
        return status, said.out + said.err

    return run


def test_a_right_configuration_passes(check):
    status, text = check(CONFIG)
    assert status == 0
    assert "jupyterhub_config.py: the hub can start with this\n" in text


def test_a_hub_on_kubernetes_is_checked_too(tmp_path):
    # As a command of its own: the Kubernetes client reads KUBECONFIG when it is imported.
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    config = tmp_path / "jupyterhub_config.py"
    pods = CONFIG + "c.JupyterHub.spawner_class = 'gateway'\n"
    environment = {
        **os.environ,
        "KUBECONFIG": str(tmp_path / "kubeconfig"),
        "JUPYTERHUB_CRYPT_KEY": secrets.token_hex(32),
    }

    def run() -> tuple[int, str]:
        command = [Path(sys.executable).parent / "jhub-gateway", "check", config]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    config.write_text(pods)
    status, text = run()
    assert status == 1
    assert "GatewaySpawner.shared_claim_name is empty" in text
    pods += "c.GatewaySpawner.shared_claim_name = 'share'\n"
    config.write_text(pods + "c.GatewaySpawner.home_init_image = 'hub:1'\n")
    status, text = run()
    assert status == 0
    assert text.startswith(f"{config}: the hub can start with this\n")
    # Nothing answers at the address.
    assert "The claims are not checked" in text


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("c.ProcessGatewaySpawner.memory_profiles = [{'slug': 'a'}]", "profile 'a' has no"),
        ("c.ProcessGatewaySpawner.memory = '4G'", "ProcessGatewaySpawner.memory: there is no"),
        ("c.ProfiledSpawner.profiles = []", "ProfiledSpawner.profiles: there is no"),
        ("c.GatewayAuthenticator.client_secret = 'changeme'", "GatewayAuthenticator.client_secret"),
        ("c.GatewayAuthenticator.issuer = 'https://login.example.org'", "names login.example.org"),
        ("c.ProcessGatewaySpawner.args = ['--a=CHANGE-ME']", "ProcessGatewaySpawner.args[0] still"),
        ("c.GatewayAuthenticator.allowed_groups = set()", "nobody may log in"),
        ("c.JupyterHub.cookie_secret = b'short'", "JupyterHub.cookie_secret"),
    ],
)
def test_what_would_stop_the_hub_is_said(check, more, said):
    status, text = check(CONFIG + more)
    assert status == 1
    assert text.startswith("jhub-gateway: ")
    assert said in text


def test_a_missing_file_and_the_version_are_said(capsys):
    assert main(["check", "nothing.py"]) == 1
    assert "nothing.py: there is no such file" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out.strip() == __version__


def test_the_commands_are_there_where_only_a_users_packages_are():
    missing = ("jwt", "kubernetes_asyncio", "kubespawner", "oauthenticator")
    code = f"import sys; sys.modules.update(dict.fromkeys({missing})); import jhub_gateway.cli"
    subprocess.run([sys.executable, "-c", code], check=True)
