"""Which secrets are too weak to start a hub with. No message of these checks holds a secret."""

import re
from collections.abc import Sequence

from jhub_gateway.errors import ConfigurationError

# A published case of session forgery in a science gateway began with a shorter one.
SHORTEST_SECRET = 15
FEWEST_DIFFERENT = 5

# Compared in lower case, letters and digits only.
_PLACEHOLDERS = re.compile(
    "changethis|clientid|clientsecret|cookiesecret|cryptkey|default|dummy|example|fixme|foobar|"
    "(my|super|admin)?(secret|password)|none|null|sample|secretkey|tbd|test|todo|undefined"
)
# What CryptKeeper reads as 32 bytes: the bytes themselves, hexadecimal digits, or base64.
_CRYPT_KEY = re.compile(rb".{32}|[0-9a-fA-F]{64}|[\w-]{43}=", re.DOTALL | re.ASCII)
_TELLTALES = re.compile(r"changeme|changeit|replaceme|replacewith|placeholder|inserthere")
_TEMPLATE = re.compile(r"<.*>|\$?\{.*\}|\[.*\]|%.*%|your[ _-].*", re.IGNORECASE | re.DOTALL)


def is_placeholder(text: str) -> bool:
    """Whether the text stands where an operator was meant to write their own."""
    text = text.strip()
    plain = re.sub(r"[^a-z0-9]", "", text.casefold())
    return (
        not text
        or bool(_TEMPLATE.fullmatch(text))
        or bool(_TELLTALES.search(plain))
        or bool(_PLACEHOLDERS.fullmatch(plain))
        or len(set(text)) == 1
    )


def check_not_placeholder(name: str, value: str) -> None:
    """Raise ConfigurationError if the setting ``name`` is missing or has an example's value."""
    if not value.strip():
        raise ConfigurationError(f"{name} is missing; set it to what the provider registered")
    if is_placeholder(value):
        raise ConfigurationError(
            f"{name} still has the text of an example; set it to what the provider registered"
        )


def check_secret(name: str, value: str | bytes) -> None:
    """Raise ConfigurationError if ``value`` is too short or too simple to keep a hub safe.

    ``name`` says where it is set. A secret needs at least 15 characters (bytes), 5 of them
    different, and must not be an example's text.
    """
    if len(value) < SHORTEST_SECRET:
        unit = "characters" if isinstance(value, str) else "bytes"
        reason = f"has {len(value)} {unit}, and {SHORTEST_SECRET} are the fewest"
    elif len(set(value)) < FEWEST_DIFFERENT:
        reason = "repeats the same few characters"
    elif is_placeholder(_read_text(value)):
        reason = "still has the text of an example"
    else:
        return
    raise ConfigurationError(f"{name} {reason}. Make a new one with: openssl rand -hex 32")


def check_crypt_keys(keys: Sequence[str | bytes]) -> None:
    """Raise ConfigurationError unless there is a key, and each has a form that CryptKeeper reads.

    CryptKeeper itself answers some wrong keys with a traceback.
    """
    if not keys:
        raise ConfigurationError(
            "there is no key to encrypt the users' tokens with. Set the environment variable "
            "JUPYTERHUB_CRYPT_KEY to what this prints: openssl rand -hex 32"
        )
    for place, key in enumerate(keys, start=1):
        if not _CRYPT_KEY.fullmatch(key.encode() if isinstance(key, str) else key):
            raise ConfigurationError(
                f"{name_crypt_key(place)} has {len(key)} characters and is no key of 32 bytes. "
                "Make a new one with: openssl rand -hex 32"
            )


def name_crypt_key(place: int) -> str:
    """Return how messages name the key; the first has the place 1."""
    return f"key {place} of JUPYTERHUB_CRYPT_KEY (CryptKeeper.keys)"


def _read_text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")
