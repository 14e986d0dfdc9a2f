"""How much longer a user may keep a server that would be stopped. Pure."""

import math
from dataclasses import dataclass

from jhub_gateway.models import CullPolicy, ServerFacts, ServerUse
from jhub_gateway.policy.culling import find_due, find_grant


@dataclass(frozen=True, slots=True)
class Keeping:
    """What a click gives. All are seconds.

    ``seconds``: until the server stops now if nobody uses it. ``granted``: what was given in this
    run with it. ``more``: what another click would add, 0 at the cap.
    """

    seconds: float
    granted: float
    more: float


def find_keeping(policy: CullPolicy, age: float, rest: float, granted: float) -> Keeping | None:
    """Return what a click gives to a server that stops in ``rest`` seconds; None at the cap.

    ``age``: seconds since its start. ``granted``: what was given in this run so far.
    """
    grant = find_grant(policy, granted)
    unused = ServerFacts(age, ServerUse(math.inf), kept_for=rest + grant)
    seconds = min(find_due(policy, unused)[1], rest + grant)
    if seconds <= rest:
        return None
    return Keeping(seconds, granted + grant, find_grant(policy, granted + grant))
