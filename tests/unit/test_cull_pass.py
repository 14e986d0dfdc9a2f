"""A pass of the culling service, against a hub and servers on the loopback."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from jhub_gateway.clients.cull_client import CullClient, HubRefused, open_cull_client
from jhub_gateway.clients.hub_api import HubUnavailable
from jhub_gateway.clients.server_use import ServerAsker, open_server_asker
from jhub_gateway.culler.passes import CullPass, PassResult
from jhub_gateway.culler.runs import Runs
from tests.unit.cull_api_server import IDLE, IN_USE, POLICY, TOKEN, CullHub, Server, run_cull_hub

LOG = logging.getLogger("cull")
WARNED = {"warned_for": 700.0}


@dataclass
class Culler:
    """What lives as long as a process, with a clock that the tests set."""

    api: CullClient
    asker: ServerAsker
    runs: Runs = field(default_factory=Runs)
    now: float = 1000.0

    async def look(self, is_dry: bool = False, page_size: int = 500) -> PassResult:
        slots = asyncio.Semaphore(20)
        parts = (self.api, self.asker, self.runs, slots, LOG, is_dry, lambda: self.now)
        return await CullPass(*parts).run(page_size)


@pytest.fixture
async def hub() -> AsyncIterator[CullHub]:
    async with run_cull_hub() as hub:
        yield hub


@pytest.fixture
async def culler(hub) -> AsyncIterator[Culler]:
    async with (
        open_cull_client(f"{hub.url}/hub/api", TOKEN, 20) as api,
        open_server_asker(20, 0.4) as asker,
    ):
        yield Culler(api, asker)


async def pass_time(hub: CullHub, culler: Culler, seconds: float) -> PassResult:
    """Let time pass for the hub, the servers and the culler; return what it does then."""
    hub.pass_time(seconds)
    culler.now += seconds
    return await culler.look()


async def test_an_idle_server_is_warned_of_told_so_and_stopped_when_it_was_told(hub, culler):
    server = Server("ada", answer=dict(IDLE))
    hub.add(server)
    result = await culler.look()
    assert result.acts == {"warn": 1}
    (warning,) = hub.notices[-1]["warn"]
    assert warning == {
        "user": "ada",
        "server": "",
        "run": "aaaa",
        "seconds": 600,
        "cause": "idle",
    }
    assert server.shown == {
        "seconds": 600,
        "why": "nobody has used it for 1 hour",
        "keep_seconds": 7200,
        "cause": "idle",
    }
    result = await pass_time(hub, culler, 300)
    assert hub.notices[-1]["warn"][0]["seconds"] == 300
    assert server.shown["seconds"] == 300
    assert len(server.bodies) == 3
    assert not hub.stopped
    result = await pass_time(hub, culler, 301)
    assert result.acts == {"stop": 1}
    assert hub.stopped == {"ada::aaaa": 1}
    (order,) = hub.orders
    assert order["cause"] == "idle"
    assert order["detail"] == "unused for 130 minutes, no page open for 130 minutes"


async def test_the_hub_hears_of_each_pass(hub, culler):
    hub.add(Server("ada"), Server("bob", answer=None))
    await culler.look()
    (notices,) = hub.notices
    assert (notices["warn"], notices["clear"]) == ([], [])
    assert (notices["pass"]["servers"], notices["pass"]["unknown"]) == (2, 1)


async def test_an_active_server_costs_one_question_as_long_as_it_cannot_be_due(hub, culler):
    server = Server("ada")
    hub.add(server)
    for _ in range(100):
        await pass_time(hub, culler, 60)
    # 6000 s of passes; it can be warned of 3000 s after each question at the soonest.
    assert len(server.bodies) == 2


async def test_one_that_begins_asks_by_and_by_and_those_at_once_that_are_warned(hub, culler):
    culler.runs = Runs(interval=60)
    hub.add(*(Server(f"user-{number}") for number in range(100)))
    hub.add(*(Server(f"warned-{number}", warned_for=1.0) for number in range(10)))
    asked = [(await culler.look()).asked]
    for _ in range(4):
        asked.append((await pass_time(hub, culler, 60)).asked)
    assert 10 < asked[0] < 60
    assert sum(asked) == 110
    assert max(asked) < 70
    # Who comes later is asked when it can matter.
    hub.add(Server("new"))
    assert (await pass_time(hub, culler, 1)).asked == 1


async def test_a_young_server_and_one_without_limits_are_not_asked(hub, culler):
    hub.policies.append(POLICY | {"idle_after": None})
    young, endless = Server("ada", age=2999), Server("bob", policy=1)
    hub.add(young, endless, Server("eve", is_exempt=True, answer=dict(IDLE)))
    assert (await culler.look()).asked == 0
    hub.pass_time(2)
    assert (await culler.look()).asked == 1


async def test_a_policy_that_became_shorter_counts_at_once(hub, culler):
    server = Server("ada", answer=IN_USE | {"idle_for": 900})
    hub.add(server)
    assert not (await culler.look()).rows
    hub.policies[0] |= {"idle_after": 1000, "warn_before": 200}
    assert (await culler.look()).acts == {"warn": 1}


async def test_a_busy_server_is_kept_and_one_with_a_page_left_open_goes(hub, culler):
    hub.add(
        Server("ada", answer=IDLE | {"busy_for": 7000, "busy": "1 kernel"}, **WARNED),
        # The hub sees the open page poll.
        Server("bob", answer=IDLE | {"disconnected_for": 0}, idle_for=1, **WARNED),
    )
    await culler.look()
    assert hub.stopped == {"bob::aaaa": 1}
    assert hub.servers["ada", ""].warned_for is None
    assert hub.servers["ada", ""].shown is None


async def test_who_uses_a_server_again_is_warned_no_more(hub, culler):
    server = Server("ada", answer=dict(IDLE))
    hub.add(server)
    await culler.look()
    server.answer = dict(IN_USE)
    result = await pass_time(hub, culler, 60)
    assert result.acts == {"clear": 1}
    assert server.shown is None
    assert server.warned_for is None


async def test_a_culler_that_was_restarted_has_the_right_notice_shown(hub, culler):
    server = Server("ada", answer=dict(IDLE), warned_for=400.0)
    hub.add(server)
    await culler.look()
    assert server.shown["seconds"] == 200


async def test_who_keeps_a_server_is_left_alone_and_stopped_once_that_is_over(hub, culler):
    server = Server("ada", answer=dict(IDLE))
    hub.add(server)
    await culler.look()
    server.warned_for, server.kept_for, server.granted = None, 7200.0, 7200.0
    assert not (await culler.look()).rows
    assert server.shown is None
    asked = len(server.bodies)
    await pass_time(hub, culler, 6599)
    assert len(server.bodies) == asked
    assert (await pass_time(hub, culler, 2)).acts == {"warn": 1}
    assert server.shown["keep_seconds"] == 7200
    await pass_time(hub, culler, 601)
    assert hub.stopped["ada::aaaa"] == 1


async def test_a_server_kept_since_it_was_listed_goes_on(hub, culler, caplog):
    server = Server("ada", answer=dict(IDLE), **WARNED)
    hub.add(server)

    async def keep(_order):
        server.granted = 7200.0

    hub.before_stop = keep
    with caplog.at_level(logging.INFO):
        result = await culler.look()
    assert result.refused == 1
    assert not hub.stopped
    assert "ada is not stopped: the hub answered 409 It was restarted, or kept." in caplog.text


async def test_silence_is_not_idle_for_two_passes_and_takes_no_warning_back(hub, culler):
    server = Server("ada", answer=None, idle_for=9000.0, **WARNED)
    hub.add(server)
    for _ in range(2):
        assert (await pass_time(hub, culler, 60)).acts == {"unknown": 1}
        assert server.warned_for is not None
    assert not hub.stopped
    # From then on what the hub saw counts.
    await pass_time(hub, culler, 60)
    assert hub.stopped["ada::aaaa"] == 1


async def test_a_busy_kernel_outlives_the_silence_of_its_server(hub, culler):
    server = Server("ada", answer=IDLE | {"busy_for": 10}, idle_for=9000.0)
    hub.add(server)
    await culler.look()
    server.answer = 500
    server.warned_for = 1e6
    for _ in range(50):
        await pass_time(hub, culler, 1700)
        assert not hub.stopped
        server.warned_for = 1e6
    # It counts for a day and no longer, and then it was idle for an hour.
    for _ in range(4):
        await pass_time(hub, culler, 1700)
        if ("ada", "") in hub.servers:
            server.warned_for = 1e6
    assert hub.orders[0]["cause"] == "busy"


async def test_silent_servers_are_asked_again_soon_and_then_seldom(hub, culler):
    server = Server("ada", answer=500, idle_for=5.0)
    hub.add(server)
    for _ in range(3):
        await pass_time(hub, culler, 1)
    assert len(server.bodies) == 3
    for _ in range(12):
        await pass_time(hub, culler, 60)
        server.idle_for = 5.0
    assert len(server.bodies) == 4


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"{" + b'"a":[' * 50000,
        b"[]",
        b'{"idle_for": NaN, "disconnected_for": 0, "busy_for": null}',
        b'{"idle_for": -5, "disconnected_for": 0, "busy_for": null}',
        b'{"idle_for": ' + b"9" * 5000 + b', "disconnected_for": 0}',
        b" " * 100_000 + b'{"idle_for": 1e9, "disconnected_for": 1e9, "busy_for": null}',
        302,
        307,
        403,
        500,
        204,
    ],
    ids=lambda answer: str(answer)[:12],
)
async def test_a_server_that_says_something_strange_is_unknown(hub, culler, answer):
    hub.add(
        Server("ada", answer=answer, idle_for=1e6, **WARNED), Server("thief", name="x", age=1.0)
    )
    result = await culler.look()
    assert result.unknown == 1
    assert not hub.stopped
    assert hub.servers["thief", "x"].headers == []


async def test_a_compressed_answer_is_not_unpacked(hub, culler):
    answer = web.Response(body=b"{}" * 1000, content_type="application/json")
    answer.enable_compression(web.ContentCoding.gzip)
    hub.add(Server("ada", answer=answer, idle_for=1e6, **WARNED))
    assert (await culler.look()).unknown == 1


async def test_what_a_server_claims_of_its_age_is_cut_to_it(hub, culler):
    hub.add(Server("ada", age=3500.0, answer=IDLE | {"idle_for": 1e300}))
    (row,) = (await culler.look()).rows
    assert row.use.idle_for == 3500


async def test_no_server_sees_the_services_token(hub, culler):
    server = Server("ada", name="x y")
    hub.add(server)
    await culler.look()
    (headers,) = server.headers
    assert headers["X-Jhub-Gateway-Key"] == server.key
    assert TOKEN not in str(headers)
    assert "Authorization" not in headers
    assert "Cookie" not in headers


@pytest.mark.parametrize("change", [{"answer": 404}, {"key": ""}])
async def test_a_server_that_cannot_tell_counts_as_the_hub_sees_it(hub, culler, change):
    hub.add(Server("ada", idle_for=3601.0, **WARNED, **change))
    hub.add(Server("bob", idle_for=10.0, **change))
    result = await culler.look()
    assert result.unknown == 0
    assert hub.stopped == {"ada::aaaa": 1}
    if not change.get("key", "key"):
        assert hub.servers["bob", ""].bodies == []


async def test_one_that_could_tell_and_cannot_any_more_is_unknown(hub, culler):
    server = Server("ada", answer=IDLE | {"busy_for": 10})
    hub.add(server)
    await culler.look()
    server.answer, server.idle_for, server.warned_for = 404, 9e6, 1e6
    for _ in range(4):
        await culler.look()
    assert not hub.stopped


async def test_the_greatest_age_comes_for_silent_servers_too(hub, culler):
    hub.policies[0] |= {"max_age": 40000.0}
    hub.add(Server("ada", answer=None, **WARNED), Server("bob", answer=None))
    result = await culler.look()
    assert hub.stopped == {"ada::aaaa": 1}
    assert result.acts == {"stop": 1, "warn": 1}
    assert hub.orders[0]["cause"] == "age"


async def test_it_asks_again_for_pages_and_forgets_who_is_gone(hub, culler):
    hub.add(*(Server(f"user-{number}") for number in range(25)))
    result = await culler.look(page_size=10)
    assert (result.servers, result.asked) == (25, 25)
    assert hub.calls.count("GET /hub/api/gateway/servers") == 3
    hub.servers = {("user-1", ""): Server("user-1", run="bbbb")}
    assert (await culler.look()).asked == 1
    assert len(culler.runs) == 1


async def test_many_warnings_at_once_are_told_in_parts(hub):
    hub.add(*(Server(f"user-{number}", answer=dict(IDLE)) for number in range(501)))
    # All of them must be heard, however busy the machine is.
    async with (
        open_cull_client(f"{hub.url}/hub/api", TOKEN, 20) as api,
        open_server_asker(20, 20) as asker,
    ):
        await Culler(api, asker).look()
    assert [len(notices["warn"]) for notices in hub.notices] == [500, 1]
    assert all(server.warned_for == 0 for server in hub.servers.values())


async def test_a_hub_that_fails_ends_the_pass_and_the_next_one_goes_on(hub, culler):
    hub.add(Server("ada", answer=dict(IDLE), **WARNED))

    async def fail(_order):
        raise web.HTTPServiceUnavailable

    hub.before_stop = fail
    with pytest.raises(HubUnavailable, match="stops is answered with 503"):
        await culler.look()
    hub.before_stop = None
    await culler.look()
    assert hub.stopped == {"ada::aaaa": 1}


async def test_a_token_that_is_not_let_in_is_told_in_the_hubs_words(hub, culler):
    hub.token = "another"
    with pytest.raises(HubRefused, match="403 Missing or invalid credentials") as problem:
        await culler.look()
    assert TOKEN not in str(problem.value)


@pytest.mark.parametrize(
    "page",
    [
        {},
        {"policies": [], "servers": [{}], "next": None},
        {"policies": [{"idle_after": "soon"}], "servers": [], "next": None},
        {"policies": [], "servers": [], "next": 0},
    ],
)
async def test_an_answer_of_another_hub_stops_nothing(hub, culler, page):
    hub.page = page
    with pytest.raises(HubUnavailable, match="does not answer as a hub with jhub-gateway"):
        await culler.look()
