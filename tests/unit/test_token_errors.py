"""What an answer of the token endpoint without a token means."""

import json

import pytest
from tornado.httpclient import HTTPRequest, HTTPResponse
from tornado.httputil import HTTPHeaders

from jhub_gateway.clients.oidc import ProviderUnavailable
from jhub_gateway.clients.token_errors import is_temporary, read_error_code, read_token_error
from jhub_gateway.errors import CredentialRefused, CredentialUnavailable, LoginEnded
from tests.unit.credential_helpers import make_failure


def read(status, error):
    return read_token_error(status, make_failure(status, error).response)


@pytest.mark.parametrize("code", ["invalid_grant", "bad_refresh_token"])
def test_only_these_end_a_login(code):
    assert isinstance(read(400, {"error": code}), LoginEnded)
    # GitHub answers 200.
    assert isinstance(read_token_error(200, {"error": code}), LoginEnded)


LATER = [
    (400, "<html>"),
    (400, ""),
    (400, {}),
    (400, []),
    (400, {"error": ["invalid_grant"]}),
    (400, {"error": "invalid\ngrant"}),
    (400, {"error": "slow_down"}),
    (400, {"error": "temporarily_unavailable"}),
    (400, {"error": "server_error"}),
    (404, "no such page"),
    (408, {"error": "invalid_request"}),
    (429, {"error": "invalid_client"}),
    (400, "[" * 100_000),
]


@pytest.mark.parametrize(("status", "error"), LATER, ids=lambda value: str(value)[:30])
def test_these_are_tried_again(status, error):
    problem = read(status, error)
    assert isinstance(problem, ProviderUnavailable)
    assert isinstance(problem, CredentialUnavailable)
    assert "\n" not in str(problem)


@pytest.mark.parametrize(
    "code", ["invalid_client", "unauthorized_client", "access_denied", "x" * 9999]
)
def test_a_refusal_has_a_sentence_for_the_user_and_the_cause_for_the_log(code):
    problem = read(401, {"error": code})
    assert isinstance(problem, CredentialRefused)
    assert code not in str(problem)
    assert f"401 {code[:100]}" in str(problem.__cause__)
    assert len(str(problem.__cause__)) < 200


@pytest.mark.parametrize("code", ["invalid_grant", "invalid_client", "slow_down"])
def test_nothing_else_of_the_answer_is_told(code):
    problem = read(400, {"error": code, "error_description": "sesame", "refresh_token": "sesame"})
    assert "sesame" not in f"{problem} {problem.__cause__}"


@pytest.mark.parametrize("answer", [None, [], "invalid_grant", 7, {"error": None}])
def test_no_code(answer):
    assert read_error_code(answer) is None
    assert isinstance(read_token_error(200, answer), ProviderUnavailable)


def test_code():
    assert read_error_code(json.loads('{"error": "invalid_scope"}')) == "invalid_scope"


@pytest.mark.parametrize(
    ("code", "headers", "temporary"),
    [
        (500, {}, True),
        (503, {}, True),
        (429, {}, True),
        (408, {}, True),
        (403, {"Retry-After": "60"}, True),
        (403, {"X-RateLimit-Remaining": "0"}, True),
        (403, {"X-RateLimit-Remaining": "7"}, False),
        (404, {}, False),
        (302, {}, False),
    ],
)
def test_what_says_to_try_later(code, headers, temporary):
    answer = HTTPResponse(HTTPRequest("https://api.example.org"), code, HTTPHeaders(headers))
    assert is_temporary(answer) is temporary
