"""The culling service's loop: passes, each day the accounts, and waiting where the hub is away."""

import asyncio
import logging
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Self

from jhub_gateway.chance import draw_chance
from jhub_gateway.clients.cull_client import Account, CullClient, HubRefused, open_cull_client
from jhub_gateway.clients.hub_api import HubUnavailable
from jhub_gateway.clients.server_use import ServerAsker, open_server_asker
from jhub_gateway.culler import metrics
from jhub_gateway.culler.accounts import (
    describe_accounts,
    list_unused_accounts,
    remove_accounts,
)
from jhub_gateway.culler.election import Election, open_election
from jhub_gateway.culler.passes import CullPass, PassResult
from jhub_gateway.culler.runs import Runs
from jhub_gateway.culler.scopes import check_scopes
from jhub_gateway.culler.tables import make_account_table, make_pass_table
from jhub_gateway.errors import ConfigurationError

DAY = 86400.0
_FIRST_WAIT = 1.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What :class:`~jhub_gateway.culler.app.Culler` was told; durations are seconds."""

    url: str
    token: str
    interval: float
    max_backoff: float
    concurrency: int
    request_timeout: float
    page_size: int
    proxy_url: str
    unknown_after_days: float
    lease_namespace: str
    hub_name: str
    once: bool
    dry_run: bool
    remove_users: bool


class CullService:
    """One service, with its connections. Use it as an asynchronous context."""

    def __init__(self, settings: Settings, log: logging.Logger) -> None:
        self._settings = settings
        self._log = log
        self._runs = Runs(0 if settings.once or settings.dry_run else settings.interval)
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._stack = AsyncExitStack()
        self._accounts_at: float | None = None

    async def __aenter__(self) -> Self:
        settings, enter = self._settings, self._stack.enter_async_context
        self._api: CullClient = await enter(
            open_cull_client(settings.url, settings.token, settings.concurrency)
        )
        self._asker: ServerAsker = await enter(
            open_server_asker(settings.concurrency, settings.request_timeout, settings.proxy_url)
        )
        # Who acts once, or not at all, takes no Lease from who is at work.
        is_passing_by = settings.once or settings.dry_run
        self._election = (
            Election(None, self._log)
            if is_passing_by
            else await enter(
                open_election(
                    settings.lease_namespace, settings.hub_name, settings.interval, self._log
                )
            )
        )
        return self

    async def __aexit__(self, *problem: object) -> None:
        await self._stack.aclose()

    async def run_once(self) -> str:
        """Do one pass; return what it did in words, or would. Raises what stops it."""
        await self._check_scopes()
        texts = [await self._pass()]
        if self._settings.unknown_after_days:
            texts.append(await self._look_at_accounts())
        return "\n".join(texts)

    async def run(self) -> None:
        """Do passes until this is cancelled. Raises ConfigurationError at the start alone."""
        await self._start()
        failures = 0
        while True:
            failures = 0 if await self._try() else failures + 1
            await asyncio.sleep(self._find_wait(failures))

    async def _start(self) -> None:
        failures = 0
        while True:
            try:
                await self._check_scopes()
                return
            except HubUnavailable as problem:
                self._log.warning("The hub is not there yet: %s", problem)
            failures += 1
            await asyncio.sleep(self._find_wait(failures))

    async def _check_scopes(self) -> None:
        settings = self._settings
        try:
            scopes = await self._api.read_scopes()
        except HubRefused as problem:
            raise ConfigurationError(
                f"the hub does not know the token of JUPYTERHUB_API_TOKEN ({problem}): make this a "
                "service of JupyterHub.services, and give it that service's token"
            ) from None
        check_scopes(scopes, bool(settings.unknown_after_days), settings.remove_users)

    async def _try(self) -> bool:
        """Do what is due; return whether the hub took part."""
        try:
            is_leader = await self._election.is_won()
            metrics.IS_LEADER.set(is_leader)
            if not is_leader:
                return True
            print_if_dry(self._settings, await self._pass())
            if self._are_accounts_due():
                print_if_dry(self._settings, await self._look_at_accounts())
        except (HubUnavailable, HubRefused) as problem:
            metrics.PASSES.labels(result="failed").inc()
            self._log.warning("Servers are not looked at now; it is tried again: %s", problem)
            return False
        except Exception:
            # One mistake, of whoever, must not be the end of all culling.
            metrics.PASSES.labels(result="failed").inc()
            self._log.exception("A look at the servers failed; it is tried again")
            return False
        return True

    def _find_wait(self, failures: int) -> float:
        """Return the seconds until the next pass; by chance, so that several don't come at once."""
        settings = self._settings
        wait = settings.interval
        if failures:
            first = min(_FIRST_WAIT, settings.interval)
            wait = min(first * 2 ** min(failures - 1, 20), settings.max_backoff)
        return wait * (0.75 + draw_chance() / 2)

    async def _pass(self) -> str:
        settings = self._settings
        work = CullPass(
            self._api, self._asker, self._runs, self._slots, self._log, settings.dry_run
        )
        result = await work.run(settings.page_size)
        _count(result, settings.dry_run)
        text = make_pass_table(result) if settings.dry_run else describe_pass(result)
        self._log.log(logging.INFO if result.rows else logging.DEBUG, "%s", describe_pass(result))
        return text

    def _are_accounts_due(self) -> bool:
        if not self._settings.unknown_after_days:
            return False
        return self._accounts_at is None or time.monotonic() - self._accounts_at >= DAY

    async def _look_at_accounts(self) -> str:
        settings = self._settings
        self._accounts_at = time.monotonic()
        days, unused_for = settings.unknown_after_days, settings.unknown_after_days * DAY
        accounts: list[Account] = await list_unused_accounts(self._api, unused_for)
        metrics.UNUSED_ACCOUNTS.set(len(accounts))
        if settings.dry_run:
            return make_account_table(accounts, days, settings.remove_users)
        text = describe_accounts(accounts, days)
        self._log.info("%s", text)
        if settings.remove_users:
            removed = await remove_accounts(self._api, accounts, unused_for, self._log)
            text = f"{text}\nremoved {removed} of them; their homes are kept"
        return text


def describe_pass(result: PassResult) -> str:
    """Return the numbers of a pass in one line."""
    acts = result.acts
    return (
        f"{result.servers} servers, {result.asked} asked in {result.seconds:.1f} s: "
        f"{acts['stop']} stopped, {result.refused} refused by the hub, {acts['warn']} warned of, "
        f"{acts['clear']} not any more, {result.unknown} silent"
    )


def print_if_dry(settings: Settings, text: str) -> None:
    """Show what a pass would do, where that is all that it does."""
    if settings.dry_run:
        print(text, flush=True)


def _count(result: PassResult, is_dry: bool) -> None:
    metrics.PASSES.labels(result="done").inc()
    metrics.PASS_SECONDS.observe(result.seconds)
    metrics.LAST_PASS.set_to_current_time()
    metrics.SERVERS.set(result.servers)
    metrics.ASKED.inc(result.asked)
    metrics.UNKNOWN.set(result.unknown)
    if not is_dry:
        new = [row for row in result.rows if row.act == "warn" and row.server.warned_for is None]
        metrics.WARNINGS.inc(len(new))
