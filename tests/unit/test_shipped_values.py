"""helm-values/: with the placeholders filled in, nothing is wrong with what is shipped."""

import re
from pathlib import Path

import pytest
import yaml

from jhub_gateway.checks.values_check import Question, check_values

HELM_VALUES = Path(__file__).parents[2] / "helm-values"
OVERLAYS = HELM_VALUES / "overlays.yaml"
ALWAYS = {"common", "site"}


def list_releases() -> dict[str, list[str]]:
    """Return the files of a release with each overlay, in the order in which they are merged."""
    overlays = yaml.safe_load(OVERLAYS.read_text())["overlays"]
    return {
        chosen["name"]: [
            overlay["file"]
            for overlay in overlays
            if overlay["name"] in {*ALWAYS, chosen["name"], *chosen.get("requires", ())}
        ]
        for chosen in overlays
    }


def fill_in(text: str) -> str:
    """Return the text with a site's own values in the place of an example's."""
    text = re.sub(r"example\.(org|com|net)", "gateway.org", text)
    return text.replace("CHANGE-ME", "own-value-7d1f6c0a94b25e38")


@pytest.fixture
def site(tmp_path):
    """Return a function that writes a file of helm-values/ as a site would have it."""

    def write(name: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(fill_in((HELM_VALUES / name).read_text()))
        return path

    return write


@pytest.mark.parametrize(("name", "files"), list_releases().items())
def test_nothing_is_wrong_with_an_overlay(site, name, files):
    chosen = tuple(map(site, files))
    report = check_values(Question(files=chosen, is_offline=True, chart_version="4.4.0"))
    assert [str(problem) for problem in report] == [], name


def test_an_example_that_is_not_filled_in_is_found():
    files = (HELM_VALUES / "common.yaml", HELM_VALUES / "site-example.yaml")
    report = check_values(Question(files=files, is_offline=True))
    assert any("an example's host" in problem.sentence for problem in report)
