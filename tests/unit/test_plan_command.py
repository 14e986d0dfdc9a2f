"""The command ``jhub-gateway plan``, without a cluster."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from jhub_gateway.cli import main
from jhub_gateway.policy.profiles import parse_profiles

NODES = ["plan", "--nodes", "4x64G/16@0.5"]
SVG = "{http://www.w3.org/2000/svg}"


def run(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main([*NODES, *words]) == 0
    return capsys.readouterr().out


def test_a_plan_is_a_table_and_sentences(capsys):
    text = run(capsys, "--users", "small=40,xlarge=5", "--active", "0.5")
    assert "4 x 64G/16  64 GB    2 GB      62 GB   15.5   100" in text
    assert "xlarge   15.5 GB   3.84      5        3       4    0.0%      16" in text
    assert (
        "The 23 servers at once fit on these nodes.\nNodes that are enough: 2 in whatever order"
        in text
    )
    assert "they cost 1 an hour" in text
    assert "One machine with 85.4 GB is enough" in text


def test_the_values_are_profiles_that_a_hub_takes(tmp_path, capsys):
    file = tmp_path / "ladder.yaml"
    run(capsys, "--nodes", "30G/4", "--values", str(file))
    entries = yaml.safe_load(file.read_text())["hub"]["config"]["GatewaySpawner"]["memory_profiles"]
    made = parse_profiles(entries)
    document = json.loads(run(capsys, "--nodes", "30G/4", "--format", "json"))
    assert document["ladder"] == [{"slug": one.slug, "memory": one.memory} for one in made]
    # They are planned for as any others.
    again = json.loads(run(capsys, "--nodes", "30G/4", "-f", str(file), "--format", "json"))
    assert again == document


def test_a_picture_has_a_box_for_each_server(tmp_path, capsys):
    file = tmp_path / "plan.svg"
    run(capsys, "--users", "small=7,large=2", "--svg", str(file))
    boxes = ElementTree.fromstring(file.read_text()).iter(f"{SVG}rect")  # noqa: S314
    titles = [title.text for box in boxes if (title := box.find(f"{SVG}title")) is not None]
    assert (titles.count("1.9 GB"), titles.count("7.8 GB")) == (7, 2)


def test_profiles_for_some_nodes_only_are_told(capsys):
    scheduling = Path(__file__).parents[2] / "helm-values" / "scheduling.yaml"
    text = run(capsys, "-f", str(scheduling), "--users", "small=5")
    assert "these profiles need some: small, memory, gpu" in text


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--users", "tiny=4"], "--users: there is no profile 'tiny'; these are there: small,"),
        (["--users", "small=x"], "--users: 'small=x' is no number of users"),
        (["--active", "30"], "--active: '30' is no share from 0 to 1"),
        (["--smallest", "64G"], "--smallest: 64 GB is more than any node has for users, 62 GB"),
        (["--smallest", "no"], "--smallest: 'no' is no amount of memory"),
        (["--system", "2"], "--system: '2': '' is no number of cores"),
        (["--context", "a"], "say which nodes: --nodes 4x64G/16, or a cluster's"),
    ],
)
def test_what_can_not_be_planned_is_a_sentence(words, sentence, capsys):
    assert main([*NODES, *words]) == 1
    assert sentence in capsys.readouterr().err


def test_what_a_profile_does_not_say_of_cpu_is_the_charts_value(tmp_path, capsys):
    text = """
hub:
  config:
    GatewaySpawner:
      memory_profiles:
        - {slug: a, display_name: A, memory: 2G}
        - {slug: b, display_name: B, memory: 2G, cpu: 3}
singleuser: {cpu: {limit: 4%s}}
"""
    file = tmp_path / "site.yaml"
    for more, expected in [("", [4000, 3000]), (", guarantee: 0.5", [500, 500])]:
        file.write_text(text % more)
        document = json.loads(run(capsys, "-f", str(file), "--format", "json"))
        assert [one["request"]["cpu"] for one in document["profiles"]] == expected


def test_values_without_profiles_are_a_sentence(tmp_path, capsys):
    file = tmp_path / "site.yaml"
    file.write_text("hub: {config: {}}\n")
    assert main([*NODES, "-f", str(file)]) == 1
    assert "memory_profiles: there are no profiles in" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_a_sentence(tmp_path, capsys):
    for words in (["-f", f"{tmp_path}/no.yaml"], ["--svg", f"{tmp_path}/no/plan.svg"]):
        assert main([*NODES, *words]) == 1
        assert f"{words[1]}: No such file" in capsys.readouterr().err


def test_nodes_must_be_named(capsys):
    assert main(["plan"]) == 1
    assert "say which nodes" in capsys.readouterr().err
