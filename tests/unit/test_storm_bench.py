"""What the storm benchmark computes: calls by the audit log, percentiles, ratios, the order."""

import json
from collections import Counter

import pytest

from benchmarks.storm.__main__ import read_names, read_number
from benchmarks.storm.audit import AuditLog, Calls, count_calls
from benchmarks.storm.provider import make_auth_state
from benchmarks.storm.report import find_ratios, make_report
from benchmarks.storm.rows import Row, find_percentile, make_row
from benchmarks.storm.slow_api import is_creation_of_pod
from benchmarks.storm.storm import Storm
from benchmarks.storm.variants import CLAIMS, GATEWAY, SHARED, VARIANTS, order_round

HUB = "system:serviceaccount:space:hub"


def make_event(verb, resource, number, user=HUB, name="", code=200, **more):
    target = {"resource": resource, "namespace": "space", "name": name} | more
    return json.dumps(
        {
            "auditID": str(number),
            "verb": verb,
            "user": {"username": user},
            "objectRef": target,
            "responseStatus": {"code": code},
        }
    )


def make_rows(spawner, *seconds):
    values = {"ready": 4, "p50_s": 1.0, "p95_s": 1.0, "hub_rss_mb_per_server": 0.5}
    costs = {"hub_cpu_per_start_s": 0.01, "api_calls_per_start": 2.0, "own_pods_deleted": 0}
    return [
        Row(spawner, "storm", number, n=4, last_s=last, **values, **costs)
        for number, last in enumerate(seconds)
    ]


def test_calls_are_the_hubs_own_by_verb_and_resource():
    lines = [
        make_event("create", "pods", 1, code=201),
        make_event("create", "pods", 2, code=409),
        make_event("create", "pods", 3, user="system:kube-scheduler", subresource="binding"),
        make_event("create", "pods", 4, user=f"{HUB}-of-another", code=201),
        make_event("patch", "pods", 5, subresource="status"),
    ]
    calls = count_calls(lines, HUB)
    assert calls.by_verb == Counter({"create pods": 2, "patch pods/status": 1})
    assert calls.total == 3


def test_watch_is_one_call_though_the_log_tells_of_it_twice():
    lines = [make_event("watch", "pods", 1), make_event("watch", "pods", 1)]
    assert count_calls(lines, HUB).by_verb == Counter({"watch pods": 1})


def test_deleted_pods_are_those_that_the_api_server_deleted_for_the_hub():
    lines = [
        make_event("delete", "pods", 1, name="a"),
        make_event("delete", "pods", 2, name="a", code=404),
        make_event("delete", "pods", 3, name="b", code=404),
        make_event("delete", "pods", 4, name="c", user="system:node"),
        make_event("delete", "secrets", 5, name="d"),
    ]
    assert count_calls(lines, HUB).deleted_pods == {"a"}


@pytest.fixture
def audit_log(tmp_path, monkeypatch):
    path = tmp_path / "audit.log"
    path.write_text("before\n")
    monkeypatch.setattr("benchmarks.storm.audit.get_log_path", lambda _name: path)
    return path


def test_log_is_read_from_its_beginning_on(audit_log):
    log = AuditLog()
    with audit_log.open("a") as file:
        file.write("after\n")
    assert list(log.read()) == ["after\n"]


def test_log_that_is_rotated_is_read_to_its_end(audit_log):
    log = AuditLog()
    with audit_log.open("a") as file:
        file.write("old\n")
    audit_log.rename(audit_log.with_name("audit-2026-11-21T00-00-00.000.log"))
    audit_log.write_text("new\n")
    assert list(log.read()) == ["old\n", "new\n"]


def test_log_that_is_gone_is_no_log_without_calls(audit_log):
    log = AuditLog()
    audit_log.rename(audit_log.with_name("elsewhere"))
    audit_log.write_text("new\n")
    with pytest.raises(LookupError, match="rotated"):
        list(log.read())


@pytest.mark.parametrize(("percent", "expected"), [(50, 2.0), (95, 4.0), (100, 4.0), (1, 1.0)])
def test_percentile_is_a_value_that_was_measured(percent, expected):
    assert find_percentile([4.0, 1.0, 3.0, 2.0], percent) == expected


def test_percentile_of_nothing_is_none():
    assert find_percentile([], 50) is None


def test_row_divides_by_the_starts_that_were_asked_for():
    calls = Calls(Counter({"create pods": 6}), frozenset({"a"}))
    storm = Storm(asked=4, ready={"a": 1.0, "b": 3.0}, cpu=0.2, memory=2.0, calls=calls)
    row = make_row(GATEWAY, "storm", 1, storm)
    assert (row.n, row.ready, row.own_pods_deleted) == (4, 2, 1)
    assert (row.hub_cpu_per_start_s, row.hub_rss_mb_per_server) == (0.05, 0.5)
    assert row.api_calls_per_start == 1.5
    assert (row.p50_s, row.p95_s, row.last_s) == (1.0, 3.0, 3.0)


def test_ratios_are_to_the_same_round():
    rows = make_rows(GATEWAY, 2.0, 9.0) + make_rows(SHARED, 1.0, 3.0)
    assert find_ratios(rows, GATEWAY, "last_s") == [2.0, 3.0]


def test_round_without_a_base_or_without_a_ready_server_has_no_ratio():
    rows = make_rows(GATEWAY, 2.0, None, 4.0) + make_rows(SHARED, 1.0, 1.0)
    assert find_ratios(rows, GATEWAY, "last_s") == [2.0]


def test_report_shows_a_scenario_in_which_nothing_was_ready():
    report = make_report(make_rows(SHARED, None) + make_rows(CLAIMS, None))
    assert "storm: 4 servers, 1 round(s)" in report
    assert "last, s" not in report
    assert GATEWAY not in report


def test_report_shows_ratio_and_value_with_their_ranges():
    report = make_report(make_rows(GATEWAY, 2.0, 9.0) + make_rows(SHARED, 1.0, 3.0))
    assert "x2.50 (2.00-3.00)  5.500 (2.000-9.000)" in report
    assert "x1.00 (1.00-1.00)  2.000 (1.000-3.000)" in report


def test_each_variant_is_first_in_one_of_three_rounds():
    firsts = {order_round(number)[0].name for number in range(3)}
    assert firsts == {variant.name for variant in VARIANTS}


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/api/v1/namespaces/space/pods", True),
        ("GET", "/api/v1/namespaces/space/pods", False),
        ("POST", "/api/v1/namespaces/space/pods/a/binding", False),
        ("POST", "/api/v1/namespaces/space/secrets", False),
    ],
)
def test_only_creations_of_pods_are_slow(method, path, expected):
    assert is_creation_of_pod(method, path) is expected


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5"])
def test_number_that_is_none_is_refused(monkeypatch, text):
    monkeypatch.setenv("N", text)
    with pytest.raises(ValueError, match="N is"):
        read_number("N", 400)


def test_number_that_is_not_given_is_the_default(monkeypatch):
    monkeypatch.setenv("N", "")
    assert read_number("N", 400) == 400


def test_name_that_nobody_knows_is_refused(monkeypatch):
    monkeypatch.setenv("SCENARIOS", "storm,strom")
    with pytest.raises(ValueError, match="strom"):
        read_names("SCENARIOS", ["storm"])


def test_login_of_a_storm_is_one_that_the_hub_takes_for_valid():
    state = make_auth_state("ada", "http://127.0.0.1:1", now=100.0, lifetime=60.0)
    assert (state["requested_at"], state["expires_at"], state["ended"]) == (100.0, 160.0, None)
    assert state["subject"] == state["oauth_user"]["sub"]
