"""How a directory of the share is named after a user's identity, or after a group.

The rule, version 1. An identity is a text such as a user name. Its UTF-8 bytes that are lower-case
ASCII letters or digits stand for themselves, and so do ``-`` and ``.`` unless they come first;
every other byte becomes ``_`` and two hexadecimal digits. So ``ada.b`` stays ``ada.b``, ``Ada`` is
``_41da`` and ``../x`` is ``_2e._2fx``. The result can be read back, so two identities never
share it, not even where the file system folds upper and lower case.

A result over 100 characters becomes its first 30 characters, ``~``, and the SHA-256 of the identity
in hexadecimal. As ``~`` never stands in the first form, the two forms can't meet.
"""

import hashlib
import re

from jhub_gateway.errors import IdentityError

_LONGEST = 100
_READABLE = 30
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789")
_INNER = frozenset(b"-.")


def make_directory_name(identity: str) -> str:
    """Return the name of the identity's directory: one path component of at most 100 characters.

    ``identity`` is whatever is stable about the user. Raises IdentityError if it is empty or is
    not valid Unicode.
    """
    escaped = _escape(_encode(identity))
    if len(escaped) <= _LONGEST:
        return escaped
    readable = re.sub(r"_.?$", "", escaped[:_READABLE])
    return f"{readable}~{_digest(identity)}"


def make_owner_label(identity: str) -> str:
    """Return the identity as a Kubernetes label value: 63 hexadecimal digits of its SHA-256."""
    return _digest(identity)[:63]


def _encode(identity: str) -> bytes:
    if not identity:
        raise IdentityError("an empty identity has no home directory")
    try:
        return identity.encode()
    except UnicodeEncodeError:
        raise IdentityError(f"the identity {identity!r} is not valid Unicode") from None


def _escape(data: bytes) -> str:
    return "".join(
        chr(byte) if byte in _PLAIN or (place and byte in _INNER) else f"_{byte:02x}"
        for place, byte in enumerate(data)
    )


def _digest(identity: str) -> str:
    return hashlib.sha256(_encode(identity)).hexdigest()
