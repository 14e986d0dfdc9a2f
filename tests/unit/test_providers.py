"""Five providers by OAuthenticator's own classes, each a gateway's login."""

import base64
import time
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
from tornado import web
from tornado.httpclient import HTTPClientError

from jhub_gateway.authenticator import GatewayAuthenticator
from jhub_gateway.clients.oidc import ProviderUnavailable
from jhub_gateway.errors import ConfigurationError, CredentialRefused, LoginEnded, LoginRefused
from jhub_gateway.login.sessions import sync_account
from jhub_gateway.providers import (
    CILogonGatewayAuthenticator,
    GitHubGatewayAuthenticator,
    GlobusGatewayAuthenticator,
    GoogleGatewayAuthenticator,
    KeycloakGatewayAuthenticator,
)
from tests.unit.credential_helpers import (
    CLIENT_ID,
    CLIENT_SECRET,
    DOCUMENT,
    ENDED,
    ISSUER,
    Hub,
    Provider,
    make_due_state,
    make_failure,
    make_login,
    make_state,
    use_key,
)
from tests.unit.login_pages import serve_pages

IDP = "https://idp.university.example/shibboleth"
IDPS = {
    IDP: {
        "username_derivation": {
            "username_claim": "email",
            "action": "strip_idp_domain",
            "domain": "university.example",
        },
        "allow_all": True,
    }
}
SETTINGS = {
    GatewayAuthenticator: {},
    KeycloakGatewayAuthenticator: {},
    CILogonGatewayAuthenticator: {"idps": IDPS},
    GlobusGatewayAuthenticator: {},
    GoogleGatewayAuthenticator: {},
    GitHubGatewayAuthenticator: {},
}
CLAIMS = {
    GatewayAuthenticator: {"preferred_username": "ada", "groups": ["staff"]},
    KeycloakGatewayAuthenticator: {"preferred_username": "ada", "groups": ["staff"]},
    CILogonGatewayAuthenticator: {"email": "ada@university.example", "idp": IDP},
    GlobusGatewayAuthenticator: {"preferred_username": "ada@university.example"},
    GoogleGatewayAuthenticator: {"email": "ada@university.example", "email_verified": True},
    GitHubGatewayAuthenticator: {"login": "ada", "id": 7, "email": None},
}
NAMES = {GoogleGatewayAuthenticator: "ada@university.example"}
ISSUERS = {
    CILogonGatewayAuthenticator: "https://cilogon.org",
    GlobusGatewayAuthenticator: "https://auth.globus.org",
    GoogleGatewayAuthenticator: "https://accounts.google.com",
    GitHubGatewayAuthenticator: "https://github.com",
}
CLASSES = list(SETTINGS)
OPEN_ID = [cls for cls in CLASSES if cls is not GitHubGatewayAuthenticator]
GLOBUS_GROUPS = {"resource_server": "groups.api.globus.org", "access_token": "groups-0"}
SECRET = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}


def make(cls, provider=None, **settings):
    return make_login(provider or Provider(), cls, **SETTINGS[cls], **settings)


def make_provider(cls, **changes):
    """Return a provider whose every address is one of DOCUMENT's, with its user's claims."""
    provider = Provider()
    claims = {"sub": "7", **CLAIMS[cls], **changes}
    claims = {name: value for name, value in claims.items() if value != "missing"}
    provider.answers |= {"userinfo": claims, "my_groups": [{"id": "staff"}]}
    return provider


def at_one_address(cls, provider, **settings):
    """Return a login that asks the addresses of DOCUMENT, whatever the provider's own are."""
    own = {"issuer": ISSUER} if cls in OPEN_ID else {}
    return make(
        cls,
        provider,
        **own,
        token_url=DOCUMENT["token_endpoint"],
        userdata_url=DOCUMENT["userinfo_endpoint"],
        **settings,
    )


async def log_in(login, token=None):
    """Return what a login leads to, from the token on."""
    info = {
        "access_token": "access-0",
        "token_type": "Bearer",
        "refresh_token": "refresh-0",
        "other_tokens": [GLOBUS_GROUPS],
        "requested_at": time.time(),
        **(token or {}),
    }

    async def get_token_info(_handler, _params):
        return info

    login.get_token_info = get_token_info
    login.build_access_tokens_request_params = lambda _handler, _data: {}
    return await login.get_authenticated_user(SimpleNamespace(find_user=lambda _name: None), None)


async def find_refusal(login):
    """Return why nobody is logged in; whatever else is raised fails the test."""
    try:
        return None if await log_in(login) else "may not"
    except (LoginRefused, web.HTTPError) as refusal:
        return refusal


@pytest.fixture(autouse=True)
def key():
    use_key()


