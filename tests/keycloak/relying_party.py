"""What a hub and a user's browser send to Keycloak, each request by hand."""

import base64
import hashlib
import html
import re
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import requests

from tests.fixtures.keycloak.keycloak import Keycloak

CALLBACK = "http://127.0.0.1:43210/hub/oauth_callback"
AFTER_LOGOUT = "http://127.0.0.1:43210/hub/login"
SCOPE = "openid profile email groups"
TIMEOUT = 30
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


class Browser(requests.Session):
    """A browser with its own cookies. As Chromium does it trusts 127.0.0.1 without TLS."""

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send a request, and keep the answer's cookies for http, too."""
        answer = super().send(request, **options)
        for cookie in self.cookies:
            cookie.secure = False
        return answer


@dataclass
class Login:
    """A user's tokens, and the browser in which the login was."""

    browser: Browser
    access_token: str
    refresh_token: str
    id_token: str


class RelyingParty:
    """The client that the hub is, at one realm."""

    def __init__(self, keycloak: Keycloak) -> None:
        self.keycloak = keycloak
        found = _get(f"{keycloak.issuer}/.well-known/openid-configuration")
        self.endpoints: dict[str, Any] = found.json()

    def login(self, username: str, scope: str = SCOPE) -> Login:
        """The code flow with PKCE, from a new browser to tokens."""
        verifier = secrets.token_urlsafe(48)
        browser = Browser()
        answer = self.sign_in(browser, username, scope, make_challenge(verifier))
        code = parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
        answer = self.post_token(
            grant_type="authorization_code",
            code=code,
            code_verifier=verifier,
            redirect_uri=CALLBACK,
        )
        assert answer.ok, answer.text
        tokens = answer.json()
        names = ("access_token", "refresh_token", "id_token")
        return Login(browser, *(tokens[name] for name in names))

    def sign_in(
        self, browser: Browser, username: str, scope: str, challenge: str
    ) -> requests.Response:
        """Keycloak's answer to its own form, filled in with the account's password."""
        form = self.authorize(browser, scope, challenge)
        address = re.search(r'action="([^"]+)"', form.text)
        assert address is not None, form.text
        password = self.keycloak.accounts[username].password
        return browser.post(
            html.unescape(address[1]),
            data={"username": username, "password": password},
            allow_redirects=False,
            timeout=TIMEOUT,
        )

    def authorize(self, browser: Browser, scope: str, challenge: str) -> requests.Response:
        """Keycloak's answer to a browser that a hub has sent; without PKCE for no challenge."""
        query = {
            "response_type": "code",
            "client_id": self.keycloak.client_id,
            "redirect_uri": CALLBACK,
            "scope": scope,
            "nonce": secrets.token_urlsafe(),
        }
        if challenge:
            query |= {"code_challenge": challenge, "code_challenge_method": "S256"}
        return browser.get(
            self.endpoints["authorization_endpoint"],
            params=query,
            allow_redirects=False,
            timeout=TIMEOUT,
        )

    def refresh(self, refresh_token: str) -> requests.Response:
        """Use a refresh token."""
        return self.post_token(grant_type="refresh_token", refresh_token=refresh_token)

    def exchange(self, access_token: str, audience: str, **more: str) -> requests.Response:
        """Exchange the login's token for another audience's (RFC 8693)."""
        return self.post_token(
            grant_type=_EXCHANGE,
            subject_token=access_token,
            subject_token_type=_ACCESS_TOKEN,
            audience=audience,
            **more,
        )

    def revoke(self, token: str) -> requests.Response:
        """Give a token back (RFC 7009)."""
        return self._post("revocation_endpoint", {"token": token})

    def post_token(self, **form: str) -> requests.Response:
        """Call the token endpoint as the client."""
        return self._post("token_endpoint", form)

    def _post(self, endpoint: str, form: dict[str, str]) -> requests.Response:
        return requests.post(
            self.endpoints[endpoint],
            data=form,
            auth=(self.keycloak.client_id, self.keycloak.client_secret),
            timeout=TIMEOUT,
        )

    def get_userinfo(self, access_token: str) -> requests.Response:
        """Ask for the claims of a user."""
        return _get(
            self.endpoints["userinfo_endpoint"],
            headers={"Authorization": f"Bearer {access_token}"},
        )

    def introspect(self, access_token: str) -> dict[str, Any]:
        """What a service is told that asks about a token (RFC 7662)."""
        answer = requests.post(
            self.endpoints["introspection_endpoint"],
            data={"token": access_token},
            auth=(self.keycloak.service_id, self.keycloak.service_secret),
            timeout=TIMEOUT,
        )
        answer.raise_for_status()
        return answer.json()

    def log_out(self, login: Login) -> requests.Response:
        """Send the browser to Keycloak to end its login there (RP-initiated logout)."""
        return login.browser.get(
            self.endpoints["end_session_endpoint"],
            params={"id_token_hint": login.id_token, "post_logout_redirect_uri": AFTER_LOGOUT},
            allow_redirects=False,
            timeout=TIMEOUT,
        )

    def get_keys(self) -> dict[str, Any]:
        """The public keys for signatures, by key id."""
        keys = jwt.PyJWKSet.from_dict(_get(self.endpoints["jwks_uri"]).json()).keys
        return {key.key_id: key for key in keys if key.public_key_use == "sig"}

    def verify(self, token: str, audience: str) -> dict[str, Any]:
        """The claims of a token that was signed for `audience`."""
        key = self.get_keys()[jwt.get_unverified_header(token)["kid"]]
        return jwt.decode(
            token, key, algorithms=["RS256"], audience=audience, issuer=self.keycloak.issuer
        )


def make_challenge(verifier: str) -> str:
    """The S256 challenge of PKCE."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _get(address: str, **more: Any) -> requests.Response:
    return requests.get(address, timeout=TIMEOUT, **more)
