"""A cluster's nodes, less what its own pods take."""

from jhub_gateway.clients.kube_inspection import PodRequests
from jhub_gateway.models import Node
from jhub_gateway.planning.cluster_nodes import group_nodes, sum_system
from jhub_gateway.planning.room import Room

MIB = 1024**2
ALLOCATABLE = {"memory": "15988360Ki", "cpu": "3920m", "pods": "110"}


def make_pod(labels: dict[str, str], *containers: dict[str, str], init=()) -> PodRequests:
    return PodRequests("a", labels, list(containers), list(init))


def test_users_servers_and_placeholders_are_not_the_systems():
    pods = [
        make_pod({}, {"memory": "100Mi", "cpu": "100m"}, {"cpu": "0.1"}),
        make_pod({"component": "hub"}, {"memory": "512Mi"}, init=[{"memory": "1Gi", "cpu": "1m"}]),
        make_pod({"component": "singleuser-server"}, {"memory": "8Gi"}),
        make_pod({"component": "user-placeholder"}, {"memory": "8Gi"}),
    ]
    # An init container runs before the others, so that the larger of both is reserved.
    assert sum_system(pods) == {"a": Room(1124 * MIB, 201, 2)}


def test_nodes_that_differ_by_little_are_of_one_kind():
    less = {**ALLOCATABLE, "memory": "15988300Ki"}
    nodes = [Node(name, {}, (), room) for name, room in [("a", ALLOCATABLE), ("b", less)]]
    (kind,) = group_nodes(nodes, {})
    assert (kind.name, kind.count, kind.free) == ("a", 2, Room(15552 * MIB, 3920, 110))
    alone, other = group_nodes(nodes, {"b": Room(MIB, 10, 1)})
    assert (alone.count, other.free) == (1, Room(15488 * MIB, 3910, 109))


def test_a_node_without_room_for_users_is_none():
    assert group_nodes([Node("a", {}, (), ALLOCATABLE)], {"a": Room(MIB, 3920, 1)}) == ()
