"""Known troubles as a sentence in a notebook, where IPython would show a traceback.

The cell still fails, so that "Run All" and ``jupyter execute`` end there. What is not known has
its traceback as ever.
"""

from types import TracebackType
from typing import Any

from jhub_gateway.notebook.troubles import find_sentence


def show_sentences(shell: Any) -> None:
    """Have an IPython shell show the sentences, from the next cell on."""
    shell.set_custom_exc((Exception,), _show)


def show_tracebacks(shell: Any) -> None:
    """Have it show all tracebacks again."""
    shell.set_custom_exc((), None)


def _show(
    shell: Any,
    kind: type[BaseException],
    error: BaseException,
    trace: TracebackType,
    tb_offset: int | None = None,
) -> None:
    if sentence := find_sentence(error):
        # IPython's own way for an error to be shown otherwise.
        error._render_traceback_ = lambda: [sentence]  # type: ignore[attr-defined]
    shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
