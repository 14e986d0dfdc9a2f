"""The hub's own pages, as this project extends them."""

from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader
from jupyterhub.app import JupyterHub

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


def _put_before(base: str, paths: list[str]) -> list[str]:
    own, others = str(TEMPLATES), list(paths)
    if own in others:
        return others
    place = others.index(base) if base in others else len(others)
    return [*others[:place], own, *others[place:]]
