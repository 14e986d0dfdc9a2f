"""Errors that a user reads: one sentence on JupyterHub's error page and in its API."""

from tornado import web


def make_error_page(status: int, sentence: str) -> web.HTTPError:
    """Return the error that shows ``sentence``, and nothing else."""
    error = web.HTTPError(status, sentence)
    error.jupyterhub_message = sentence  # type: ignore[attr-defined]
    return error
