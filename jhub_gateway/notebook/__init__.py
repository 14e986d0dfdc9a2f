"""What runs inside a user's server: a Jupyter server extension, and one for JupyterLab.

It needs jupyter_server alone, neither JupyterHub nor Kubernetes, and no other part of this
package. ``etc/`` and ``share/`` hold the files by which Jupyter finds both extensions: a wheel
installs them, and a hub on one machine names them in JUPYTER_CONFIG_PATH and JUPYTER_PATH.
"""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "jhub_gateway.notebook"}]


def _load_jupyter_server_extension(app: "ServerApp") -> None:
    from jhub_gateway.notebook.git_tutorials import start_pulling
    from jhub_gateway.notebook.handlers import make_handlers

    app.web_app.add_handlers(".*$", make_handlers(app.web_app.settings["base_url"]))
    if "JHUB_GATEWAY_USAGE" in os.environ:
        _delete_for_good(app)
    start_pulling(app.log)


def _delete_for_good(app: "ServerApp") -> None:
    """Make the file browser's "delete" free space, unless the operator decided about it.

    Jupyter would move the files to ~/.local/share/Trash: they would still count, JupyterLab
    never shows them, and on a full disk nothing could be deleted at all.
    """
    manager = app.contents_manager
    decided = any("delete_to_trash" in app.config[name] for name in manager.section_names())
    if manager.has_trait("delete_to_trash") and not decided:
        manager.set_trait("delete_to_trash", False)
