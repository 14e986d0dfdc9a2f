"""What a process keeps in mind of files that it wrote: not what is in them."""

import hashlib
from collections.abc import Mapping


def make_digest(files: Mapping[str, bytes]) -> str:
    """Return a text that changes whenever a name or a content does."""
    each = sorted((name, hashlib.sha256(content).hexdigest()) for name, content in files.items())
    return hashlib.sha256(repr(each).encode()).hexdigest()
