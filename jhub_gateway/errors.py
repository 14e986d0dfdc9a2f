"""The errors of the project.

Each carries one sentence for the person who meets it. Who that is, the class says: an
operator for :class:`ConfigurationError`, a user for :class:`StartRefused`,
:class:`LinkRefused` and :class:`LoginRefused`.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from jhub_gateway.models import Reason


class GatewayError(Exception):
    """Base class of all errors of this project."""


class ConfigurationError(GatewayError):
    """A setting cannot work.

    Stops the hub at its start. The message names the trait and the value, never a secret.

    ``path`` leads to the value: the trait, or a class and its trait, and below it the number or
    the name of an entry and the entry's key. ``others`` were found at the same time.
    """

    def __init__(
        self,
        sentence: str,
        path: Sequence[str | int] = (),
        others: Iterable["ConfigurationError"] = (),
    ) -> None:
        super().__init__(sentence)
        self.path = tuple(path)
        self.others = tuple(others)


def raise_together(problems: Sequence[ConfigurationError]) -> None:
    """Raise the first of the problems, which brings the others; nothing where there are none."""
    if problems:
        problems[0].others += tuple(problems[1:])
        raise problems[0]


def list_problems(
    path: Sequence[str | int], check: Callable[..., object], *arguments: Any
) -> list[ConfigurationError]:
    """Return what a check raises, with the path where a problem has none of its own."""
    try:
        check(*arguments)
    except ConfigurationError as problem:
        found = [problem, *problem.others]
    else:
        return []
    for each in found:
        each.path = each.path or tuple(path)
    return found


class StartRefused(GatewayError):
    """The user may not have what the start asks for.

    The message is shown to the user: one sentence with what to do next. ``cause`` is for the
    operator, in the log alone. ``code`` labels it in the metrics.
    """

    # What else is refused is so for the sake of a home or of other data.
    code = "data"

    def __init__(self, sentence: str, cause: str = "", code: str = "") -> None:
        super().__init__(sentence)
        self.cause = cause
        self.code = code or self.code


class StartFailed(GatewayError):
    """A server can't start, and waiting longer is no use.

    ``reason`` has the sentence for the user and the cause for the log. ``output`` is what the
    server wrote last, with nothing secret in it, or empty.
    """

    def __init__(self, reason: Reason, output: str = "") -> None:
        super().__init__(reason.sentence)
        self.reason = reason
        self.output = output


class ProfileNotAllowed(StartRefused):
    """The profile exists, and none of the user's groups may have it; or there is no such profile.

    Both are told in the same words, so that a request cannot find out which profiles exist.
    """

    code = "profile"


class BudgetUsedUp(StartRefused):
    """The hours of memory are used up, and the profile is not the smallest."""

    code = "budget"


class TooMuchForUser(StartRefused):
    """The user's servers would have more memory together than one user may have."""

    code = "user_memory"


class LinkRefused(GatewayError):
    """A link from a gateway's page that is not opened.

    The message is shown to the user: one sentence with what to do next. ``cause`` is for the
    operator, in the log alone. ``status`` is HTTP's: 400 for what is no link, 403 for what is not
    allowed.
    """

    def __init__(self, sentence: str, cause: str = "", status: int = 403) -> None:
        super().__init__(sentence)
        self.cause = cause
        self.status = status


class LoginRefused(GatewayError):
    """The provider's answer gives no identity that this hub can admit.

    The message is shown to the user: one sentence with what to do next.
    """


class IdentityError(GatewayError):
    """An identity from which no home directory can be made."""


class CredentialUnavailable(GatewayError):
    """A credential cannot be had now; trying again later may help. The message is for the log."""


class CredentialRefused(GatewayError):
    """The system does not give this user a credential.

    The message is shown to the user: one sentence with what to do next. The cause, for the log,
    is chained.
    """


class LoginEnded(GatewayError):
    """The provider takes the user's login no more: only a new login helps.

    The message is for the log.
    """
