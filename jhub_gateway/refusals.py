"""A start that is refused: what the user reads, and what JupyterHub must not make of it."""

from jupyterhub import version_info
from jupyterhub.spawner import Spawner
from tornado import web


def make_refusal(spawner: Spawner, sentence: str, status: int = 403) -> web.HTTPError:
    """Return the error that shows ``sentence``, and nothing else, on the page and in the API.

    Raise it from the start of ``spawner``.
    """
    leave_uncounted(spawner)
    refusal = web.HTTPError(status, sentence.replace("%", "%%"))
    refusal.jupyterhub_message = sentence  # type: ignore[attr-defined]
    return refusal


def leave_uncounted(spawner: Spawner) -> None:
    """Take back the failure that JupyterHub 5 will count for this start.

    It restarts itself after some failures in a row (``Spawner.consecutive_failure_limit``), so
    that any user could stop it by asking for what they may not have. JupyterHub 6 counts only
    errors.
    """
    if version_info < (6,) and spawner.handler:
        settings = spawner.handler.settings
        settings["failure_count"] = settings.get("failure_count", 0) - 1
