"""The hub's own pages, as this project extends them."""

from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader
from jupyterhub.app import JupyterHub
from jupyterhub.spawner import Spawner
from jupyterhub.user import User
from jupyterhub.utils import utcnow

from jhub_gateway.policy.estimates import describe_seconds
from jhub_gateway.policy.quantities import format_memory

TEMPLATES = Path(__file__).parent / "templates" / "hub"


def add_templates(app: JupyterHub) -> None:
    """Put this project's pages before JupyterHub's, and after the operator's own.

    It may be called again, before and after JupyterHub has made its templates' environment.
    """
    base = app._template_paths_default()[0]
    app.template_paths = _put_before(base, app.template_paths)
    # JupyterHub makes the environment before it asks an authenticator for its handlers.
    for name in ("jinja2_env", "jinja2_env_sync"):
        environment = app.tornado_settings.get(name)
        for loader in environment.loader.loaders if environment else ():
            if isinstance(loader, FileSystemLoader):
                loader.searchpath = _put_before(base, loader.searchpath)


def add_variable(app: JupyterHub, name: str, value: Any) -> None:
    """Give ``value`` to each page; a callable is called with the page's user, who may be None."""
    app.template_vars = {**app.template_vars, name: value}
    if "template_vars" in app.tornado_settings:
        app.tornado_settings["template_vars"] = app.template_vars


def add_variables(app: JupyterHub) -> None:
    """Give the pages what they show of servers."""
    # Called with the page's user, who need not be the one whose servers it shows.
    add_variable(app, "gateway_ends", lambda _user: find_ends)
    add_variable(app, "gateway_waited", lambda _user: find_waited)
    add_variable(app, "gateway_memory", lambda _user: describe_memory)
    add_variable(app, "gateway_usual", lambda _user: describe_usual)


def find_ends(user: User) -> list[Any]:
    """Return how the user's servers ended that don't run, the default one first.

    Each is an :class:`~jhub_gateway.size_offers.EndView`.
    """
    spawners = user.orm_user.orm_spawners.values()
    ended = sorted(one.name for one in spawners if (one.state or {}).get("last_end"))
    views = [getattr(user.spawners[name], "end_view", None) for name in ended]
    return [view for view in views if view]


def find_waited(spawner: Spawner) -> float:
    """Return for how many seconds the start has gone on; the browser's clock may be wrong."""
    began = spawner.orm_spawner.started
    return max((utcnow(with_tz=False) - began).total_seconds(), 0) if began else 0


def describe_usual(spawner: Spawner) -> str:
    """Return how long most recent starts of this size took; empty where that is not known."""
    seconds = getattr(spawner, "usual_seconds", None)
    return describe_seconds(seconds) if seconds else ""


def describe_memory(spawner: Spawner) -> str:
    """Return the server's memory limit as people read it; empty without one."""
    return format_memory(int(spawner.mem_limit)) if spawner.mem_limit else ""


def _put_before(base: str, paths: list[str]) -> list[str]:
    own, others = str(TEMPLATES), list(paths)
    if own in others:
        return others
    place = others.index(base) if base in others else len(others)
    return [*others[:place], own, *others[place:]]
