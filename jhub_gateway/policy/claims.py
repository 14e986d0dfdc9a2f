"""What the provider says about a user, read with suspicion.

Each function takes the claims of one user (a mapping decoded from JSON) and returns what the hub
can hold, or raises LoginRefused with a sentence for the user. The sentence names the claim, never
its value. A claim is named by its key, or by a path of keys with dots between them
(``realm_access.roles``); a key that itself holds dots (``https://gateway.org/groups``) is found
first.
"""

import unicodedata
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from jhub_gateway.errors import GatewayError, LoginRefused
from jhub_gateway.policy.owners import make_owner

# The width of JupyterHub's columns for user and group names, in characters.
LONGEST_TEXT = 255
MOST_GROUPS = 1000
LARGEST_ID = 2**64 - 1

_ASK = "Ask the gateway's operators to correct your account."
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
# These turn the direction of the text after them, so that a page shows another name.
_UNSAFE_CHARACTERS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def read_username(claims: Mapping[str, Any], path: str) -> str:
    """Return the user name in the claim, as it is: upper and lower case are told apart."""
    return check_username(find_claim(claims, path), path)


def check_username(value: object, claim: str) -> str:
    """Return ``value`` if the hub can hold it as a user name; ``claim`` says where it is from."""
    name = _check_text(value, f"user name (claim {claim})")
    if not is_safe_username(name):
        raise LoginRefused(
            "Your user name at the gateway has characters that this hub cannot take, such as a "
            f"slash or a space at an end (claim {claim}). {_ASK}"
        )
    return name


def is_safe_username(name: str) -> bool:
    """Whether the name can stand in a URL, a path and a log line without changing its meaning."""
    return (
        0 < len(name) <= LONGEST_TEXT
        and name == name.strip()
        and name.isprintable()
        and _is_path_component(name)
        and _is_path_component(unquote(name))
    )


def is_told_apart_by_mysql(name: str) -> bool:
    """Whether no other such name is the same to MySQL's and MariaDB's usual collations.

    These fold upper and lower case, accents and more of Unicode.
    """
    return name.isascii() and name == name.lower()


def read_display_name(claims: Mapping[str, Any], path: str) -> str | None:
    """Return the name to greet the user with, or None if the provider gives none."""
    value = find_claim(claims, path)
    if value is None or value == "":
        return None
    return _check_text(value, f"name (claim {path})").strip() or None


def read_groups(claims: Mapping[str, Any], path: str) -> frozenset[str]:
    """Return the user's groups, exactly as the provider writes them.

    A claim that is missing or null is no group: providers leave it out for a user who has none.
    Anything else that is no list of texts is refused, so that a provider's mistake never looks
    like a user without groups.
    """
    value = find_claim(claims, path)
    return frozenset() if value is None else check_groups(value, f"claim {path}")


def check_groups(value: object, source: str) -> frozenset[str]:
    """Return the groups in ``value``, a list, tuple or set of texts; ``source`` says where from."""
    if not isinstance(value, list | tuple | set | frozenset):
        raise _make_refusal(f"groups ({source}) are not a list")
    if len(value) > MOST_GROUPS:
        raise _make_refusal(f"groups ({source}) are more than {MOST_GROUPS}")
    return frozenset(_check_text(group, f"groups ({source})") for group in value)


def read_subject(claims: Mapping[str, Any], path: str = "sub") -> str:
    """Return what the provider never gives to another user: ``sub``, or the claim at the path.

    A whole number from 1 to ``LARGEST_ID``, as GitHub's ``id`` is, becomes its decimal digits.
    """
    value = find_claim(claims, path)
    # True is an int to Python; 0 and less are what a provider's mistakes look like.
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LARGEST_ID:
        return str(value)
    return _check_text(value, f"identity (claim {path})")


def check_same_subject(claims: Mapping[str, Any], id_token_claims: Mapping[str, Any]) -> None:
    """Refuse userinfo that speaks of another user than the ID token (OIDC Core, 5.3.2)."""
    if read_subject(claims) != read_subject(id_token_claims):
        raise LoginRefused(
            "The gateway's login service answered for two different users. Log in again, and tell "
            "the gateway's operators if it happens again."
        )


def check_same_name(now: str, known: str) -> None:
    """Refuse what a refresh says of a user whom the provider has renamed.

    The rights of the new name may be somebody else's at this hub; a login looks into that.
    """
    if now != known:
        raise LoginRefused(
            "Your user name at the gateway has changed. Log out and log in again to go on with it."
        )


def check_same_account(
    name: str, known: Mapping[str, Any] | None, login: Mapping[str, Any] | None
) -> None:
    """Refuse a login under a name whose account at this hub is another identity's.

    ``known`` and ``login`` are the ``auth_state`` of the account and of the login. An account that
    nobody has logged in to is anybody's.
    """
    there, here = (make_owner(name, state) for state in (known, login))
    if there.subject is None or there == here:
        return
    cause = f"the account {name!r} is of {there.identity!r}, the login of {here.identity!r}"
    raise LoginRefused(
        "Your user name belonged to another login at this hub. Ask the gateway's operators to give "
        "it to you."
    ) from GatewayError(f"{cause}: remove the account from the hub, with its servers, if it may go")


def find_claim(claims: object, path: str) -> Any:
    """Return the value at the path, or None if there is none.

    Raises LoginRefused if something on the way is no mapping.
    """
    if not isinstance(claims, Mapping):
        raise _make_refusal(f"data around {path} are not a mapping")
    if path in claims:
        return claims[path]
    # The longest key first: a client's name in a path may hold dots too.
    for dot in reversed([place for place, letter in enumerate(path) if letter == "."]):
        inner = claims.get(path[:dot])
        if inner is not None:
            return find_claim(inner, path[dot + 1 :])
    return None


def _check_text(value: object, what: str) -> str:
    if value is None or value == "":
        raise _make_refusal(f"{what} is missing")
    if not isinstance(value, str):
        raise _make_refusal(f"{what}: one is not a text")
    if not value or len(value) > LONGEST_TEXT:
        raise _make_refusal(f"{what}: one is longer than {LONGEST_TEXT} characters")
    if any(map(_is_unsafe, value)):
        raise _make_refusal(f"{what}: one has control characters")
    return value


def _make_refusal(problem: str) -> LoginRefused:
    return LoginRefused(f"The gateway sent an account that this hub cannot read: {problem}. {_ASK}")


def _is_path_component(name: str) -> bool:
    return "/" not in name and "\\" not in name and set(name) != {"."}


def _is_unsafe(character: str) -> bool:
    return unicodedata.category(character) in _UNSAFE_CATEGORIES or character in _UNSAFE_CHARACTERS
