"""What this project adds to the hub's own pages."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jupyterhub.app import JupyterHub

TEMPLATES = Path(__file__).parents[1] / "templates" / "hub"

Health = Mapping[str, Any]


def add_pages(app: JupyterHub, get_health: Callable[[Any], Health | None]) -> None:
    """Show on the hub's home page how the user's credentials are.

    Call it before JupyterHub makes its templates' environment. An operator's own ``home.html``
    goes before this one, and can show ``gateway_credentials`` itself.
    """

    def find_health(user: Any) -> Health | None:
        # JupyterHub calls it for each page, also where nobody is logged in.
        return get_health(user) if user else None

    own, paths = str(TEMPLATES), list(app.template_paths)
    base = app._template_paths_default()[0]
    place = paths.index(base) if base in paths else len(paths)
    app.template_paths = [*paths[:place], own, *paths[place:]]
    app.template_vars = {**app.template_vars, "gateway_credentials": find_health}
