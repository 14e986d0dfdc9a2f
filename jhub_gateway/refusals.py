"""A start that is refused or fails, and what JupyterHub must not make of it."""

from http import HTTPStatus
from textwrap import indent

from jupyterhub import version_info
from jupyterhub.spawner import Spawner
from tornado import web

from jhub_gateway.error_pages import make_error_page
from jhub_gateway.errors import StartFailed, StartRefused
from jhub_gateway.refusal_metrics import count_refusal
from jhub_gateway.request_ids import get_request_id, make_request_id

LOGIN_ENDED = (
    "Your login at the gateway has ended. Log out, log in again, and start your server then."
)


def make_logged_refusal(spawner: Spawner, refusal: StartRefused) -> web.HTTPError:
    """Return the error that shows what is refused, and log its cause for the operator.

    Both have the same reference, so that support can find the one by the other: the id of the
    request that asked for the start, if there was one.
    """
    reference = _make_reference()
    spawner.log.error(
        "Refused to start the server of %s (reference %s): %s",
        spawner._log_name,
        reference,
        refusal.cause or refusal,
    )
    return make_refusal(spawner, f"{refusal} Reference: {reference}.", refusal.code)


def make_logged_failure(spawner: Spawner, failure: StartFailed) -> web.HTTPError:
    """Return the error that shows why a start has failed, and log its cause for the operator.

    It has a reference too, and what the server wrote last, if that tells more.
    """
    reference, reason = _make_reference(), failure.reason
    spawner.log.error(
        "The server of %s did not start (%s, reference %s): %s%s",
        spawner._log_name,
        reason.code,
        reference,
        reason.cause,
        # Indented, as a server may write what looks like a line of this log.
        "\n" + indent(failure.output, "  | ") if failure.output else "",
    )
    leave_uncounted(spawner, HTTPStatus.SERVICE_UNAVAILABLE)
    sentence = f"{reason.sentence} Reference: {reference}."
    return make_error_page(HTTPStatus.SERVICE_UNAVAILABLE, sentence, failure.output)


def _make_reference() -> str:
    return get_request_id() or make_request_id()


def make_refusal(spawner: Spawner, sentence: str, code: str) -> web.HTTPError:
    """Return the error that shows ``sentence``; raise it from the start of ``spawner``.

    ``code`` is that of a :class:`~jhub_gateway.errors.StartRefused`.
    """
    count_refusal(code)
    leave_uncounted(spawner, HTTPStatus.FORBIDDEN)
    return make_error_page(HTTPStatus.FORBIDDEN, sentence)


def make_misconfigured(spawner: Spawner, sentence: str) -> web.HTTPError:
    """Return the error of a start that the hub's settings can't have, which is no refusal."""
    leave_uncounted(spawner, HTTPStatus.INTERNAL_SERVER_ERROR)
    return make_error_page(HTTPStatus.INTERNAL_SERVER_ERROR, sentence)


def leave_uncounted(spawner: Spawner, status: int) -> None:
    """Take back the failure that JupyterHub will count for this start.

    It restarts itself after some failures in a row (``Spawner.consecutive_failure_limit``), so
    that any user could stop it by asking for what they may not have, or by breaking their own
    home. JupyterHub 6 counts only what has a status of 500 and above.
    """
    is_counted = version_info < (6,) or status >= 500
    if is_counted and spawner.handler:
        settings = spawner.handler.settings
        settings["failure_count"] = settings.get("failure_count", 0) - 1
