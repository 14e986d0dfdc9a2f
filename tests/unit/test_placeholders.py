"""Values of an example that were left as they were."""

import pytest
from traitlets.config import Config

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.policy.placeholders import check_no_placeholders, find_placeholders


def find(value):
    return [problem.path for problem in find_placeholders(value)]


@pytest.mark.parametrize(
    "text",
    [
        "CHANGE-ME",
        "postgresql://hub:CHANGE-ME@db/hub",
        "https://login.example.org/realms/gateway",
        "http://example.com",
        "HTTPS://Login.EXAMPLE.net:8443?a=b",
        "jupyter.example.org",
        "registry.example.org/jhub-gateway-hub:0.1.0",
        "ada@example.org",
        "https://idp.university.example/shibboleth",
        "db.gateway.invalid:5432",
    ],
)
def test_an_examples_text_is_found(text):
    assert find({"a": [text]}) == [("a", 0)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "change me",
        "https://login.gateway.org/realms/example.org",
        "example.org.gateway.eu",
        "myexample.org",
        "example",
        "As in https://example.org/a, but larger.",
        "/gateway/users",
        "2001:db8::1",
    ],
)
def test_another_text_is_not(text):
    assert find({"a": [text]}) == []


def test_keys_and_sets_are_looked_at_and_numbers_are_not():
    value = {"idps": {"https://a.example": {"n": 1}}, "admin_users": {"b", "CHANGE-ME"}, "x": None}
    assert find(value) == [("idps", "https://a.example"), ("admin_users", 0)]


def test_a_hubs_settings_are_named_and_nothing_secret_is_told():
    config = Config()
    config.GatewayAuthenticator.client_secret = "5eUq CHANGE-ME 2mVY"
    with pytest.raises(ConfigurationError) as raised:
        check_no_placeholders(config)
    assert str(raised.value).startswith("GatewayAuthenticator.client_secret still has the word")
    assert "5eUq" not in str(raised.value)
