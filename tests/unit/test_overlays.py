"""The overlays for Zero to JupyterHub, merged in the order that overlays.yaml gives."""

import re
from itertools import combinations
from pathlib import Path

import pytest
import yaml

from jhub_gateway import __version__
from jhub_gateway.chart.values import read_values
from jhub_gateway.policy.profiles import parse_profiles

HELM_VALUES = Path(__file__).parents[2] / "helm-values"
OVERLAYS = yaml.safe_load((HELM_VALUES / "overlays.yaml").read_text())["overlays"]
NAMES = [overlay["name"] for overlay in OVERLAYS]
BY_NAME = dict(zip(NAMES, OVERLAYS, strict=True))


def merge(*names: str) -> dict:
    files = [HELM_VALUES / BY_NAME[name]["file"] for name in NAMES if name in names]
    return read_values(files).data


def find_leaves(value, path=()):
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from find_leaves(below, (*path, key))
    else:
        yield path, value


def test_each_values_file_is_an_overlay_and_each_overlay_a_file():
    files = {path.name for path in HELM_VALUES.glob("*.yaml")} - {"overlays.yaml"}
    assert files == {overlay["file"] for overlay in OVERLAYS}
    assert len(NAMES) == len(set(NAMES))
    assert (NAMES[0], NAMES[-1]) == ("common", "site")


@pytest.mark.parametrize("name", NAMES)
def test_an_overlay_names_others_that_there_are_and_excludes_both_ways(name):
    overlay = BY_NAME[name]
    assert overlay.keys() <= {"name", "file", "for", "requires", "excludes"}
    for required in overlay.get("requires", []):
        assert NAMES.index(required) < NAMES.index(name)
    for other in overlay.get("excludes", []):
        assert name in BY_NAME[other]["excludes"]


def test_what_two_overlays_both_say_is_excluded_or_the_same_or_known():
    """Who adds a value that another overlay has decides which of them holds, and says so here."""
    found = set()
    said = {name: dict(find_leaves(merge(name))) for name in NAMES[1:-1]}
    for one, other in combinations(said, 2):
        for path in said[one].keys() & said[other].keys():
            if other not in BY_NAME[one].get("excludes", []) and (
                said[one][path] != said[other][path]
            ):
                found.add((one, other, ".".join(path)))
    assert found == {
        # Placeholders of one size give way to those of the component.
        ("high-availability", "scheduling", "scheduling.userPlaceholder.enabled"),
    }


def test_a_later_overlay_goes_before_an_earlier_one():
    merged = merge("common", "high-availability", "scheduling", "site")
    profiles = parse_profiles(merged["hub"]["config"]["GatewaySpawner"]["memory_profiles"])
    assert [profile.slug for profile in profiles] == ["small", "memory", "gpu"]
    assert merged["hub"]["config"]["GatewaySpawner"]["cull"]["idle_after"] == 10800
    assert merged["scheduling"]["userPlaceholder"]["enabled"] is False
    assert merged["scheduling"]["userPlaceholder"]["replicas"] == 2
    assert merged["hub"]["db"]["type"] == "postgres"


@pytest.mark.parametrize(
    "other", [name for name in NAMES if name not in BY_NAME["high-availability"]["excludes"]]
)
def test_no_pod_has_two_affinities(other):
    """The chart writes its own beside that of extraPodSpec, and of two of a key the last holds."""
    scheduling = merge("common", "high-availability", other)["scheduling"]
    for pods in ("corePods", "userPods"):
        assert scheduling[pods]["nodeAffinity"]["matchNodePurpose"] == "ignore"


@pytest.mark.parametrize("name", NAMES[:-1])
def test_nothing_but_the_sites_file_has_a_placeholder(name):
    for path, value in find_leaves(merge(name)):
        assert not re.search(r"CHANGE-ME|\bexample\b", str(value)), path


def test_all_placeholders_are_in_one_block_at_the_top():
    text = (HELM_VALUES / "site-example.yaml").read_text()
    heading, block, rest = re.split(r"^# -{3}.*-{20}$", text, flags=re.MULTILINE)
    assert yaml.safe_load(heading) is None
    assert yaml.safe_load(rest) is None
    changed = dict(find_leaves(yaml.safe_load(block)))
    assert changed["hub", "config", "GatewayAuthenticator", "client_secret"] == "CHANGE-ME"
    assert changed["hub", "config", "GatewayAuthenticator", "admin_users"] == ["CHANGE-ME"]


def test_what_a_site_may_uncomment_is_yaml_of_the_same_sections():
    rest = (HELM_VALUES / "site-example.yaml").read_text().rpartition("-" * 20 + "\n")[2]
    _, _, optional = rest.partition("each below its section above.\n#\n")
    values = yaml.safe_load(re.sub(r"^# ?", "", optional, flags=re.MULTILINE))
    assert values.keys() <= merge("common").keys()
    assert values["hub"]["config"]["GatewaySpawner"]["home_quota"][0] == {"size": "20G"}


def test_the_hubs_image_is_of_this_version():
    image = re.compile(r"jhub-gateway-hub(?::|\n +(?:newName: .*-hub\n +newTag|tag): )\"?([\d.]+)")
    for path in HELM_VALUES.rglob("*.yaml"):
        assert set(image.findall(path.read_text())) <= {__version__}, path
    site = (HELM_VALUES / "site-example.yaml").read_text()
    assert len(image.findall(site)) == site.count("jhub-gateway-hub")


COMPONENTS = (
    ("hub",),
    ("proxy", "chp"),
    ("proxy", "traefik"),
    ("proxy", "secretSync"),
    ("scheduling", "userScheduler"),
    ("scheduling", "userPlaceholder"),
    ("prePuller",),
    ("prePuller", "hook"),
)


@pytest.mark.parametrize("component", COMPONENTS, ids=".".join)
def test_each_component_has_a_memory_limit(component):
    value = merge("common")
    for step in component:
        value = value[step]
    assert re.fullmatch(r"\d+[MG]i", value["resources"]["limits"]["memory"])


_AMOUNT = re.compile(r"\s*(?P<key>[\w.-]+): \"?\d[\d.]*(m|Mi|Gi|G)?\"?(?P<comment> +#.*)?$")


@pytest.mark.parametrize("overlay", OVERLAYS, ids=NAMES)
def test_each_kind_of_amount_says_what_it_counts(overlay):
    """On its line or above it, once a file: a number alone does not tell its unit."""
    told, found, before = {"tag", "KUBERNETES_SERVICE_PORT"}, set(), ""
    for line in (HELM_VALUES / overlay["file"]).read_text().splitlines():
        if amount := _AMOUNT.match(line):
            found.add(amount["key"])
            if amount["comment"] or before.lstrip().startswith("#"):
                told.add(amount["key"])
        before = line
    assert found - told == set()
