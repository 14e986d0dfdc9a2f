"""A label that no node has is told when the hub starts, and stops nothing."""

import logging
from types import SimpleNamespace

import pytest

from jhub_gateway.clients.kube import KubeUnavailable
from jhub_gateway.models import Node
from jhub_gateway.node_checks import check_node_labels, find_unknown_labels
from jhub_gateway.policy.profiles import parse_profiles

FLAVOUR = "node.kubernetes.io/instance-type"
NODES = [
    Node("a", {FLAVOUR: "m3.large", "zone": "one"}, (), {}),
    Node("b", {FLAVOUR: "g3.large"}, (), {}),
]


def make_spawner(selector=None, **settings):
    entry = {"slug": "gpu", "display_name": "GPU", "memory": "2G"}
    profiles = parse_profiles([entry | ({"node_selector": selector} if selector else {})])
    log = logging.getLogger("test")
    return SimpleNamespace(profiles=profiles, log=log, node_selector={}, **settings)


@pytest.mark.parametrize("selector", [None, {FLAVOUR: "g3.large"}, {FLAVOUR: "m3.large"}])
def test_labels_that_nodes_have_are_fine(selector):
    assert list(find_unknown_labels(make_spawner(selector), NODES)) == []


@pytest.mark.parametrize(
    "selector", [{FLAVOUR: "g3.lage"}, {"node.kubernetes.io/instance-typ": "g3.large"}]
)
def test_a_misspelt_label_or_value_is_told_with_what_was_meant(selector, caplog):
    check_node_labels(make_spawner(selector), lambda: NODES)
    (key, value), *_ = selector.items()
    assert f"profile 'gpu': node_selector: no node of the cluster has the label {key}={value}" in (
        caplog.text
    )
    assert f"(did you mean '{FLAVOUR}=g3.large'?)" in caplog.text
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_what_the_hub_sets_for_all_servers_is_looked_at_too():
    spawner = make_spawner()
    spawner.node_selector = {"pool": "users"}
    (sentence,) = find_unknown_labels(spawner, NODES)
    assert "pool=users. Its servers" in sentence


def test_a_profile_for_any_node_asks_for_no_nodes():
    check_node_labels(make_spawner(), lambda: pytest.fail("asked"))


def test_a_hub_that_may_not_see_nodes_starts_and_says_so_where_one_looks_for_it(caplog):
    def refuse():
        raise KubeUnavailable("403 Forbidden")

    caplog.set_level("INFO")
    check_node_labels(make_spawner({"pool": "users"}), refuse)
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert "403" in caplog.text
