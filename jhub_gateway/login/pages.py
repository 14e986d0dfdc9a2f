"""What this project adds to the hub's own pages."""

from collections.abc import Callable, Mapping
from typing import Any

from jupyterhub.app import JupyterHub

from jhub_gateway.hub_pages import add_templates, add_variable

Health = Mapping[str, Any]


def add_pages(app: JupyterHub, get_health: Callable[[Any], Health | None]) -> None:
    """Show on the hub's home page how the user's credentials are.

    Call it before JupyterHub makes its templates' environment. An operator's own ``home.html``
    goes before this one, and can show ``gateway_credentials`` itself.
    """

    def find_health(user: Any) -> Health | None:
        # JupyterHub calls it for each page, also where nobody is logged in.
        return get_health(user) if user else None

    add_templates(app)
    add_variable(app, "gateway_credentials", find_health)
