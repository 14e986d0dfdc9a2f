"""What is shipped for Prometheus and Grafana, as far as it can be read without them."""

import json
import re

import pytest
import yaml

from tests.fixtures.prometheus import ALERTS, MONITORING, list_alerts, list_queries, read_dashboard
from tests.unit.test_overlays import merge

DASHBOARD = read_dashboard()
PANELS = DASHBOARD["panels"]


@pytest.mark.parametrize("alert", list_alerts(), ids=lambda alert: alert["alert"])
def test_each_alert_says_what_is_so_and_what_to_do(alert):
    assert alert["alert"].startswith("Gateway")
    assert alert["labels"] == {"severity": alert["labels"]["severity"]}
    assert alert["labels"]["severity"] in ("critical", "warning", "info")
    assert alert["annotations"].keys() == {"summary", "description", "action"}
    assert all(len(text) > 20 for text in alert["annotations"].values())


def test_the_operators_manifest_has_the_same_alerts():
    manifest = yaml.safe_load((MONITORING / "prometheus-rule.yaml").read_text())
    assert manifest["kind"] == "PrometheusRule"
    assert manifest["spec"] == yaml.safe_load(ALERTS.read_text())


def test_prometheus_gets_the_token_of_the_overlay():
    manifest = yaml.safe_load((MONITORING / "service-monitor.yaml").read_text())
    (endpoint,) = manifest["spec"]["endpoints"]
    key = endpoint["authorization"]["credentials"]["key"]
    values = merge("common", "monitoring")["hub"]
    (service,) = re.findall(r"^hub\.services\.(\w+)\.apiToken$", key)
    assert service in values["services"]
    role = values["loadRoles"][service]
    assert (role["services"], role["scopes"]) == ([service], ["read:metrics"])


def test_no_two_panels_are_in_one_place_and_all_fit():
    taken = set()
    for panel in PANELS:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    numbers = [panel["id"] for panel in PANELS]
    assert len(numbers) == len(set(numbers))


def test_rows_are_an_operators_questions_in_their_order():
    rows = [panel["title"] for panel in PANELS if panel["type"] == "row"]
    assert rows == [
        "Are users served?",
        "How long do they wait?",
        "Why do starts fail?",
        "Is memory used?",
        "Is space left?",
        "Are credentials fresh?",
        "Is culling at work?",
        "Does the hub see the cluster?",
    ]


@pytest.mark.parametrize(
    "panel", [one for one in PANELS if one["type"] != "row"], ids=lambda panel: panel["title"]
)
def test_each_panel_says_what_it_shows_and_asks_the_chosen_prometheus(panel):
    assert panel["description"]
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"]
    for target in panel["targets"]:
        assert target["datasource"]["uid"] == panel["datasource"]["uid"] == "${datasource}"
        assert target["expr"].count("jhub") == target["expr"].count('{namespace=~"$namespace"') or (
            "jupyterhub_" in target["expr"]
        )


def test_no_variable_is_left_for_grafana_that_the_dashboard_has_not():
    names = {one["name"] for one in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(PANELS)))
    assert used - names <= {"__rate_interval", "__range", "labels", "value"}
    assert not any("$" in query.replace('".*"', "") for query in list_queries().values())
