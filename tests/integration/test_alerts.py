"""The alerts, as Prometheus understands them: each fires when it should, and else does not."""

from pathlib import Path

import pytest
import yaml

from tests.cluster.errors import ClusterError
from tests.fixtures.prometheus import ALERTS, MONITORING, list_alerts

HUB = 'namespace="a"'
START = f"jhub_gateway_start_seconds_count{{{HUB}}}"
FAILURES = f'jhub_gateway_start_failures_total{{{HUB}, reason="image-not-found"}}'
BUCKET = "jhub_gateway_start_seconds_bucket"
LEADER = f"jhub_gateway_reconciler_is_leader{{{HUB}}}"
AGE = f"jhub_gateway_culler_age_seconds{{{HUB}}}"
UNKNOWN, SERVERS = "jhub_gateway_culler_unknown_servers", "jhub_gateway_culler_servers"
FREE, SIZE = "jhub_gateway_share_free_bytes", "jhub_gateway_share_size_bytes"
REQUESTS = "jhub_gateway_api_request_seconds_count"
STATES = "jhub_gateway_credentials"
REFUSED = 'jhub_gateway_credential_renewals_total{credential="%s", result="refused"}'

# By alert: series that make it fire at the end of three hours, and such that do not. Values are
# promtool's, a minute each: `0+1x9` is 0, 1, … 9.
CASES: dict[str, tuple[list[dict[str, str]], list[dict[str, str]]]] = {
    "GatewayHubIsNotSeen": (
        [{}, {LEADER: "1x150 _x30"}],
        [{LEADER: "0x180"}, {LEADER: "1x177 _x3"}],
    ),
    "GatewayHubCannotSeeItsPods": (
        [{'jhub_gateway_watch_age_seconds{kind="pods"}': "0x170 30+60x10"}],
        [{'jhub_gateway_watch_age_seconds{kind="pods"}': "59x180"}],
    ),
    "GatewayStartsFail": (
        [{FAILURES: "0+1x180", START: "0+2x180"}, {FAILURES: "0+1x180"}],
        [{FAILURES: "0+1x180", START: "0+9x180"}, {FAILURES: "0x160 2x20"}, {START: "0+1x180"}],
    ),
    "GatewayStartsAreSlow": (
        [{f'{BUCKET}{{le="60"}}': "0+1x180", f'{BUCKET}{{le="300"}}': "0+9x180",
          f'{BUCKET}{{le="+Inf"}}': "0+9x180"}],
        [{f'{BUCKET}{{le="60"}}': "0+9x180", f'{BUCKET}{{le="300"}}': "0+9x180",
          f'{BUCKET}{{le="+Inf"}}': "0+9x180"}, {f'{BUCKET}{{le="+Inf"}}': "5x180"}],
    ),
    "GatewayHasNoRoom": (
        [{'jhub_gateway_start_failures_total{reason="unschedulable-memory"}': "0+1x180"}],
        [{FAILURES: "0+1x180"}],
    ),
    "GatewayServersRunOutOfMemory": (
        [{'jhub_gateway_server_ends_total{reason="oom"}': "0+1x180"}],
        [{'jhub_gateway_server_ends_total{reason="crashed"}': "0+1x180"}],
    ),
    "GatewayNodesAreLost": (
        [{'jhub_gateway_server_ends_total{reason="node-lost"}': "0+1x180"}],
        [{'jhub_gateway_server_ends_total{reason="oom"}': "0+1x180"}],
    ),
    "GatewayKubernetesRefusesRequests": (
        [{f'{REQUESTS}{{status="201"}}': "0+8x180", f'{REQUESTS}{{status="429"}}': "0+2x180"},
         {f'{REQUESTS}{{status="0"}}': "0+1x180"}],
        [{f'{REQUESTS}{{status="201"}}': "0+99x180", f'{REQUESTS}{{status="429"}}': "0+1x180"},
         {f'{REQUESTS}{{status="404"}}': "0+9x180"}],
    ),
    "GatewayStrangePods": (
        [{"jhub_gateway_strange_pods": "1x180"}],
        [{"jhub_gateway_strange_pods": "0x180"}, {"jhub_gateway_strange_pods": "0x150 1x30"}],
    ),
    "GatewayShareIsNearlyFull": (
        [{FREE: "9x180", SIZE: "100x180"}],
        [{FREE: "11x180", SIZE: "100x180"}, {FREE: "11x170 9x10", SIZE: "100x180"}],
    ),
    "GatewayShareIsFull": (
        [{FREE: "1x180", SIZE: "100x180"}],
        [{FREE: "3x180", SIZE: "100x180"}],
    ),
    "GatewayShareIsNotMeasured": (
        [{"jhub_gateway_share_measured_timestamp_seconds": "600x180"}],
        [{"jhub_gateway_share_measured_timestamp_seconds": "0+60x180"}, {}],
    ),
    "GatewayHomesAreFull": (
        [{"jhub_gateway_rescue_starts_total": "0+1x180"}],
        [{"jhub_gateway_rescue_starts_total": "5x180"}],
    ),
    "GatewayCredentialsAreLate": (
        [{f'{STATES}{{credential="wes", state="late"}}': "3x180",
          f'{STATES}{{credential="wes", state="valid"}}': "7x180"}],
        [{f'{STATES}{{credential="wes", state="late"}}': "1x180",
          f'{STATES}{{credential="wes", state="valid"}}': "9x180"},
         {f'{STATES}{{credential="wes", state="ended"}}': "9x180"},
         {f'{STATES}{{credential="wes", state="late"}}': "0x180"}],
    ),
    "GatewayCredentialsAreRefused": (
        [{REFUSED % "wes": "0+1x180"}],
        [{REFUSED % "login": "0+1x180"}, {REFUSED % "wes": "4x180"}],
    ),
    "GatewayCredentialsAreNotWritten": (
        [{"jhub_gateway_credential_write_failures_total": "0+1x180"}],
        [{"jhub_gateway_credential_write_failures_total": "9x180"}],
    ),
    "GatewayNobodyStopsIdleServers": (
        [{LEADER: "1x180", AGE: "0x150 60+60x30"}, {LEADER: "1x180"}],
        [{LEADER: "1x180", AGE: "60x180"}, {}],
    ),
    "GatewayServersDoNotTellTheirUse": (
        [{UNKNOWN: "40x180", SERVERS: "99x180"}],
        [{UNKNOWN: "9x180", SERVERS: "99x180"}, {UNKNOWN: "2x180", SERVERS: "2x180"}],
    ),
}  # fmt: skip