def make_app():
    from traitlets.config import Config

    return SimpleNamespace(cookie_secret=bytes(range(32)), config=Config(), db_url="sqlite://")


# Settings


@pytest.mark.parametrize("cls", CLASSES)
def test_plausible_settings_start_the_hub(cls):
    own = SECRET | ({} if cls in ISSUERS else {"issuer": ISSUER})
    cls(allow_all=True, **SETTINGS[cls], **own).check_at_start(make_app())


@pytest.mark.parametrize("cls", CLASSES)
def test_a_missing_secret_stops_the_hub_by_the_class_own_name(cls):
    with pytest.raises(ConfigurationError, match=f"{cls.__name__}.client_secret"):
        make(cls, client_secret="").check_at_start(make_app())


@pytest.mark.parametrize("cls", ISSUERS)
def test_the_issuer_is_known(cls):
    assert cls(**SECRET, **SETTINGS[cls]).identity_issuer == ISSUERS[cls]


def test_cilogons_test_server_is_another_issuer():
    login = CILogonGatewayAuthenticator(cilogon_host="test.cilogon.org", idps=IDPS)
    assert login.issuer == "https://test.cilogon.org"


@pytest.mark.parametrize("cls", CLASSES)
def test_nobody_is_let_in_by_default(cls):
    own = SECRET | ({} if cls in ISSUERS else {"issuer": ISSUER})
    login = cls(**SETTINGS[cls], **own)
    assert login.enable_auth_state
    assert login.auth_refresh_age == 0
    with pytest.raises(ConfigurationError, match="nobody may log in"):
        login.check_at_start(make_app())


@pytest.mark.parametrize("cls", [GoogleGatewayAuthenticator, GlobusGatewayAuthenticator])
def test_a_refresh_token_is_asked_for(cls):
    assert cls().extra_authorize_params["access_type"] == "offline"


@pytest.mark.parametrize("cls", OPEN_ID)
def test_openid_is_asked_for(cls):
    assert "openid" in make(cls).scope


async def test_cilogon_is_asked_for_its_identity_providers_and_a_nonce(tmp_path):
    cls = CILogonGatewayAuthenticator
    login = at_one_address(cls, make_provider(cls), oauth_callback_url="https://hub/hub/cb")
    async with serve_pages(Hub(f"sqlite:///{tmp_path}/hub.sqlite"), login) as pages:
        answer = await pages.open().get("/hub/oauth_login")
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert query["selected_idp"] == [IDP]
    assert len(query["nonce"][0]) == 64


# A login


@pytest.mark.parametrize("cls", CLASSES)
async def test_a_login(cls):
    model = await log_in(at_one_address(cls, make_provider(cls)))
    state = model["auth_state"]
    assert model["name"] == NAMES.get(cls, "ada")
    assert state["subject"] == "7"
    assert (state["access_token"], state["refresh_token"]) == ("access-0", "refresh-0")
    assert state["ended"] is None


HOSTILE = [
    "missing",
    None,
    "",
    [],
    ["ada@university.example"],
    {},
    7,
    True,
    "ada\nroot",
    "a/b",
    "..",
]
NAME_CLAIMS = {
    GatewayAuthenticator: "preferred_username",
    KeycloakGatewayAuthenticator: "preferred_username",
    CILogonGatewayAuthenticator: "email",
    GlobusGatewayAuthenticator: "preferred_username",
    GoogleGatewayAuthenticator: "email",
    GitHubGatewayAuthenticator: "login",
}


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("value", HOSTILE, ids=repr)
async def test_a_hostile_name_is_refused(cls, value):
    provider = make_provider(cls, **{NAME_CLAIMS[cls]: value})
    assert await find_refusal(at_one_address(cls, provider))


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("value", ["missing", None, "", [], 0, True, 7.5], ids=repr)
async def test_a_hostile_identity_is_refused(cls, value):
    claim = "id" if cls is GitHubGatewayAuthenticator else "sub"
    provider = make_provider(cls, **{claim: value})
    assert await find_refusal(at_one_address(cls, provider))


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("user_info", [None, [], "ada", 7], ids=repr)
async def test_userinfo_that_is_no_mapping_is_refused(cls, user_info):
    provider = make_provider(cls)
    provider.answers["userinfo"] = user_info
    assert await find_refusal(at_one_address(cls, provider))


@pytest.mark.parametrize("idp", ["missing", None, "https://other.example", [], {}, 7])
async def test_cilogons_identity_providers_are_those_that_were_chosen(idp):
    provider = make_provider(CILogonGatewayAuthenticator, idp=idp)
    assert await find_refusal(at_one_address(CILogonGatewayAuthenticator, provider))


