import re
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader

import jhub_gateway

PROFILES = [
    {"slug": "small", "display_name": "Small", "memory": "1 GB", "cpu": 1, "default": False},
    {"slug": "large", "display_name": "<Large> & more", "memory": "8 GB", "default": True},
]


def render(**context) -> str:
    """Render the form as KubeSpawner does: without escaping."""
    folder = Path(jhub_gateway.__file__).parent / "templates"
    environment = Environment(loader=FileSystemLoader(folder))  # noqa: S701
    return environment.get_template("form.html").render(context)


@pytest.mark.parametrize(
    ("context", "checked"),
    [
        # KubeSpawner 7.0 passes no user_options.
        ({}, "large"),
        ({"user_options": {}}, "large"),
        ({"user_options": {"profile": "small"}}, "small"),
        ({"user_options": {"profile": "closed"}}, "large"),
        ({"user_options": {"profile": ["small"]}}, "large"),
    ],
)
def test_the_last_choice_or_the_default_is_chosen(context, checked):
    page = render(profile_list=PROFILES, **context)
    assert re.findall(r'value="([a-z]+)" checked', page) == [checked]


def test_what_the_operator_wrote_is_text():
    page = render(profile_list=PROFILES)
    assert "&lt;Large&gt; &amp; more" in page
    assert "<Large>" not in page


def test_somebody_without_any_profile_reads_a_sentence():
    assert "Ask the gateway's support" in render(profile_list=[])
