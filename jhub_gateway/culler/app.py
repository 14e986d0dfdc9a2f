"""The culling service's settings and its start."""

import asyncio
import logging
import signal
from importlib.metadata import version
from pathlib import Path
from typing import Any

from prometheus_client import start_http_server
from traitlets import Bool, Float, Int, Unicode, default, validate
from traitlets.config import Application, Config

from jhub_gateway.clients.hub_api import get_hub_access
from jhub_gateway.culler.service import CullService, Settings
from jhub_gateway.errors import ConfigurationError


class Culler(Application):
    """Stops servers that nobody needs, after a warning, by the policy of each one's profile.

    When that is, the spawner's ``cull`` and its profiles say. The hub's address and the service's
    token are in JUPYTERHUB_API_URL and JUPYTERHUB_API_TOKEN.
    """

    name = "jhub-gateway cull"
    description = __doc__ or ""
    version = version("jhub-gateway")

    interval = Float(
        60.0,
        help="""Seconds between two looks at all servers; each time up to a quarter more or less.

        So much later than it could a server is stopped, or its user warned.
        """,
    ).tag(config=True)

    max_backoff = Float(
        300.0,
        help="""At most how many seconds it waits before it asks a hub again that does not answer.

        It begins with a second and doubles that each time.
        """,
    ).tag(config=True)

    concurrency = Int(
        20,
        help="""How many servers are asked for their use, or stopped, at the same time.

        With fewer a look takes longer, and is easier on the hub when many servers stop at once.
        """,
    ).tag(config=True)

    request_timeout = Float(
        5.0,
        help="""Seconds that a server has for its answer.

        One that gives none is not idle for this look and the next. After that it counts as it did
        when it last answered, or by the hub's own measure if that is shorter.
        """,
    ).tag(config=True)

    page_size = Int(
        500,
        help="""How many servers the hub lists in one answer, from 1 to 1000.

        The hub does nothing else while it makes one: smaller pages are shorter pauses, and more
        requests.
        """,
    ).tag(config=True)

    proxy_url = Unicode(
        "",
        help="""Where to ask servers if they can't be reached at their own addresses: the proxy's.

        Such as ``http://proxy-public``. Empty: each is asked where it listens, which a service
        within the cluster can.
        """,
    ).tag(config=True)

    unknown_after_days = Float(
        0.0,
        help="""List accounts that nobody has used for so many days, once a day. 0: never.

        Administrators and who has a server are left out. They are logged and counted, and removed
        only with ``remove_users``. It needs the scopes ``list:users`` and ``read:users:activity``.
        """,
    ).tag(config=True)

    remove_users = Bool(
        False,
        help="""Remove the accounts that ``unknown_after_days`` finds from the hub.

        Their homes are kept. It needs the scope ``delete:users``.
        """,
    ).tag(config=True)

    metrics_port = Int(
        0,
        help="""The port at which Prometheus finds this service's metrics. 0: none.""",
    ).tag(config=True)

    metrics_ip = Unicode(
        "0.0.0.0",  # noqa: S104
        help="""The address at which Prometheus finds them, if there is a ``metrics_port``.

        ``127.0.0.1`` keeps them on this machine.
        """,
    ).tag(config=True)

    lease_namespace = Unicode(
        "",
        help="""The namespace of the Lease by which one of several cullers is elected.

        Empty: that of the pod. Without Kubernetes there is none, and each culler works, which does
        no harm.
        """,
    ).tag(config=True)

    hub_name = Unicode(
        "jupyterhub",
        help="""The hub's name, as ``GatewaySpawner.hub_name``: its Lease is
        ``jhub-gateway-<hub_name>-culler``. Hubs that share a namespace need different ones.
        """,
    ).tag(config=True)

    once = Bool(False, help="""Look once and end, instead of again and again.""").tag(config=True)

    dry_run = Bool(
        False,
        help="""Change nothing: nobody is warned, and no server or account ends.

        It prints what it would do.
        """,
    ).tag(config=True)

    config_file = Unicode(
        "", help="""A file with these settings, as ``c.Culler.interval = 60``. Empty: none."""
    ).tag(config=True)

    aliases = {
        "config": "Culler.config_file",
        "interval": "Culler.interval",
        "log-level": "Application.log_level",
        "metrics-port": "Culler.metrics_port",
        "proxy-url": "Culler.proxy_url",
        "unknown-after-days": "Culler.unknown_after_days",
    }
    flags = {
        "once": ({"Culler": {"once": True}}, "look once and end"),
        "dry-run": ({"Culler": {"dry_run": True}}, "change nothing; print what would happen"),
        "remove-users": (
            {"Culler": {"remove_users": True}},
            "remove accounts that were not used for unknown_after_days; homes are kept",
        ),
    }

    @default("log_level")
    def _default_log_level(self) -> int:
        return logging.INFO

    @default("log_datefmt")
    def _default_log_datefmt(self) -> str:
        return "%Y-%m-%d %H:%M:%S"

    @default("log_format")
    def _default_log_format(self) -> str:
        return "[%(levelname)1.1s %(asctime)s.%(msecs).03d %(name)s] %(message)s"

    @validate("interval", "max_backoff", "request_timeout")
    def _check_seconds(self, proposal: Any) -> float:
        name, value = proposal["trait"].name, proposal["value"]
        if not 0 < value < float("inf"):
            raise ConfigurationError(f"Culler.{name} is {value:g}: give more than 0 seconds")
        return value

    @validate("concurrency", "page_size")
    def _check_count(self, proposal: Any) -> int:
        name, value = proposal["trait"].name, proposal["value"]
        most = 1000
        if not 1 <= value <= most:
            raise ConfigurationError(f"Culler.{name} is {value}: give a number from 1 to {most}")
        return value

    @validate("unknown_after_days")
    def _check_days(self, proposal: Any) -> float:
        value = proposal["value"]
        if value and not 1 <= value < float("inf"):
            raise ConfigurationError(
                f"Culler.unknown_after_days is {value:g}: give at least 1 day, or 0 for never"
            )
        return value

    def run(self, arguments: list[str]) -> str:
        """Run with a command line's ``arguments``; return what to print at the end.

        Without ``once`` it ends at SIGTERM or SIGINT alone. Raises ConfigurationError, and with
        ``once`` HubUnavailable.
        """
        self._read(arguments)
        settings = self._make_settings()
        if self.metrics_port:
            start_http_server(self.metrics_port, self.metrics_ip)
        return asyncio.run(_serve(settings, self.log))

    def _read(self, arguments: list[str]) -> None:
        self.parse_command_line(arguments)
        if self.config_file:
            path = Path(self.config_file).resolve()
            if not path.is_file():
                raise ConfigurationError(f"{self.config_file}: there is no such file")
            given = Config(self.cli_config)
            self.load_config_file(path.name, str(path.parent))
            self.update_config(given)  # what was typed counts more

    def _make_settings(self) -> Settings:
        if self.remove_users and not self.unknown_after_days:
            raise ConfigurationError(
                "Culler.remove_users is set and unknown_after_days is not: say after how many days"
            )
        url, token = get_hub_access(self.name)
        return Settings(
            url=url,
            token=token,
            interval=self.interval,
            max_backoff=self.max_backoff,
            concurrency=self.concurrency,
            request_timeout=self.request_timeout,
            page_size=self.page_size,
            proxy_url=self.proxy_url,
            unknown_after_days=self.unknown_after_days,
            lease_namespace=self.lease_namespace,
            hub_name=self.hub_name,
            once=self.once,
            dry_run=self.dry_run,
            remove_users=self.remove_users,
        )


async def _serve(settings: Settings, log: logging.Logger) -> str:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if task is None:
        raise RuntimeError("the service runs outside a task")
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        async with CullService(settings, log) as service:
            if settings.once:
                return await service.run_once()
            await service.run()
    except asyncio.CancelledError:
        pass  # A stop that is under way is the hub's; all else is looked at again by the next.
    return "the culler has ended"
