"""What it means that the API server made no pod."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jhub_gateway.policy.answer_reasons import find_answer_reason
from jhub_gateway.policy.reason_codes import CODES
from tests.unit.reason_cases import ANSWER_CASES
from tests.unit.test_start_reasons import anything


@pytest.mark.parametrize("case", ANSWER_CASES)
def test_each_answer_has_its_code_and_what_may_pass_is_not_final(case):
    reason = case.find()
    assert (reason.code, reason.is_final) == (case.code, case.is_final), reason
    assert str(case.status) in reason.cause or case.status == 0
    # Also as kubernetes_asyncio's ApiException has it.
    assert find_answer_reason(case.status, json.dumps(case.body)) == reason


@pytest.mark.parametrize(
    ("requested", "limited", "words"),
    [
        ("limits.memory=8Gi", "limits.memory=4Gi", "larger than the cluster allows"),
        ("pods=1,limits.memory=8Gi", "pods=9,limits.memory=4Gi", "larger than the cluster allows"),
        ("requests.memory=8589934592", "requests.memory=4Gi", "larger than the cluster allows"),
        ("limits.memory=2Gi", "limits.memory=4Gi", "Choose a smaller size, or try again"),
        ("limits.memory=4Gi", "limits.memory=4Gi", "Choose a smaller size, or try again"),
        ("pods=1", "pods=0", "Choose a smaller size, or try again"),
        ("limits.memory=8Gi", "", "Choose a smaller size, or try again"),
    ],
)
def test_a_size_that_no_quota_will_ever_hold_is_not_worth_trying_again(requested, limited, words):
    message = f"exceeded quota: q, requested: {requested}, used: pods=0, limited: {limited}"
    reason = find_answer_reason(403, {"message": message})
    assert reason.code == "quota"
    assert words in reason.sentence


def test_the_operator_reads_which_rule_it_was():
    message = 'pods "a" is forbidden: exceeded quota: small, requested: pods=1'
    assert "exceeded quota: small" in find_answer_reason(403, {"message": message}).cause


@pytest.mark.parametrize(
    "body", [None, "", "<html>Bad gateway</html>", "[1]", "{", b"\xff", "[" * 9999]
)
def test_what_is_no_status_of_kubernetes_is_judged_by_its_number(body):
    assert find_answer_reason(502, body).code == "api-unavailable"
    assert find_answer_reason(403, body).code == "admission-refused"
    assert find_answer_reason(422, body).code == "misconfigured"


def test_no_manifest_and_no_secret_comes_into_the_log():
    message = (
        'Pod "a" is invalid: spec: Invalid value: core.PodSpec{Env:[]core.EnvVar{core.EnvVar{'
        'Name:"KEY", Value:"hunter2"}}}'
    )
    assert "hunter2" not in find_answer_reason(422, {"message": message}).cause


@given(st.integers(-1, 700), anything | st.text() | st.binary())
def test_no_answer_makes_it_raise(status, body):
    reason = find_answer_reason(status, body)
    assert reason.code in CODES


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_no_message_makes_it_raise(start, requested, limited):
    message = f"{start} exceeded quota: q, requested: {requested}, used: , limited: {limited}"
    assert find_answer_reason(403, {"message": message}).code in {"quota", "api-unavailable"}
