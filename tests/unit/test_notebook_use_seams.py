"""Where the measure of a server's use takes hold of Jupyter: log, kernels, variables."""

import asyncio
import logging
from types import SimpleNamespace

import pytest
from traitlets import HasTraits, List, Unicode

from jhub_gateway.notebook import use_key
from jhub_gateway.notebook.kernel_use import KernelUse
from jhub_gateway.notebook.request_use import RequestUse
from jhub_gateway.notebook.use import UseWatch
from jhub_gateway.notebook.use_looks import Looks


class Uses:
    """A watch, and how often it was told of use."""

    def __init__(self) -> None:
        self.count = 0
        self.watch = UseWatch(on_use=self._count)

    def _count(self) -> None:
        self.count += 1


@pytest.fixture
def uses() -> Uses:
    return Uses()


def ignore(handler) -> None:
    """A log that nobody reads."""


def make_handler(method="POST", user="ada", **headers):
    request = SimpleNamespace(method=method, headers=headers)
    return SimpleNamespace(request=request, current_user=user)


def test_the_servers_own_log_goes_on_even_if_it_is_set_again_later(uses):
    first, second = [], []
    settings = {"base_url": "/user/ada/", "log_function": first.append}
    requests = RequestUse(settings, uses.watch)
    requests.look()
    settings["log_function"](make_handler())
    # As JupyterHub's extension does when it is loaded after this one
    settings["log_function"] = second.append
    for _ in range(3):
        requests.look()
    settings["log_function"](make_handler())
    assert (len(first), len(second), uses.count) == (1, 1, 2)


def test_a_log_that_is_wrapped_around_ours_ends(uses):
    logged = []
    settings = {"base_url": "/", "log_function": logged.append}
    requests = RequestUse(settings, uses.watch)
    for _ in range(3):
        requests.look()
        inner = settings["log_function"]
        settings["log_function"] = lambda handler, inner=inner: inner(handler)
    settings["log_function"](make_handler())
    assert len(logged) == 1


@pytest.mark.parametrize(
    ("handler", "is_use"),
    [
        (make_handler("GET"), False),
        (make_handler("HEAD"), False),
        (make_handler("OPTIONS"), False),
        (make_handler("GET", **{"Sec-Fetch-User": "?1"}), True),
        (make_handler("PUT"), True),
        (make_handler("DELETE", Referer="https://hub.example/user/ada/rstudio/"), True),
        (make_handler("POST", Referer="https://hub.example/user/ada/lab/tree/a.ipynb"), False),
        (make_handler("POST", Referer="https://hub.example/user/ada/lab"), False),
        (make_handler("POST", Referer="https://elsewhere.example/lab"), True),
        (make_handler("POST", Referer="//["), True),
        (make_handler(user=None), False),
    ],
)
def test_a_request_counts_if_somebody_made_it(uses, handler, is_use):
    settings = {"base_url": "/user/ada/", "log_function": ignore}
    requests = RequestUse(settings, uses.watch)
    requests.look()
    requests.note_telling(make_handler("GET", Referer="https://hub.example/user/ada/lab"))
    settings["log_function"](handler)
    assert uses.count == is_use


def test_activity_that_no_request_explains_is_use_once(uses):
    settings = {"base_url": "/", "log_function": ignore, "last_activity_times": {}}
    requests = RequestUse(settings, uses.watch)
    requests.look()
    settings["api_last_activity"] = 1
    settings["log_function"](make_handler("GET"))
    requests.look()
    assert uses.count == 0
    # What goes through a websocket says so while it is open.
    settings["api_last_activity"] = 2
    requests.look()
    requests.look()
    assert uses.count == 1
    settings["last_activity_times"]["an extension"] = 3
    requests.look()
    assert uses.count == 2


class Kernel(HasTraits):
    execution_state = Unicode("idle")
    kernel_id = "one"


class Kernels(HasTraits):
    untracked_message_types = List(["kernel_info_request"])
    kernel = Kernel()

    def list_kernels(self):
        return [{"id": "one", "execution_state": self.kernel.execution_state, "connections": 1}]

    def get_kernel(self, name):  # noqa: ARG002
        return self.kernel


async def test_work_between_two_looks_is_use_and_begins_anew(uses):
    kernels = Kernels()
    use = KernelUse(kernels, uses.watch)
    assert "usage_request" in kernels.untracked_message_types
    await use.look()
    assert uses.count == 0
    for state in ("busy", "idle", "busy"):
        kernels.kernel.execution_state = state
    assert uses.count == 3
    await use.look()
    await use.look()
    assert uses.watch.measure().busy == "1 kernel"
    before = uses.watch.measure().busy_for
    await asyncio.sleep(0.05)
    for state in ("idle", "busy"):
        kernels.kernel.execution_state = state
    await use.look()
    assert uses.watch.measure().busy_for < before + 0.05


async def test_a_look_that_fails_is_told_once_and_takes_no_other_with_it(caplog):
    seen = []

    def fail() -> None:
        raise OSError("no such kernel")

    looks = Looks([fail, lambda: seen.append(1)], logging.getLogger("test"))
    for _ in range(3):
        await looks.look()
    assert len(seen) == 3
    assert caplog.text.count("cannot see how the server is used") == 1


def test_the_key_leaves_the_variables_and_stays_with_an_extension_that_is_loaded_again(monkeypatch):
    monkeypatch.setattr(use_key, "_taken", "")
    environ = {"JHUB_GATEWAY_USE_KEY": "k1", "HOME": "/home/ada"}
    assert use_key.take_key(environ) == "k1"
    assert environ == {"HOME": "/home/ada"}
    assert use_key.take_key(environ) == "k1"
    assert use_key.take_key({"JHUB_GATEWAY_USE_KEY": "k2"}) == "k2"


def test_without_a_key_nothing_is_the_key():
    assert not use_key.is_key("", "")
    assert use_key.is_key("k1", "k1")
    assert not use_key.is_key("schlüssel", "k1")
