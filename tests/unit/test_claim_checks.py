"""Claims that cannot work are found when the hub starts."""

import logging
from types import SimpleNamespace

import pytest

from jhub_gateway.claim_checks import check_claims, find_claim_problems
from jhub_gateway.clients.kube import Claim
from tests.unit.api_server import no_api_server

MANY, ONCE = frozenset({"ReadWriteMany"}), frozenset({"ReadWriteOnce"})
READ = frozenset({"ReadOnlyMany"})


def make_spawner(datasets=()):
    return SimpleNamespace(
        namespace="users",
        shared_claim_name="share",
        datasets=list(datasets),
        log=logging.getLogger("test"),
    )


def find_problems(claims, nodes=3, datasets=()) -> list[str]:
    def read(namespace: str, name: str) -> Claim | None:
        assert namespace == "users"
        return claims.get(name)

    return list(map(str, find_claim_problems(make_spawner(datasets), read, lambda: nodes)))


def test_a_claim_that_all_nodes_can_mount_is_fine():
    assert find_problems({"share": Claim("Bound", MANY)}) == []
    assert find_problems({"share": Claim("Bound", MANY | ONCE)}) == []


def test_a_missing_claim_is_named_with_what_to_do():
    (problem,) = find_problems({})
    assert problem.startswith("GatewaySpawner.shared_claim_name is 'share': there is no such claim")
    assert "'users'" in problem
    assert "helm-values/manifests/beside-chart/shared-claim.yaml" in problem


@pytest.mark.parametrize("phase", ["Pending", "Lost"])
def test_a_claim_that_is_not_bound_is_named_with_what_to_do(phase):
    (problem,) = find_problems({"share": Claim(phase, MANY)})
    assert f"'share': that claim is {phase}, not Bound" in problem
    assert "kubectl describe pvc share" in problem


@pytest.mark.parametrize("modes", [ONCE, frozenset({"ReadWriteOncePod"}), READ, frozenset()])
def test_a_claim_of_one_node_is_refused_where_there_are_several(modes):
    (problem,) = find_problems({"share": Claim("Bound", modes)})
    assert "accessModes: [ReadWriteMany]" in problem


def test_a_claim_of_one_node_is_fine_where_there_is_one(caplog):
    assert find_problems({"share": Claim("Bound", ONCE)}, nodes=1) == []
    assert not caplog.records


def test_a_claim_of_one_node_is_told_of_where_nodes_cannot_be_counted(caplog):
    assert find_problems({"share": Claim("Bound", ONCE)}, nodes=None) == []
    assert "that claim is ReadWriteOnce" in caplog.text


SHARE = {"share": Claim("Bound", MANY)}
SKY = {"name": "sky", "claim": "sky-data"}


@pytest.mark.parametrize("modes", [MANY, READ])
def test_a_datasets_claim_that_all_nodes_can_read_is_fine(modes):
    assert find_problems({**SHARE, "sky-data": Claim("Bound", modes)}, datasets=[SKY]) == []


@pytest.mark.parametrize("claim", [None, Claim("Pending", READ), Claim("Bound", ONCE)])
def test_a_datasets_claim_that_cannot_work_is_named_with_its_dataset(claim):
    (problem,) = find_problems({**SHARE, "sky-data": claim}, datasets=[{"name": "maps"}, SKY])
    assert problem.startswith("datasets: dataset 'sky': claim is 'sky-data': ")


@pytest.mark.parametrize("place", [{}, {"sub_path": "homes"}])
def test_a_dataset_never_shows_the_share_itself(place):
    """Each user's server runs as the same uid, so that it could read every home."""
    dataset = {"name": "sky", "claim": "share", **place}
    (problem,) = find_problems(SHARE, datasets=[dataset])
    assert "dataset 'sky': claim is 'share'" in problem


def test_where_the_api_server_does_not_answer_the_hub_starts_and_says_so(caplog):
    with no_api_server():
        check_claims(make_spawner())
    assert "The claims are not checked: the Kubernetes API answered" in caplog.text
