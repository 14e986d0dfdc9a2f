"""What runs before each server: ``python -I -m jhub_gateway.storage prepare|fill``.

prepare SHARE JSON: the home is the user's and can be written; where the whole share is mounted.
fill HOME TUTORIALS JSON [-- COMMAND...]: tutorials and links; where only the home is. Becomes
COMMAND then, whatever happened before.
"""

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from jhub_gateway.errors import StartRefused
from jhub_gateway.models import Owner
from jhub_gateway.storage.problems import UNKNOWN

# Where kubelet takes a container's last words from, and how many bytes of them.
TERMINATION_LOG = "/dev/termination-log"
_LOG_VARIABLE = "JHUB_GATEWAY_TERMINATION_LOG"
_LONGEST = 4096


def main(arguments: Sequence[str]) -> int:
    """Run one of the commands; return its exit status: 0, or 1 if the start is refused."""
    command, words = arguments[0], list(arguments[1:])
    server: list[str] = []
    if "--" in words:
        place = words.index("--")
        words, server = words[:place], words[place + 1 :]
    status = _run(_COMMANDS[command], words)
    if server:
        sys.stderr.flush()
        os.execvp(server[0], server)  # noqa: S606
    return status


def _run(command: Callable[..., None], words: Sequence[str]) -> int:
    try:
        command(*words)
    except StartRefused as refusal:
        _report(str(refusal), refusal.cause)
        return 1
    # The user waits for an answer, whatever went wrong.
    except Exception as error:
        _report(UNKNOWN, f"{type(error).__name__}: {error}")
        return 1
    return 0


def prepare(root: str, text: str) -> None:
    """Prepare the home and the folders that ``text``, a JSON object, names. Raises StartRefused."""
    from jhub_gateway.storage.folders import prepare_folders
    from jhub_gateway.storage.homes import prepare_home

    asked = json.loads(text)
    prepare_home(Path(root), Owner(**asked["owner"]), rescue=asked.get("rescue", False))
    prepare_folders(Path(root), asked.get("folders", ()), asked.get("datasets", ()))


def fill(home: str, tutorials: str, text: str) -> None:
    """Copy the tutorials and make the links that ``text``, a JSON object, names. Never fails."""
    from jhub_gateway.storage.tutorials import fill_home

    try:
        asked = json.loads(text)
        releases, links = asked.get("tutorials", ()), asked.get("links", {})
        messages = fill_home(Path(home), Path(tutorials), releases, links)
    # A server without a tutorial is worth more than none.
    except Exception as error:
        messages = [f"the home could not be filled: {type(error).__name__}: {error}"]
    print(*messages, sep="\n", file=sys.stderr)


_COMMANDS: dict[str, Callable[..., None]] = {"prepare": prepare, "fill": fill}


def _report(sentence: str, cause: str) -> None:
    """Leave the sentence and the cause where the hub reads them, and the cause in the log."""
    print(cause, file=sys.stderr)
    data = json.dumps({"sentence": sentence, "cause": cause}).encode()
    while len(data) > _LONGEST and cause:
        cause = cause[: len(cause) * 3 // 4]
        data = json.dumps({"sentence": sentence, "cause": cause}).encode()
    path = os.environ.get(_LOG_VARIABLE)
    # kubelet makes its file. On a machine without it none is wanted in /dev.
    flags = os.O_WRONLY | os.O_TRUNC | (os.O_CREAT if path else 0)
    try:
        descriptor = os.open(path or TERMINATION_LOG, flags, 0o600)
        with open(descriptor, "wb") as file:
            file.write(data)
    except OSError as error:
        if path or not isinstance(error, FileNotFoundError):
            print(f"the cause could not be left for the hub: {error}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
