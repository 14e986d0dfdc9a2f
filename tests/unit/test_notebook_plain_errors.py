"""Known troubles in a notebook: a sentence where IPython shows a traceback, and a failed cell."""

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

LOAD = "%load_ext jhub_gateway.notebook"
FULL = "raise OSError(28, 'No space left on device')"


@pytest.fixture
def shell():
    """A shell of its own, whose history is in memory."""
    InteractiveShell.clear_instance()
    made = InteractiveShell.instance()
    made.history_manager.enabled = False
    yield made
    InteractiveShell.clear_instance()


def run(shell, code, capsys):
    """Run a cell; return whether it failed, and all that it showed."""
    failed = not shell.run_cell(code).success
    shown = capsys.readouterr()
    return failed, shown.out + shown.err


def test_a_known_trouble_is_a_sentence_and_the_cell_fails(shell, capsys):
    assert run(shell, LOAD, capsys) == (False, "")
    failed, shown = run(shell, FULL, capsys)
    assert failed
    assert shown.startswith("Your home is full: ")
    assert "Traceback" not in shown


def test_any_other_error_has_its_traceback(shell, capsys):
    run(shell, LOAD, capsys)
    failed, shown = run(shell, "{}['month']", capsys)
    assert failed
    assert "Traceback" in shown
    assert "KeyError" in shown


def test_tracebacks_come_back(shell, capsys):
    run(shell, LOAD, capsys)
    run(shell, "%unload_ext jhub_gateway.notebook", capsys)
    assert "Traceback" in run(shell, FULL, capsys)[1]


def test_the_whole_notebook_ends_there():
    cells = [nbformat.v4.new_code_cell(code) for code in (LOAD, FULL, "print('further')")]
    book = nbformat.v4.new_notebook(cells=cells)
    with pytest.raises(CellExecutionError):
        NotebookClient(book, kernel_name="python3").execute()
    (output,) = book.cells[1].outputs
    assert (output.output_type, output.ename) == ("error", "OSError")
    assert len(output.traceback) == 1
    assert output.traceback[0].startswith("Your home is full: ")
    assert book.cells[2].outputs == []
