"""What runs inside a user's server: for notebooks, for the Jupyter server and for JupyterLab.

What ``__all__`` names is for notebooks. It needs the standard library alone and is imported when it
is asked for.
``%load_ext jhub_gateway.notebook`` has a notebook tell known troubles in a sentence.

The extensions need jupyter_server, neither JupyterHub nor Kubernetes, and no other part of this
package. ``etc/`` and ``share/`` hold the files by which Jupyter finds both extensions: a wheel
installs them, and a hub on one machine names them in JUPYTER_CONFIG_PATH and JUPYTER_PATH.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

    from jhub_gateway.notebook.credential_errors import (
        CredentialEnded,
        CredentialError,
        CredentialExpired,
        CredentialsUnreadable,
        NoCredentials,
        NoToken,
        UnknownCredential,
    )
    from jhub_gateway.notebook.credential_list import credentials
    from jhub_gateway.notebook.credential_tokens import read, token
    from jhub_gateway.notebook.following import JobFailed, follow
    from jhub_gateway.notebook.ftp_connection import open_ftp
    from jhub_gateway.notebook.http_auth import auth
    from jhub_gateway.notebook.jobs import job
    from jhub_gateway.notebook.links import link
    from jhub_gateway.notebook.memory_use import server_memory
    from jhub_gateway.notebook.offers import look_for

__all__ = [
    "CredentialEnded",
    "CredentialError",
    "CredentialExpired",
    "CredentialsUnreadable",
    "JobFailed",
    "NoCredentials",
    "NoToken",
    "UnknownCredential",
    "auth",
    "credentials",
    "follow",
    "job",
    "link",
    "look_for",
    "open_ftp",
    "read",
    "server_memory",
    "token",
]

# No module may have a public name of these: its import would put it in that name's place.
_MODULES = {
    "JobFailed": "following",
    "auth": "http_auth",
    "credentials": "credential_list",
    "follow": "following",
    "job": "jobs",
    "link": "links",
    "look_for": "offers",
    "open_ftp": "ftp_connection",
    "read": "credential_tokens",
    "server_memory": "memory_use",
    "token": "credential_tokens",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _MODULES.get(name, "credential_errors")
    return getattr(import_module(f"{__name__}.{module}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: Any) -> None:
    from jhub_gateway.notebook.plain_errors import show_sentences

    show_sentences(shell)


def unload_ipython_extension(shell: Any) -> None:
    from jhub_gateway.notebook.plain_errors import show_tracebacks

    show_tracebacks(shell)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "jhub_gateway.notebook"}]


def _load_jupyter_server_extension(app: "ServerApp") -> None:
    from jhub_gateway.notebook.git_tutorials import start_pulling
    from jhub_gateway.notebook.handlers import make_handlers
    from jhub_gateway.notebook.memory import make_watch
    from jhub_gateway.notebook.memory_looks import keep_looking
    from jhub_gateway.notebook.migration_mark import make_migration_mark
    from jhub_gateway.notebook.use_extension import add_use

    watch = make_watch()
    keep_looking(watch)
    app.web_app.add_handlers(".*$", make_handlers(app.web_app.settings["base_url"], watch))
    add_use(app, watch)
    if "JHUB_GATEWAY_USAGE" in os.environ:
        _delete_for_good(app)
        make_migration_mark(app.config_dir)
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
