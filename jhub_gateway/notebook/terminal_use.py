"""Which terminals work, in which somebody types, and how many pages show them."""

import os
import termios
from collections.abc import Mapping
from typing import Any

from jhub_gateway.notebook.use import UseWatch

_LOCAL_FLAGS = 3


class TerminalUse:
    """Tells the watch of the terminals of a Jupyter server.

    A terminal is busy while something else than its shell has it. What it prints is no use: a loop
    that was forgotten prints as well.
    """

    def __init__(self, settings: Mapping[str, Any], watch: UseWatch) -> None:
        self._settings, self._watch = settings, watch
        self._read: dict[int, int] = {}
        self._has_editor: set[int] = set()

    def look(self) -> None:
        """Tell the watch how the terminals are now."""
        manager = self._settings.get("terminal_manager")
        terminals = list(manager.terminals.values()) if manager else []
        shells = {terminal.ptyproc.pid: terminal.ptyproc.fd for terminal in terminals}
        self._watch.note_busy(
            "terminal",
            {pid: 0 for pid, descriptor in shells.items() if self._is_busy(pid, descriptor)},
        )
        self._watch.note_connections("terminal", sum(len(one.clients) for one in terminals))
        self._note_typing(shells)

    def _is_busy(self, pid: int, descriptor: int) -> bool:
        try:
            if os.tcgetpgrp(descriptor) != pid:
                return True
            is_raw = not termios.tcgetattr(descriptor)[_LOCAL_FLAGS] & termios.ICANON
        except (OSError, termios.error):
            return False
        # Between two commands of a loop the shell has the terminal, but edits no line.
        if is_raw:
            self._has_editor.add(pid)
        return pid in self._has_editor and not is_raw

    def _note_typing(self, shells: Mapping[int, int]) -> None:
        # As `w` does: the kernel keeps when something read what was typed.
        read = {pid: _find_read(pid) for pid in shells}
        if any(self._read.get(pid, at) != at for pid, at in read.items()):
            self._watch.note_use()
        self._read = read
        self._has_editor &= shells.keys()


def _find_read(pid: int) -> int:
    try:
        return os.stat(f"/proc/{pid}/fd/0").st_atime_ns
    except OSError:
        return 0
