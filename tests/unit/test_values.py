"""Values files: merged as helm does it, each value with its place, all faults with theirs."""

from pathlib import Path

import pytest

from jhub_gateway.chart.values import load_values, read_values
from jhub_gateway.errors import ConfigurationError

COMMON = """\
# A comment.
hub:
  config:
    GatewaySpawner:
      memory_profiles:
        - slug: small
          memory: 2G
        - slug: large
          memory: 16G
singleuser:
  memory: {limit: 1G, guarantee: 1G}
  since: 2026-01-31
  extraEnv: {1: one, on: "yes"}
"""
SITE = """\
singleuser:
  memory:
    guarantee: null
hub:
  config:
    GatewaySpawner:
      memory_profiles:
        - slug: tiny
"""


@pytest.fixture
def write(tmp_path):
    def write(*texts):
        files = [tmp_path / f"{name}.yaml" for name in "abc"[: len(texts)]]
        for file, text in zip(files, texts, strict=True):
            file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return files

    return write


def test_maps_are_merged_and_lists_are_replaced(write):
    spawner = read_values(write(COMMON, SITE)).data["hub"]["config"]["GatewaySpawner"]
    assert spawner == {"memory_profiles": [{"slug": "tiny"}]}


def test_null_is_over_an_earlier_value(write):
    memory = read_values(write(COMMON, SITE)).data["singleuser"]["memory"]
    assert memory == {"limit": "1G", "guarantee": None}


def test_dates_and_keys_are_texts(write):
    singleuser = read_values(write(COMMON)).data["singleuser"]
    assert singleuser["since"] == "2026-01-31"
    assert singleuser["extraEnv"] == {"1": "one", "true": "yes"}


def test_texts_without_quotes_are_read_as_helm_reads_them(write):
    text = "a: 12:30\nb: 0644\nc: y\nd: 1e3\ne: 0o17\nf: 2G\ng: .5\nh: ~\ni: -1_000\nj: 1.5.2\n"
    assert list(read_values(write(text)).data.values()) == [
        "12:30",
        420,
        True,
        1000,
        15,
        "2G",
        0.5,
        None,
        -1000,
        "1.5.2",
    ]


def test_what_an_anchor_brings_is_merged(write):
    text = "base: &base {a: 1, b: 1}\nuse:\n  <<: *base\n  b: 2\n"
    values = read_values(write(text))
    assert values.data["use"] == {"a": 1, "b": 2}
    assert values.find("use", "b").line == 4


def test_files_without_values_are_no_fault(write):
    assert read_values(write("# nothing yet\n", "")).data == {}


@pytest.mark.parametrize(
    ("path", "file", "line"),
    [
        (("singleuser", "memory", "limit"), "a.yaml", 11),
        (("singleuser", "memory", "guarantee"), "b.yaml", 3),
        (("hub", "config", "GatewaySpawner", "memory_profiles", 0, "slug"), "b.yaml", 8),
        (("singleuser", "fsGid"), "b.yaml", 1),  # its parent
        (("hub", "config", "GatewaySpawner", "memory_profiles", 1, "slug"), "b.yaml", 7),
    ],
)
def test_each_value_has_a_place(write, path, file, line):
    place = read_values(write(COMMON, SITE)).find(*path)
    assert (place.file.name, place.line) == (file, line)


def test_what_is_nowhere_has_no_place(write):
    assert read_values(write(COMMON)).find("cull", "enabled") is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: 1\nb:\n\tc: 1\n", "a.yaml:3: there is a tab; YAML is indented with spaces"),
        ("a: 1\nb: [1, 2\nc: 3\n", "a.yaml:3: this is no YAML: "),
        ("a:\n  b: 1\n  c: 1\n  b: 2\n", "a.yaml:4: a.b: it is in line 2 already"),
        ("- a\n", "a.yaml:1: a values file is a mapping"),
        ("a: 1\n---\nb: 1\n", "a.yaml:2: this is no YAML: expected a single document"),
        (
            "a: !secret x\n",
            "a.yaml:1: this is no YAML: could not determine a constructor for the tag\n",
        ),
        (b"a: 1\nb: \xff\n", "a.yaml:2: this is no UTF-8"),
        ("a: 1\nb: \x07\n", "a.yaml:2: YAML has no place for it"),
        ("a: 1\nb: !!int x\n", "a.yaml:2: this is no YAML: a number is none"),
        (f"a: 1\nb: {'9' * 5000}\n", "a.yaml:2: this is no YAML: a number is none"),
        ("a: &a [*a]\n", "a.yaml:1: a value is inside itself"),
    ],
)
def test_a_faulty_text_is_told_with_its_line(write, text, fault):
    with pytest.raises(ConfigurationError) as problem:
        read_values(write(text))
    assert fault in f"{problem.value}\n"


def test_faults_of_all_files_are_told(write):
    values, faults = load_values(write("a: 1\na: 2\nb: 1\nb: 1\n", "x: [", "c: 1\n"))
    assert [(fault.place.file.name, fault.path) for fault in faults] == [
        ("a.yaml", ("a",)),
        ("a.yaml", ("b",)),
        ("b.yaml", ()),
    ]
    assert values.data == {"a": 2, "b": 1, "c": 1}  # as helm takes them


def test_a_missing_file_is_the_callers(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_values([Path(tmp_path / "none.yaml")])
