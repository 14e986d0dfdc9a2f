import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from jhub_gateway.cli import main
from jhub_gateway.models import Owner
from jhub_gateway.storage.__main__ import main as run
from jhub_gateway.storage.homes import find_home, prepare_home
from jhub_gateway.storage.owners import read_record
from tests.unit.storage_share import (
    ISSUER,
    add_home,
    list_all,
    make_directory,
    make_owner,
    make_share,
)

ADA = make_owner("ada", "s1")
WHO = {"name": "ada", "issuer": ISSUER, "subject": "s1"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_share(tmp_path / "share")


@pytest.fixture
def storage(capsys):
    """Run `jhub-gateway storage`; return its status and what it said."""

    def call(*arguments: object) -> tuple[int, str]:
        capsys.readouterr()
        status = main(["storage", *map(str, arguments)])
        said = capsys.readouterr()
        assert bool(said.err) == (status == 1)
        return status, said.out + said.err

    return call


@pytest.fixture
def last_words(tmp_path, monkeypatch):
    """The file in the place of kubelet's."""
    path = tmp_path / "termination-log"
    monkeypatch.setenv("JHUB_GATEWAY_TERMINATION_LOG", str(path))
    return path


# --- For operators


def test_init_says_what_it_does(storage, tmp_path):
    status, said = storage("init", tmp_path, "--dry-run")
    assert status == 0
    assert said.startswith("dry run, nothing is changed:\n")
    assert list(tmp_path.iterdir()) == []
    status, done = storage("init", tmp_path)
    assert f"dry run, nothing is changed:\n{done}" == said
    assert storage("init", tmp_path) == (
        0,
        f"{tmp_path} has layout 2 already; nothing to do\n",
    )


def test_init_of_what_is_no_share_fails(storage, tmp_path):
    (tmp_path / "thesis").mkdir()
    status, said = storage("init", tmp_path)
    assert status == 1
    assert said.startswith("jhub-gateway: ")
    assert "'thesis'" in said


def test_list_is_a_table(storage, root):
    assert storage("list", root) == (0, f"{root} has no homes\n")
    add_home(root, ADA, "mine")
    add_home(root, make_owner("bob"), "bob's")
    add_home(root, make_owner("eve"), "eve's", next_login=True)
    add_home(root, make_owner("lost"), None).rmdir()
    (root / "homes/stray").mkdir()
    usage = {"used": 5 * 1024**3, "measured_at": "2026-11-21T16:00:00Z", "limit": None}
    (root / "usage/homes/bob/usage.json").write_text(json.dumps(usage))
    os.utime(root / "owners/bob.json", (1763740800, 1763740800))
    status, said = storage("list", root)
    assert status == 0
    header, *rows = said.splitlines()
    assert header.split() == ["HOME", "NAME", "IDENTITY", "LAST", "START", "SIZE"]
    table = {row.split()[0]: row for row in rows}
    start = header.index("NAME")
    assert table["bob"][start:].split("  ")[0] == "bob"
    assert "by name" in table["bob"]
    assert "2025-11-21 16:00" in table["bob"]
    assert table["bob"].endswith("5 GB")
    assert f"s1 at {ISSUER}" in table[make_directory(ADA)]
    assert "next login" in table["eve"]
    assert "nobody" in table["stray"]
    assert "lost (missing)" in table["lost"]


def test_ten_thousand_homes_are_listed_soon(storage, root):
    record = json.dumps({"name": "someone", "issuer": ISSUER, "subject": "s"})
    for number in range(10_000):
        (root / "homes" / f"h{number}").mkdir()
        (root / "owners" / f"h{number}.json").write_text(record)
    start = time.monotonic()
    status, said = storage("list", root)
    assert time.monotonic() - start < 20
    assert status == 0
    assert len(said.splitlines()) == 10_001


def test_orphans_are_named(storage, root):
    add_home(root, ADA, "mine")
    assert storage("orphans", root) == (0, f"{root}: nothing is without an owner\n")
    (root / "homes/stray").mkdir()
    os.utime(root / "owners" / f"{make_directory(ADA)}.json", (0, 0))
    status, said = storage("orphans", root, "--unused-for", 365)
    assert status == 0
    assert "homes/stray: nobody has it" in said
    assert "of 'ada', last start" in said


def test_rename_gives_a_home_to_another_login(storage, root):
    home = add_home(root, ADA, "mine")
    change = ("rename", root, home.name, "--issuer", ISSUER, "--subject", "s2")
    before = list_all(root)
    status, said = storage(*change, "--dry-run")
    assert status == 0
    assert list_all(root) == before
    status, done = storage(*change)
    assert said == f"dry run, nothing is changed:\n{done}"
    assert (find_home(root, make_owner("ada", "s2")) / "notes.txt").read_text() == "mine"


def test_the_command_that_a_refusal_names_works(storage, root, last_words):
    add_home(root, ADA, "mine")
    who = {"name": "ada", "issuer": ISSUER, "subject": "s2"}
    assert run(["prepare", str(root), json.dumps({"owner": who})]) == 1
    cause = json.loads(last_words.read_text())["cause"]
    command = cause.split("one person: ")[1].split(" ; ")[0]
    assert command.startswith("jhub-gateway storage rename ")
    status, said = storage(*command.split()[2:])
    assert (status, "its owner is subject 's2'" in said) == (0, True)
    assert run(["prepare", str(root), json.dumps({"owner": who})]) == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "say what shall change"),
        (["--subject", "s2"], "--issuer and --subject belong together"),
        (["--issuer", ISSUER], "--issuer and --subject belong together"),
        (["--by-name", "--next-login"], "give one of"),
        (["--by-name", "--issuer", ISSUER, "--subject", "s2"], "give one of"),
        (["--name", "bob"], "the user name 'bob' is that of the home"),
        (["--name", ""], "empty identity"),
    ],
)
def test_a_rename_that_cannot_be_is_said(storage, root, options, said):
    home = add_home(root, ADA, "mine")
    add_home(root, make_owner("bob"), "bob's")
    before = list_all(root)
    status, text = storage("rename", root, home.name, *options)
    assert status == 1
    assert said in text
    assert list_all(root) == before


