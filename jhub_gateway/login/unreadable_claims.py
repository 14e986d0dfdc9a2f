"""What OAuthenticator's classes make of claims that their provider does not usually send."""

from collections.abc import Iterator
from contextlib import contextmanager

from tornado import web

from jhub_gateway.errors import LoginRefused

_SENTENCE = (
    "The gateway's login service sent an account that this hub cannot read. Ask the gateway's "
    "operators to correct your account."
)
# Of a missing key, a list in the place of a text, a name without an @, and so on.
_CRASHES = (AttributeError, IndexError, KeyError, NameError, TypeError, ValueError)


@contextmanager
def refusing_unreadable_claims() -> Iterator[None]:
    """Turn a crash, and tornado's HTTPError 500, into LoginRefused with the cause chained."""
    try:
        yield
    except _CRASHES as problem:
        raise LoginRefused(_SENTENCE) from problem
    except web.HTTPError as problem:
        if problem.status_code < 500:
            raise
        raise LoginRefused(_SENTENCE) from problem
