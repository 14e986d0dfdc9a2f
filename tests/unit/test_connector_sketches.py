"""Whether the interface of connectors holds for the systems that are to come."""

import json

import pytest

from jhub_gateway.connectors import make_connectors
from jhub_gateway.errors import CredentialRefused
from jhub_gateway.models import Credential, Login
from jhub_gateway.policy.credentials import end_faulty, parse_credentials
from tests.unit.connector_sketches import GA4GH, Arvados, Dataverse, Jatos

LOGIN = Login("ada", "https://login.example", "s-1", frozenset(), access_token="secret-login")


class System:
    """Answers by method and address, and remembers what it was asked."""

    def __init__(self, **answers):
        self.answers = {key.replace("_", " ", 1): answer for key, answer in answers.items()}
        self.asked = []

    async def httpfetch(self, url, method="GET", headers=(), body=None):
        self.asked.append((method, url, dict(headers), json.loads(body or "null")))
        answer = self.answers[method]
        return answer.pop(0) if isinstance(answer, list) else answer


def check_sound(name, issued):
    assert end_faulty([Credential(name, "theirs", issued=issued)])[1] == []
    assert "secret" not in repr(issued)
    # Handles are kept as JSON.
    assert json.loads(json.dumps(dict(issued.handle))) == issued.handle


@pytest.fixture
def jatos(tmp_path):
    (tmp_path / "admin").write_text("jap_secret-admin\n")
    settings = {"url": "https://jatos.example", "admin_token_file": str(tmp_path / "admin")}
    return Jatos.make("jatos", "", settings)


async def test_jatos_makes_renews_and_deletes_a_users_token(jatos):
    system = System(
        GET={"data": [{"id": 3, "username": "s-0"}, {"id": 7, "username": "s-1"}]},
        POST=[
            {"data": {"id": 21, "token": "jap_secret-1", "expirationDate": "2026-12-21T20:00:00Z"}},
            {"data": {"id": 22, "token": "jap_secret-2", "expirationDate": None}},
            {"data": {"id": 23, "token": "jap_secret-3"}},
        ],
        DELETE=None,
    )
    first = await jatos.issue(LOGIN, system)
    assert (first.files, first.token) == ({"jatos": b"jap_secret-1"}, "jatos")
    assert first.expires_at == 1797883200
    check_sound("jatos", first)
    assert system.asked[1][:2] == ("POST", "https://jatos.example/jatos/api/v1/users/7/tokens")
    assert system.asked[1][2]["Authorization"] == "Bearer jap_secret-admin"

    second = await jatos.renew(LOGIN, system, first)
    assert "DELETE" not in [method for method, *_ in system.asked]
    third = await jatos.renew(LOGIN, system, second)
    await jatos.revoke(system, third)
    deleted = [url.rpartition("/")[2] for method, url, *_ in system.asked if method == "DELETE"]
    assert deleted == ["21", "23", "22"]


async def test_jatos_tells_a_stranger_what_to_do(jatos):
    with pytest.raises(CredentialRefused, match=r"^Log in at https://jatos\.example once, then"):
        await jatos.issue(LOGIN, System(GET={"data": []}))


async def test_arvados_clusters_have_a_file_each():
    shared = {"lifetime_seconds": 3600}
    pirca, dstcl = (
        Arvados.make("pirca", "", {**shared, "api_host": "pirca.example"}),
        Arvados.make("dstcl", "", {**shared, "api_host": "dstcl.example", "file": "dstcl.conf"}),
    )
    system = System(POST={"uuid": "zzzzz-gj3su-1", "api_token": "secret-1"}, DELETE={})
    issued = await pirca.issue(LOGIN, system)
    token = "v2/zzzzz-gj3su-1/secret-1"
    written = f"ARVADOS_API_HOST=pirca.example\nARVADOS_API_TOKEN={token}\n"
    assert issued.files == {"settings.conf": written.encode()}
    assert list((await dstcl.issue(LOGIN, system)).files) == ["dstcl.conf"]
    check_sound("pirca", issued)
    await pirca.revoke(system, issued)
    method, url, headers, _ = system.asked[-1]
    assert (method, headers["Authorization"]) == ("DELETE", f"Bearer {token}")
    assert url.endswith("/arvados/v1/api_client_authorizations/zzzzz-gj3su-1")


async def test_dataverse_has_one_token_a_user():
    key = "a3d27fc6-5000-49d4-ac94-ff4cbeef0e50"
    message = f"New token for ada is {key} and expires on 2027-11-21 20:00:00.443"
    system = System(POST={"status": "OK", "data": {"message": message}}, DELETE={"status": "OK"})
    dataverse = Dataverse.make("dataverse", "", {"url": "https://data.example"})
    issued = await dataverse.issue(LOGIN, system)
    assert (issued.files, issued.expires_at) == ({"dataverse": key.encode()}, 1826827200.443)
    check_sound("dataverse", issued)
    await dataverse.revoke(system, issued)
    assert system.asked[-1][2] == {"X-Dataverse-key": key}


def test_tesk_and_wes_need_no_connector_of_their_own():
    made = make_connectors(parse_credentials(GA4GH))
    assert [(one.name, one.audience) for one in made.values()] == [
        ("tesk", "https://tesk.example/ga4gh/tes/v1"),
        ("wes", "wes"),
    ]