def test_the_help_of_rename_tells_to_stop_servers(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["storage", "rename", "--help"])
    assert "Stop the user's servers first" in " ".join(capsys.readouterr().out.split())


def test_measure_fills_the_list(storage, root):
    home = add_home(root, ADA, "mine")
    (home / "big").write_bytes(os.urandom(100_000))
    status, said = storage("measure", root)
    assert status == 0
    assert f"measured 1 directories of {root}" in said
    assert " KB" in storage("list", root)[1]
    assert "measured 0" in storage("measure", root)[1]
    assert "measured 1" in storage("measure", root, "--max-age", "0")[1]


@pytest.mark.parametrize("command", ["list", "orphans", "measure"])
def test_what_is_no_share_is_not_touched(storage, tmp_path, command):
    status, said = storage(command, tmp_path)
    assert status == 1
    assert "layout 0" in said
    assert list(tmp_path.iterdir()) == []


# --- The manifests for them

MANIFESTS = Path(__file__).parents[2] / "helm-values/manifests/beside-chart"


@pytest.mark.parametrize("name", ["storage-init", "storage-measure"])
def test_the_manifests_run_these_commands_restricted(root, storage, name):
    manifest = yaml.safe_load((MANIFESTS / f"{name}.yaml").read_text())
    job = manifest["spec"].get("jobTemplate", manifest)["spec"]
    pod = job["template"]["spec"]
    (container,) = pod["containers"]
    context = {**pod["securityContext"], **container["securityContext"]}
    assert context["runAsNonRoot"] is True
    assert (context["runAsUser"], context["runAsGroup"], context["fsGroup"]) == (1000, 1000, 1000)
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert context["allowPrivilegeEscalation"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert pod["automountServiceAccountToken"] is False
    (volume,) = pod["volumes"]
    (claim,) = yaml.safe_load_all((MANIFESTS / "shared-claim.yaml").read_text())
    assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    words = [*container["command"], *container.get("args", [])]
    assert words[:2] == ["jhub-gateway", "storage"]
    (mount,) = container["volumeMounts"]
    status, said = storage(*(root if word == mount["mountPath"] else word for word in words[2:]))
    assert (status, str(root) in said) == (0, True)


# --- Before each server


def test_prepare_makes_home_and_folders(root, last_words):
    (root / "datasets/genomes").mkdir()
    asked = {"owner": WHO, "folders": ["lab"], "datasets": ["genomes"], "rescue": True}
    assert run(["prepare", str(root), json.dumps(asked)]) == 0
    assert find_home(root, Owner(**WHO)).is_dir()
    assert (root / "groups/lab").is_dir()
    assert (root / "usage/homes" / make_directory(ADA) / "rescue").exists()
    assert not last_words.exists()


def test_a_refusal_is_the_last_word(root, last_words, capsys):
    last_words.write_text("something longer than it that was there before" * 100)
    add_home(root, ADA, "mine")
    who = {"name": "ada", "issuer": None, "subject": None}
    assert run(["prepare", str(root), json.dumps({"owner": who})]) == 1
    words = json.loads(last_words.read_text())
    assert words.keys() == {"sentence", "cause"}
    assert "Ask the gateway's support" in words["sentence"]
    assert capsys.readouterr().err.strip() == words["cause"]
    assert str(root) not in words["sentence"]


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"owner": {"nam": "ada"}}'])
def test_what_nobody_expected_is_a_sentence_too(root, last_words, text):
    assert run(["prepare", str(root), text]) == 1
    words = json.loads(last_words.read_text())
    assert words["sentence"] == (
        "Your home can't be opened just now. Ask the gateway's support to look at it."
    )
    assert "Error: " in words["cause"]


def test_a_long_cause_fits_kubelets_4096_bytes(root, last_words):
    name = "\x01\U0001f600" * 300
    prepare_home(root, make_owner(name, "s1"))
    assert run(["prepare", str(root), json.dumps({"owner": {"name": name}})]) == 1
    assert 3000 < last_words.stat().st_size <= 4096
    assert json.loads(last_words.read_text())["sentence"]


def test_fill_becomes_the_server_whatever_happened(root, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    code = "import os; print('served as', os.environ['WHO'])"
    for text in ('{"links": {"gateway": "/gateway"}}', "{"):
        words = [home, root / "tutorials", text, "--", sys.executable, "-c", code]
        command = [sys.executable, "-I", "-m", "jhub_gateway.storage", "fill", *words]
        environment = {
            **os.environ,
            "WHO": "ada",
            "JHUB_GATEWAY_TERMINATION_LOG": str(tmp_path / "log"),
        }
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (0, "served as ada\n")
    assert os.readlink(home / "gateway") == "/gateway"


def test_what_runs_before_each_server_imports_little(root):
    heavy = ["argparse", "asyncio", "logging", "jupyterhub", "traitlets", "tornado", "subprocess"]
    code = f"""
import sys
from jhub_gateway.storage.__main__ import main
status = main(["prepare", {str(root)!r}, {json.dumps({"owner": WHO})!r}])
print(status, [name for name in {heavy} if name in sys.modules])
"""
    answer = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True)
    assert answer.stdout.strip() == "0 []"
    assert read_record(root, make_directory(ADA)) is not None
