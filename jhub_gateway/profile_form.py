"""The page on which a user picks the size of their server, and sees what data they have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, Template

from jhub_gateway.fairness_views import BudgetView, FeedbackView
from jhub_gateway.models import Dataset, GroupFolder, Usage
from jhub_gateway.policy.quantities import format_memory
from jhub_gateway.size_offers import EndView


@dataclass(frozen=True, slots=True)
class DataView:
    """What the page shows of a user's data. ``quota`` is bytes; ``None`` is no limit."""

    usage: Usage | None = None
    quota: int | None = None
    is_full: bool = False
    folders: tuple[GroupFolder, ...] = ()
    datasets: tuple[Dataset, ...] = ()


def render_profile_form(
    profile_list: Sequence[Mapping[str, Any]],
    user_options: Mapping[str, Any],
    data: DataView | None = None,
    end: EndView | None = None,
    capacity_url: str = "",
    budget: BudgetView | None = None,
    feedback: FeedbackView | None = None,
) -> str:
    """Return the choice of profiles as HTML, to go inside JupyterHub's own ``<form>``.

    ``profile_list`` is what ``ProfiledSpawner.make_form_entries`` returns; ``user_options`` is the
    last choice, such as ``{"profile": "small"}``; ``end`` is how the server ended;
    ``capacity_url`` is where the page asks again what there is room for.
    """
    return _load_template().render(
        profile_list=profile_list,
        user_options=user_options,
        data=data or DataView(),
        end=end,
        capacity_url=capacity_url,
        budget=budget,
        feedback=feedback,
    )


def read_profile_form(form: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the submitted form as ``user_options``: ``{"profile": slug}``, or ``{}`` without.

    Nothing else in the form is kept, so that it can't carry a memory limit.
    """
    slug = next(iter(form.get("profile") or ()), "")
    return {"profile": slug} if slug else {}


@cache
def _load_template() -> Template:
    environment = Environment(loader=PackageLoader("jhub_gateway"), autoescape=True)
    environment.filters["size"] = format_memory
    return environment.get_template("form.html")
