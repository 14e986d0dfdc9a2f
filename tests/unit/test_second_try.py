from tests.second_try import find_failed, is_worth_a_try


def test_a_group_is_no_part_of_a_tests_name():
    failed = find_failed({"tests/faults/test_node.py::test_a[one@two-8]@faults": True})
    assert failed == ["tests/faults/test_node.py::test_a[one@two-8]"]


def test_few_tests_get_another_try():
    failed = [f"tests/e2e/test_a.py::test_{number}" for number in range(4)]
    assert is_worth_a_try(failed[:1])
    assert is_worth_a_try(failed[:3])
    assert not is_worth_a_try(failed)
    assert not is_worth_a_try([])
