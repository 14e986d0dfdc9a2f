"""The demo's four ports in a row, from the one that people open."""

import errno
import os
import socket
from dataclasses import dataclass

from demo.errors import DemoError

DEFAULT = 8000
_COUNT = 4


@dataclass(frozen=True)
class Ports:
    """Ports of 127.0.0.1. The same at each start, because running servers remember the hub's."""

    public: int

    @property
    def identity_provider(self) -> int:
        return self.public + 1

    @property
    def proxy_api(self) -> int:
        return self.public + 2

    @property
    def hub(self) -> int:
        return self.public + 3


def read_ports() -> Ports:
    """Return the ports that ``PORT`` in the environment asks for.

    Raises DemoError when it is no port, or when one of them can't be listened on.
    """
    asked = os.environ.get("PORT") or str(DEFAULT)
    if not asked.isdecimal() or not 0 < int(asked) <= 65535 - _COUNT:
        raise DemoError(
            f"PORT is {asked!r}: write a number below {65536 - _COUNT}, as in: make demo PORT=8100."
        )
    for number in range(int(asked), int(asked) + _COUNT):
        _check_port(number)
    return Ports(int(asked))


def _check_port(number: int) -> None:
    with socket.socket() as listener:
        # A port whose last connection has just ended is free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", number))
        except OSError as error:
            in_use = error.errno == errno.EADDRINUSE
            reason = "is in use" if in_use else f"can't be used ({error.strerror})"
            raise DemoError(
                f"port {number} {reason}: the demo takes PORT and the three ports after it; "
                f"choose others, for example: make demo PORT={_suggest(number)}"
            ) from None


def _suggest(number: int) -> int:
    return DEFAULT + 100 if number < DEFAULT + 100 else (number // 100 + 1) * 100
