"""Rights that the hub lacks are found when it starts."""

import logging
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from jhub_gateway import access_checks
from jhub_gateway.access_checks import (
    EVENT_VERBS,
    LEASE_VERBS,
    POD_VERBS,
    SECRET_VERBS,
    START_VERBS,
    check_reconciler_access,
    check_secret_access,
    check_start_access,
    find_access_problem,
)
from jhub_gateway.clients.kube import Resource
from jhub_gateway.errors import ConfigurationError
from tests.unit.api_server import no_api_server

MANIFESTS = Path(__file__).parents[2] / "helm-values/manifests/beside-chart"
MANIFEST = MANIFESTS / "credentials-rbac.yaml"
LEASES = Resource("leases", "coordination.k8s.io", "jhub-gateway-north")


def make_spawner():
    return SimpleNamespace(namespace="users", hub_name="north", log=logging.getLogger("test"))


def check(missing):
    def answer(namespace, verbs, resource):
        assert (namespace, resource) == ("users", Resource("secrets"))
        return [verb for verb in verbs if verb in missing]

    return answer


def test_a_hub_with_all_rights_is_fine():
    assert find_access_problem("users", check(())) is None


@pytest.mark.parametrize("missing", [["patch"], ["get", "list"], list(SECRET_VERBS)])
def test_missing_verbs_are_named_with_the_namespace_and_what_to_apply(missing):
    sentence = find_access_problem("users", check(missing))
    assert f"may not {', '.join(missing)} secrets in the namespace 'users'" in sentence
    assert "helm-values/manifests/beside-chart/credentials-rbac.yaml" in sentence


def test_a_hub_that_lacks_a_verb_does_not_start(monkeypatch):
    monkeypatch.setattr(access_checks, "check_access", check(["patch"]))
    with pytest.raises(ConfigurationError, match="may not patch secrets"):
        check_secret_access(make_spawner())


def test_the_manifest_has_a_line_for_each_verb_and_no_more():
    lines = re.findall(r"^      (?:# )?- (\w+) # ", MANIFEST.read_text(), re.MULTILINE)
    assert sorted(lines) == sorted(SECRET_VERBS)


def test_where_the_api_server_does_not_answer_the_hub_starts_and_says_so(caplog):
    with no_api_server():
        check_secret_access(make_spawner())
    assert "rights on secrets are not checked: the Kubernetes API answered" in caplog.text


def refuse(**missing):
    """Return a check that finds these verbs missing, by the plural of their resource."""

    def answer(namespace, verbs, resource):
        assert namespace == "users"
        assert resource in (Resource("pods"), LEASES)
        return [verb for verb in verbs if verb in missing.get(resource.plural, ())]

    return answer


def test_a_hub_that_can_not_end_pods_does_not_start(monkeypatch):
    monkeypatch.setattr(access_checks, "check_access", refuse(pods=["delete"]))
    with pytest.raises(ConfigurationError, match="may not delete pods in the namespace 'users'"):
        check_reconciler_access(make_spawner())


def test_a_hub_without_a_lease_starts_and_says_so(monkeypatch, caplog):
    monkeypatch.setattr(access_checks, "check_access", refuse(leases=["create", "update"]))
    check_reconciler_access(make_spawner())
    assert "may not create, update the Lease 'jhub-gateway-north'" in caplog.text
    assert "helm-values/manifests/beside-chart/reconciler-rbac.yaml" in caplog.text


def test_the_reconcilers_manifest_has_a_line_for_each_verb_and_no_more():
    text = (MANIFESTS / "reconciler-rbac.yaml").read_text()
    lines = re.findall(r"^  (?:#)?\s+- (\w+) # ", text, re.MULTILINE)
    assert sorted(lines) == sorted([*LEASE_VERBS, *POD_VERBS])


def refuse_one(plural, missing):
    """Return a check that finds one verb missing."""

    def answer(namespace, verbs, resource):
        return [verb for verb in verbs if (resource.plural, verb) == (plural, missing)]

    return answer


NEEDED = [*(("pods", verb) for verb in START_VERBS), *(("events", verb) for verb in EVENT_VERBS)]


@pytest.mark.parametrize(("plural", "verb"), NEEDED)
def test_a_hub_that_can_not_start_pods_does_not_start(monkeypatch, plural, verb):
    monkeypatch.setattr(access_checks, "check_access", refuse_one(plural, verb))
    spawner = make_spawner()
    spawner.events_enabled = True
    with pytest.raises(ConfigurationError, match=f"may not {verb} {plural} in the namespace"):
        check_start_access(spawner)


def test_without_events_no_right_to_them_is_needed(monkeypatch):
    monkeypatch.setattr(access_checks, "check_access", refuse_one("events", "watch"))
    spawner = make_spawner()
    spawner.events_enabled = False
    check_start_access(spawner)


def test_a_hub_that_can_not_read_logs_starts_and_says_so(monkeypatch, caplog):
    monkeypatch.setattr(access_checks, "check_access", refuse_one("pods/log", "get"))
    spawner = make_spawner()
    spawner.events_enabled = True
    check_start_access(spawner)
    assert "may not get pods/log in the namespace 'users'" in caplog.text
    assert "beside-chart/server-logs-rbac.yaml" in caplog.text
