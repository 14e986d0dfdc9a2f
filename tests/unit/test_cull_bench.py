"""What the culling benchmark computes: requests by the hub's log, ratios, the table."""

import pytest

from benchmarks.cull.accesses import AccessLog, read_accesses
from benchmarks.cull.passes import FIRST, NEXT, ONCE, VARIANTS, Row
from benchmarks.cull.report import find_ratios, make_report
from benchmarks.cull.site import IDLE_CULLER
from tests.fixtures.fake_servers import make_answer

LINES = [
    "[I 2026-11-30 05:28:00.210 JupyterHub log:192] 200 GET /hub/api/gateway/servers?state=[secret]"
    "&limit=500&after=0 (jhub-gateway@127.0.0.1) 41.36ms [request 29aaf2ab39]",
    "[I 2026-11-30 05:28:01.000 JupyterHub log:192] 200 GET /hub/api/users?state=[secret]"
    " (idle-culler@127.0.0.1) 150.00ms",
    "[W 2026-11-30 05:28:02.000 JupyterHub log:192] 409 POST /hub/api/gateway/stops "
    "(jhub-gateway@::1) 3.00ms",
    "[I 2026-11-30 05:28:02.709 JupyterHub cull_api:79] Stopping server ada (culled-idle): unused",
    "05:28:03.709 [ConfigProxy] info: 200 GET /api/routes ",
]


def test_requests_are_told_by_their_service():
    one, other, refused = read_accesses(LINES)
    assert (one.who, one.method, one.status) == ("jhub-gateway", "GET", 200)
    assert one.path.startswith("/hub/api/gateway/servers")
    assert one.ended - one.began == pytest.approx(0.04136, abs=1e-6)
    assert other.who == "idle-culler"
    assert other.ended - one.ended == pytest.approx(0.79, abs=1e-6)
    assert (refused.method, refused.status) == ("POST", 409)


def test_a_log_is_read_from_where_it_was(tmp_path):
    path = tmp_path / "hub.log"
    path.write_text(LINES[0] + "\n")
    log = AccessLog(path, "jhub-gateway")
    assert log.read() == []
    with path.open("a") as file:
        file.write("\n".join(LINES[1:]) + "\n")
    assert [one.status for one in log.read()] == [409]


def make_row(culler, number, requests, seconds):
    return Row(culler, number, 1000, requests, seconds, hub_cpu_s=seconds / 2, asked=7)


def test_ratios_are_to_the_same_round():
    rows = [make_row(IDLE_CULLER, 1, 20, 2.0), make_row(FIRST, 1, 5, 1.0)]
    rows += [make_row(FIRST, 2, 4, 1.0), make_row(IDLE_CULLER, 2, 20, 4.0)]
    assert find_ratios(rows, FIRST, "requests") == [0.25, 0.2]
    assert find_ratios(rows, FIRST, "seconds") == [0.5, 0.25]


def test_the_table_has_each_culler_and_its_ratios():
    rows = [make_row(name, 1, 10, 2.0) for name in VARIANTS[:-1]]
    rows.append(make_row(IDLE_CULLER, 1, 20, 4.0))
    table = make_report(rows, 5000)
    lines = table.splitlines()
    assert lines[0] == "cull: a look at 1000 running servers of 5000 users, 1 round(s)"
    assert all(name in lines[2] for name in (FIRST, NEXT, ONCE, IDLE_CULLER))
    assert lines[3].split()[-8:] == ["x0.50", "10", "x0.50", "10", "x0.50", "10", "x1.00", "20"]
    assert lines[4].split()[1:3] == ["x0.50", "2.00"]


def test_a_fake_server_tells_its_use_to_who_has_a_key():
    head = "POST /user/busy-7/jhub-gateway/use HTTP/1.1\r\nHost: a"
    body = b'{"stop": null}'
    assert b'"busy": "1 kernel"' in make_answer(f"{head}\r\nX-Jhub-Gateway-Key: k", body)
    assert b" 500 " in make_answer(head, body)
    assert b" 200 " in make_answer("GET /user/busy-7/api HTTP/1.1", b"")
