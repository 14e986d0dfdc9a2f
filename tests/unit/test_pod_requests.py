"""What a pod reserves of its node."""

import pytest

from jhub_gateway.policy.pod_requests import count_fits, read_amounts, subtract, sum_requests

MIB, GIB = 1024**2, 1024**3


def make_container(restart=None, **requests):
    container = {"name": "c", "resources": {"requests": requests}}
    return container | ({"restartPolicy": restart} if restart else {})


@pytest.mark.parametrize(
    ("spec", "reserved"),
    [
        ({}, {}),
        ({"containers": [{"name": "best-effort"}]}, {}),
        (
            {"containers": [make_container(memory="1Gi", cpu="250m"), make_container(cpu="1")]},
            {"memory": GIB, "cpu": 1250},
        ),
        (
            {"containers": [make_container(**{"nvidia.com/gpu": "2", "memory": "1e3"})]},
            {"nvidia.com/gpu": 2, "memory": 1000},
        ),
        # What runs before takes its room for a while: the larger of both is kept.
        (
            {
                "initContainers": [make_container(memory="2Gi"), make_container(cpu="10m")],
                "containers": [make_container(memory="1Gi", cpu="1m")],
            },
            {"memory": 2 * GIB, "cpu": 10},
        ),
        # One that keeps running is beside all that come after it.
        (
            {
                "initContainers": [
                    make_container(memory="4Gi"),
                    make_container("Always", memory="1Gi"),
                    make_container(memory="2Gi"),
                ],
                "containers": [make_container(memory="3Gi")],
            },
            {"memory": 4 * GIB},
        ),
        (
            {
                "initContainers": [make_container("Always", memory="1Gi")],
                "containers": [make_container(memory="3Gi")],
                "overhead": {"memory": "10Mi"},
            },
            {"memory": 4 * GIB + 10 * MIB},
        ),
        # What is said of the pod as a whole holds.
        (
            {
                "containers": [make_container(memory="1Gi", cpu="1")],
                "resources": {"requests": {"memory": "8Gi"}},
            },
            {"memory": 8 * GIB, "cpu": 1000},
        ),
        ({"containers": [make_container(memory="a lot")]}, {"memory": 0}),
        ({"containers": "none"}, {}),
    ],
)
def test_a_pod_reserves_what_the_scheduler_counts(spec, reserved):
    assert sum_requests(spec) == {**reserved, "pods": 1}


def test_a_part_of_a_unit_counts_as_a_whole_one():
    assert read_amounts({"cpu": "0.1m", "memory": "0.5", "pods": "110"}) == {
        "cpu": 1,
        "memory": 1,
        "pods": 110,
    }


def test_so_many_fit_as_the_scarcest_amount_allows():
    left = read_amounts({"cpu": "4", "memory": "16Gi", "pods": "110"})
    pod = {"cpu": 500, "memory": 3 * GIB, "pods": 1}
    assert count_fits(left, pod) == 5
    subtract(left, pod, 5)
    assert count_fits(left, pod) == 0
    assert count_fits(left, {"memory": GIB, "cpu": 0}) == 1
    assert count_fits(left, {"nvidia.com/gpu": 1, "pods": 1}) == 0
    subtract(left, pod, 5)
    assert count_fits(left, {"memory": GIB}) == 0
