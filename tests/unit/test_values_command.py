"""``jhub-gateway values`` prints what helm would use."""

import yaml

from jhub_gateway.cli import main


def test_files_are_printed_as_helm_merges_them(tmp_path, capsys):
    first, second = tmp_path / "common.yaml", tmp_path / "site.yaml"
    first.write_text("hub: {db: {type: sqlite-pvc}, labels: {a: b}}\ncull: {enabled: true}\n")
    second.write_text("hub: {db: {type: postgres}, labels: null}\n")
    assert main(["values", "-f", str(first), "-f", str(second)]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == {
        # Null takes away what the chart has by default.
        "hub": {"db": {"type": "postgres"}, "labels": None},
        "cull": {"enabled": True},
    }


def test_a_file_that_is_no_values_file_is_a_sentence(tmp_path, capsys):
    (tmp_path / "list.yaml").write_text("- 1\n")
    assert main(["values", "-f", str(tmp_path / "list.yaml")]) == 1
    assert "list.yaml" in capsys.readouterr().err
