from tests.second_try import find_failed, is_worth_a_try


def test_a_group_is_no_part_of_a_tests_name():
    failed = find_failed({"tests/faults/test_node.py::test_a[one@two-8]@faults": True})
    assert failed == ["tests/faults/test_node.py::test_a[one@two-8]"]


def test_few_tests_of_browsers_and_faults_get_another_try():
    assert is_worth_a_try(["tests/e2e/test_a.py::test_b", "tests/keycloak/test_c.py::test_d"])


def test_nothing_else_does():
    assert not is_worth_a_try([])
    assert not is_worth_a_try(["tests/unit/test_a.py::test_b"])
    assert not is_worth_a_try(["tests/e2e/test_a.py::test_b", "tests/integration/test_c.py"])
    assert not is_worth_a_try([f"tests/e2e/test_a.py::test_{number}" for number in range(4)])
