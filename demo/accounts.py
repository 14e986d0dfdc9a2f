"""The people of the demo, with passwords of this machine's own."""

import json
import secrets
from typing import Any

from demo.paths import IDENTITY_PROVIDER, make_private_directory
from demo.secret_files import SECRETS, write_secret

_PASSWORDS = SECRETS / "passwords.json"

# Without the letters and digits that look alike.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"

_MEANING = {
    "ada": "may have the small server only",
    "grace": "may have the large servers too",
    "hypatia": "administers the hub",
    "mallory": "has a gateway account, and is not admitted to the hub",
}


def provide_accounts() -> list[dict[str, Any]]:
    """Return the accounts as the identity provider takes them.

    Passwords are made at the first start and kept, so that people can log in again.
    """
    people = json.loads((IDENTITY_PROVIDER / "demo-accounts.json").read_text())
    known = json.loads(_PASSWORDS.read_text()) if _PASSWORDS.exists() else {}
    passwords = {
        person["username"]: known.get(person["username"]) or make_password() for person in people
    }
    if passwords != known:
        make_private_directory(SECRETS)
        write_secret(_PASSWORDS, json.dumps(passwords))
    return [{**person, "password": passwords[person["username"]]} for person in people]


def make_password() -> str:
    """Return a new password of about 59 bits that people can type, such as x7kd-m2qp-9wht."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(3))
    return "-".join(groups)


def make_table(accounts: list[dict[str, Any]]) -> str:
    """Return the accounts as lines of text: user name, password, and what each is for."""
    rows = [("User name", "Password", "")]
    rows += [(one["username"], one["password"], _MEANING[one["username"]]) for one in accounts]
    lines = (f"  {name:<10}  {password:<14}  {use}" for name, password, use in rows)
    return "\n".join(line.rstrip() for line in lines)
