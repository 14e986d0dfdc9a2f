"""Accounts that the gateway has not seen for long: listed, and removed only if that is asked for.

Their homes stay where they are: whoever logs in as the same person again finds all of it.
"""

import logging

from jhub_gateway.clients.cull_client import Account, CullClient
from jhub_gateway.culler import metrics

_SHOWN = 20


async def list_unused_accounts(api: CullClient, unused_for: float) -> list[Account]:
    """Return the accounts that nobody has used for ``unused_for`` seconds.

    Administrators and who has a server are left out, and so is who was never there and of whom the
    hub does not show since when the account is. Raises HubUnavailable and HubRefused.
    """
    found = []
    async for account in api.list_accounts():
        if is_unused(account, unused_for):
            found.append(account)
        elif account.was_seen and (account.unused_for or 0) < unused_for:
            break  # They come by their last activity: all others were there later.
    return found


def is_unused(account: Account, unused_for: float) -> bool:
    """Whether the account may be removed."""
    is_long = account.unused_for is not None and account.unused_for >= unused_for
    return is_long and not account.is_admin and not account.has_server


async def remove_accounts(
    api: CullClient, accounts: list[Account], unused_for: float, log: logging.Logger
) -> int:
    """Remove the accounts from the hub; return how many were. Raises as the listing does."""
    removed = 0
    for listed in accounts:
        # They may have come back since the list was read.
        account = await api.read_account(listed.name)
        if account is None or not is_unused(account, unused_for):
            continue
        if refusal := await api.remove_account(account.name):
            log.warning("The account %s is not removed: the hub answered %s", account.name, refusal)
            continue
        removed += 1
        metrics.REMOVED_ACCOUNTS.inc()
        log.info("Removed the account %s; its home is kept", account.name)
    return removed


def describe_accounts(accounts: list[Account], days: float) -> str:
    """Return who they are, for the log: all of a few, or some of many."""
    names = ", ".join(account.name for account in accounts[:_SHOWN])
    more = f" and {len(accounts) - _SHOWN} more" if len(accounts) > _SHOWN else ""
    return f"{len(accounts)} accounts were not used for {days:g} days: {names}{more}"