def make_test(alert: str, series: dict[str, str], fires: bool) -> dict:
    return {
        "name": f"{alert} {'fires' if fires else 'does not fire'}: {series}",
        "interval": "1m",
        "input_series": [{"series": name, "values": text} for name, text in series.items()],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{alert}", alertstate="firing"}}) or vector(0)',
                "eval_time": "3h",
                "exp_samples": [{"labels": "{}", "value": int(fires)}],
            }
        ],
    }


def run_tests(tools, folder: Path, tests: list[dict]) -> None:
    content = {"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": tests}
    (folder / "tests.yaml").write_text(yaml.safe_dump(content))
    tools.promtool("test", "rules", "tests.yaml", cwd=folder)


def test_promtool_finds_no_fault(prometheus_tools):
    said = prometheus_tools.promtool("check", "rules", "--lint-fatal", ALERTS.name, cwd=MONITORING)
    assert f"{len(list_alerts())} rules found" in said


def test_promtool_finds_a_fault(prometheus_tools, tmp_path):
    text = ALERTS.read_text().replace("absent(jhub", "absnet(jhub", 1)
    (tmp_path / "alerts.yaml").write_text(text)
    with pytest.raises(ClusterError, match="absnet"):
        prometheus_tools.promtool("check", "rules", "alerts.yaml", cwd=tmp_path)


def test_each_alert_fires_when_it_should_and_else_does_not(prometheus_tools, tmp_path):
    assert CASES.keys() == {alert["alert"] for alert in list_alerts()}
    tests = [
        make_test(alert, series, fires)
        for alert, (firing, fine) in CASES.items()
        for fires, cases in ((True, firing), (False, fine))
        for series in cases
    ]
    run_tests(prometheus_tools, tmp_path, tests)


def test_an_alert_that_does_not_fire_is_found(prometheus_tools, tmp_path):
    with pytest.raises(ClusterError, match="GatewayShareIsFull"):
        run_tests(prometheus_tools, tmp_path, [make_test("GatewayShareIsFull", {}, True)])
