"""The page on which a user picks the size of their server, on one machine."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, Template


def render_profile_form(
    profile_list: Sequence[Mapping[str, Any]], user_options: Mapping[str, Any]
) -> str:
    """Return the choice of profiles as HTML, to go inside JupyterHub's own ``<form>``.

    ``profile_list`` is what ``ProfiledSpawner.make_profile_list`` returns; ``user_options`` is the
    last choice, such as ``{"profile": "small"}``.
    """
    return _load_template().render(profile_list=profile_list, user_options=user_options)


def read_profile_form(form: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the submitted form as ``user_options``: ``{"profile": slug}``, or ``{}`` without.

    Nothing else in the form is kept, so that it can't carry a memory limit.
    """
    slug = next(iter(form.get("profile") or ()), "")
    return {"profile": slug} if slug else {}


@cache
def _load_template() -> Template:
    # As in KubeSpawner, which renders the same template: it escapes by itself.
    environment = Environment(loader=PackageLoader("jhub_gateway"))  # noqa: S701
    return environment.get_template("form.html")