async def test_google_without_a_verified_address():
    for value in (False, "missing", "false", None):
        provider = make_provider(GoogleGatewayAuthenticator, email_verified=value)
        known = {"allow_all": False, "allowed_users": {"ada@university.example"}}
        assert await find_refusal(at_one_address(GoogleGatewayAuthenticator, provider, **known))


async def test_who_may_log_in_may_stay(tmp_path):
    """OAuthenticator looks at Google's address only where not everybody is let in."""
    cls, hub = GoogleGatewayAuthenticator, Hub(f"sqlite:///{tmp_path}/hub.sqlite")
    login = at_one_address(cls, make_provider(cls, email_verified=False))
    model = await log_in(login)
    user = hub.find_user(model["name"])
    assert await login.update_account(user, model["auth_state"])


async def test_githubs_email_that_it_does_not_send_is_a_refusal_or_none():
    provider = make_provider(GitHubGatewayAuthenticator, email="missing")
    refusal = await find_refusal(at_one_address(GitHubGatewayAuthenticator, provider))
    assert refusal is None or isinstance(refusal, LoginRefused)


async def test_githubs_identity_outlives_a_rename():
    states = []
    for name in ("ada", "lovelace"):
        provider = make_provider(GitHubGatewayAuthenticator, login=name)
        model = await log_in(at_one_address(GitHubGatewayAuthenticator, provider))
        assert model["name"] == name
        states.append(model["auth_state"])
    assert states[0]["subject"] == states[1]["subject"] == "7"


def test_githubs_teams():
    login = make(GitHubGatewayAuthenticator)
    teams = [{"slug": "core", "organization": {"login": "science"}}]
    assert login._read_groups({"teams": teams}) == {"science:core"}
    assert login._read_groups({}) == set()


async def test_globus_without_a_token_for_groups():
    login = at_one_address(GlobusGatewayAuthenticator, make_provider(GlobusGatewayAuthenticator))
    with pytest.raises(LoginRefused):
        await log_in(login, {"other_tokens": []})
    with pytest.raises(LoginRefused):
        await log_in(login, {"other_tokens": None})


async def test_globus_puts_nothing_into_the_environment(tmp_path):
    hub = Hub(f"sqlite:///{tmp_path}/hub.sqlite")
    user = hub.find_user()
    await user.save_auth_state(make_state())
    login = at_one_address(GlobusGatewayAuthenticator, make_provider(GlobusGatewayAuthenticator))
    spawner = SimpleNamespace(environment={})
    await login.pre_spawn_start(user, spawner)
    assert spawner.environment == {}


# While servers run


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("basic_auth", [True, False])
async def test_a_refresh_is_the_same_for_all(cls, basic_auth):
    provider = make_provider(cls)
    login = at_one_address(cls, provider, basic_auth=basic_auth)
    state = await login.refresh_login(make_due_state())
    assert (state["access_token"], state["refresh_token"]) == ("access-1", "refresh-1")
    request = next(each for each in provider.requests if each.url == DOCUMENT["token_endpoint"])
    sent = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
    client = {} if basic_auth else SECRET
    assert sent == {"grant_type": "refresh_token", "refresh_token": "refresh-0", **client}
    header = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    assert request.headers.get("Authorization") == (f"Basic {header}" if basic_auth else None)


@pytest.mark.parametrize("cls", CLASSES)
async def test_an_end_is_the_same_for_all(cls):
    provider = make_provider(cls)
    provider.trouble = ENDED
    state = await at_one_address(cls, provider).refresh_login(make_due_state())
    assert "invalid_grant" in state["ended"]


@pytest.mark.parametrize("cls", CLASSES)
async def test_errors_of_a_token_request(cls):
    provider = make_provider(cls)
    login = at_one_address(cls, provider)
    provider.trouble = ENDED
    with pytest.raises(LoginEnded):
        await login.request_token({"grant_type": "refresh_token", "refresh_token": "x"})
    provider.trouble = make_failure(400, {"error": "unauthorized_client"})
    with pytest.raises(CredentialRefused):
        await login.request_token({"grant_type": "refresh_token", "refresh_token": "x"})


