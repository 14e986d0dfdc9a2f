"""The secrets of a release: what the chart takes for each, and which are too weak."""

from collections.abc import Callable, Iterator
from secrets import token_hex

from jhub_gateway.chart.chart_values import ChartValues
from jhub_gateway.chart.pass_through import COOKIE_SECRET, CRYPT_KEYS
from jhub_gateway.checks.report import Problem
from jhub_gateway.errors import list_problems
from jhub_gateway.policy.secrets import check_crypt_keys, check_secret, is_placeholder
from jhub_gateway.policy.setting_paths import Path, format_path

# What the chart takes for a secret, the first that is there; without any it makes a good one.
_COOKIE: tuple[Path, ...] = (
    ("hub", "config", "JupyterHub", "cookie_secret"),
    ("hub", "cookieSecret"),
)
_PROXY: tuple[Path, ...] = (
    ("hub", "config", "ConfigurableHTTPProxy", "auth_token"),
    ("proxy", "secretToken"),
)
_KEYS: Path = ("hub", "config", "CryptKeeper", "keys")
# Others decide how long these are.
_PASSWORDS: tuple[Path, ...] = (("hub", "db", "password"), ("imagePullSecret", "password"))


def make_secrets(chart: ChartValues) -> dict[str, str]:
    """Return the keys of the Secret that the chart would make, new ones where it would too.

    All are strong, so that the hub's own checks of them have nothing to say: find_weak_secrets
    knows where they are.
    """
    services = chart.get("hub.services", {})
    names = [COOKIE_SECRET, CRYPT_KEYS, *(f"hub.services.{name}.apiToken" for name in services)]
    return {name: token_hex(32) for name in names}


def find_weak_secrets(chart: ChartValues) -> Iterator[Problem]:
    """Yield each secret in the values that is short, simple or an example's."""
    for path in (*_COOKIE, *_PROXY, *_list_tokens(chart)):
        if (value := _get(chart, path)) is not None:
            yield from _find_weakness(path, check_secret, format_path(path), str(value))
    if keys := _get(chart, _KEYS):
        texts = [str(key) for key in keys] if isinstance(keys, list) else [str(keys)]
        yield from _find_weakness(_KEYS, check_crypt_keys, texts)
    for path in _PASSWORDS:
        if (value := _get(chart, path)) is not None and is_placeholder(str(value)):
            sentence = "still has the text of an example: write the real one, in a file of its own"
            yield Problem(path, sentence)


def _list_tokens(chart: ChartValues) -> Iterator[Path]:
    for name in chart.get("hub.services", {}):
        for key in ("apiToken", "api_token"):
            yield ("hub", "services", name, key)


def _find_weakness(path: Path, check: Callable[..., None], *arguments: object) -> Iterator[Problem]:
    for problem in list_problems(path, check, *arguments):
        yield Problem(path, str(problem))


def _get(chart: ChartValues, path: Path) -> object:
    return chart.get(".".join(map(str, path)))
