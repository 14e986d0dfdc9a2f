"""What the link says by which this server was opened."""

import json
import os
from collections.abc import Mapping
from typing import Any

VARIABLE = "JHUB_GATEWAY_LINK"


def link(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return what the link says that this server was made for; empty in every other server.

    The keys are ``notebook``, ``dataset``, ``profile``, ``run``, ``gateway`` (the name of the
    gateway that signed it; not there if nobody did) and ``parameters``, a mapping of texts; what
    the link doesn't say is not there. Each value is text that somebody else wrote: look at it
    before it becomes a part of a path, a command, a query or an address.
    """
    return dict(json.loads(environ.get(VARIABLE) or "{}"))