@pytest.mark.parametrize("cls", CLASSES)
async def test_the_account_of_today(cls, tmp_path):
    hub = Hub(f"sqlite:///{tmp_path}/hub.sqlite")
    provider = make_provider(cls)
    login = at_one_address(cls, provider)
    model = await log_in(login)
    user = hub.find_user(model["name"])
    assert await login.update_account(user, model["auth_state"])
    has_groups = "groups" in CLAIMS[cls] or cls is GlobusGatewayAuthenticator
    expected = ["staff"] if has_groups else []
    assert [group.name for group in user.groups] == expected
    login.blocked_users = {user.name}
    assert not await login.update_account(user, model["auth_state"])


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("value", ["missing", ["ada"], "ada\nroot"], ids=repr)
async def test_a_hostile_account_is_kept_as_it_was(cls, value, tmp_path):
    hub = Hub(f"sqlite:///{tmp_path}/hub.sqlite")
    model = await log_in(at_one_address(cls, make_provider(cls)))
    user = hub.find_user(model["name"])
    sync_account(user, {"groups": ["before"]})
    cookie = user.cookie_id
    login = at_one_address(cls, make_provider(cls, **{NAME_CLAIMS[cls]: value}))
    with pytest.raises(LoginRefused):
        await login.update_account(user, model["auth_state"])
    assert [group.name for group in user.groups] == ["before"]
    assert user.cookie_id == cookie


async def test_an_identity_provider_that_is_chosen_no_more_ends_the_sessions(tmp_path):
    hub, cls = Hub(f"sqlite:///{tmp_path}/hub.sqlite"), CILogonGatewayAuthenticator
    model = await log_in(at_one_address(cls, make_provider(cls)))
    user = hub.find_user("ada")
    cookie = user.cookie_id
    login = at_one_address(cls, make_provider(cls, idp="https://other.example"))
    assert not await login.update_account(user, model["auth_state"])
    assert user.cookie_id != cookie


# The provider takes a token back


@pytest.mark.parametrize("cls", [one for one in OPEN_ID if one is not KeycloakGatewayAuthenticator])
async def test_a_token_is_taken_back(cls):
    provider = make_provider(cls)
    await at_one_address(cls, provider).revoke_token("secret")
    assert b"token=secret" in provider.requests[-1].body


@pytest.mark.parametrize("cls", [GitHubGatewayAuthenticator, KeycloakGatewayAuthenticator])
async def test_a_provider_that_takes_nothing_back(cls):
    provider = make_provider(cls)
    await at_one_address(cls, provider).revoke_token("secret")
    assert provider.requests == []


@pytest.mark.parametrize("cls", CLASSES)
async def test_no_secret_follows_a_redirect(cls):
    provider = make_provider(cls)
    login = at_one_address(cls, provider)
    await log_in(login)
    await login.refresh_login(make_due_state())
    await login.revoke_token("secret")
    secret = [one for one in provider.requests if one.method == "POST"]
    secret += [one for one in provider.requests if one.url == login.userdata_url]
    assert len(secret) >= 2
    assert {one.follow_redirects for one in secret} == {False}


async def test_what_the_provider_answers_is_in_no_log(caplog):
    provider = Provider()
    provider.trouble = make_failure(400, {"error": "invalid_grant", "error_description": "sesame"})
    with pytest.raises(LoginEnded):
        await make_login(provider).request_token({"refresh_token": "x"})
    assert "400 invalid_grant" in caplog.text
    assert "sesame" not in caplog.text
    provider.answers["userinfo"] = make_failure(401, "sesame")
    with pytest.raises(HTTPClientError):
        await make_login(provider).httpfetch(DOCUMENT["userinfo_endpoint"] + "?secret=sesame")
    assert "sesame" not in caplog.text


async def test_a_system_that_is_down_puts_nobody_out(tmp_path):
    cls, hub = GitHubGatewayAuthenticator, Hub(f"sqlite:///{tmp_path}/hub.sqlite")
    provider = make_provider(cls)
    login = at_one_address(cls, provider, allow_all=True)
    model = await log_in(login)
    user = hub.find_user(model["name"])
    cookie = user.cookie_id
    login.allow_all, login.allowed_organizations = False, {"science"}
    provider.answers[user.name] = make_failure(502, {})
    with pytest.raises(ProviderUnavailable):
        await login.update_account(user, model["auth_state"])
    assert user.cookie_id == cookie


async def test_a_token_in_an_address_is_in_no_error():
    provider = make_provider(KeycloakGatewayAuthenticator)
    login = at_one_address(
        KeycloakGatewayAuthenticator, provider, userdata_token_method="url", allow_all=True
    )
    await login.discover()
    provider.answers["userinfo"] = HTTPClientError(503)
    with pytest.raises(ProviderUnavailable) as error:
        await login.token_to_user({"access_token": "sesame", "token_type": "Bearer"})
    assert "sesame" not in str(error.value)


@pytest.mark.parametrize("cls", OPEN_ID)
async def test_userinfo_from_the_id_token_of_a_class_with_an_address_for_it(cls):
    login = make(cls, make_provider(cls), issuer=ISSUER, userdata_from_id_token=True)
    assert (await login.discover()).token_endpoint == DOCUMENT["token_endpoint"]
