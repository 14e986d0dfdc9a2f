"""Errors that a user reads: one sentence on JupyterHub's error page and in its API."""

from html import escape

from tornado import web


def make_error_page(status: int, sentence: str, output: str = "") -> web.HTTPError:
    """Return the error that shows ``sentence``, and what a server wrote below it, if anything."""
    error = web.HTTPError(status, sentence)
    error.jupyterhub_message = sentence  # type: ignore[attr-defined]
    if output:
        error.jupyterhub_html_message = (  # type: ignore[attr-defined]
            f"{escape(sentence)}<details><summary>What your server wrote last</summary>"
            f'<pre class="text-start">{escape(output)}</pre></details>'
        )
    return error
