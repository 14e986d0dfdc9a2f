"""Images that are not the same everywhere: without a tag, or with the tag ``latest``."""

from collections.abc import Iterator

from jhub_gateway.chart.chart_values import ChartValues
from jhub_gateway.checks.report import Problem
from jhub_gateway.policy.setting_paths import Path, format_path

_SETTING: Path = ("hub", "config", "GatewaySpawner")


def find_image_problems(chart: ChartValues) -> Iterator[Problem]:
    """Yield each image without a fixed tag, and a home_init_image that is not the hub's."""
    for path in _list_pairs(chart):
        yield from _judge_pair(chart, path)
    for path, image in _list_names(chart):
        if problem := _find_fault(_read_tag(image)):
            yield Problem(path, f"the image {image!r} {problem}")
    yield from _find_other_hub_image(chart)


def _list_pairs(chart: ChartValues) -> Iterator[Path]:
    """Yield where the chart has a name and a tag. Its own images have the chart's tag."""
    yield from (("hub", "image"), ("singleuser", "image"))
    for name in chart.get("prePuller.extraImages", {}):
        yield ("prePuller", "extraImages", name)


def _judge_pair(chart: ChartValues, path: Path) -> Iterator[Problem]:
    where = format_path(path)
    name, tag = chart.get(f"{where}.name"), chart.get(f"{where}.tag")
    if not name or name in _CHARTS_OWN or "@" in str(name):
        return
    if not tag:
        yield Problem((*path, "tag"), f"the image {name!r} has no tag here: the chart's would hold")
    elif problem := _find_fault(str(tag)):
        yield Problem((*path, "tag"), f"the image {name!r} {problem}")


_CHARTS_OWN = ("quay.io/jupyterhub/k8s-hub", "quay.io/jupyterhub/k8s-singleuser-sample")


def _list_names(chart: ChartValues) -> Iterator[tuple[Path, str]]:
    """Yield the images of this project's settings."""
    spawner = chart.get(".".join(map(str, _SETTING))) or {}
    if isinstance(image := spawner.get("home_init_image"), str) and image:
        yield (*_SETTING, "home_init_image"), image
    profiles = spawner.get("memory_profiles")
    for place, profile in enumerate(profiles if isinstance(profiles, list) else ()):
        if isinstance(profile, dict) and isinstance(image := profile.get("image"), str):
            yield (*_SETTING, "memory_profiles", place, "image"), image


def _read_tag(image: str) -> str:
    """Return the tag of an image, or its digest, which is better."""
    name, _, digest = image.partition("@")
    return digest or name.rpartition("/")[2].partition(":")[2]


def _find_fault(tag: str) -> str:
    if not tag:
        return "has no tag: pods would run whatever is the latest one that their node has"
    if tag == "latest":
        return "has the tag 'latest': pods would run different ones. Write a version"
    return ""


def _find_other_hub_image(chart: ChartValues) -> Iterator[Problem]:
    hub = f"{chart.get('hub.image.name')}:{chart.get('hub.image.tag')}"
    image = chart.get("hub.config.GatewaySpawner.home_init_image")
    if image and chart.get("hub.image.name") and image != hub:
        yield Problem(
            (*_SETTING, "home_init_image"),
            f"it is {image!r}, and hub.image is {hub!r}: homes are prepared by the hub's version",
            is_warning=True,
        )
