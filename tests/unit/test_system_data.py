"""What users keep at the gateway's systems, by the systems' own clients, unchanged.

The clients read what the connectors have written, as in a user's server.
"""

import asyncio
import ssl

import arvados
import arvados.collection
import pytest
import requests
import trustme
from pyDataverse.api import DataAccessApi, NativeApi, SearchApi
from pyDataverse.auth import ApiTokenAuth
from pyDataverse.exceptions import ApiAuthorizationError

from jhub_gateway.authenticator import GatewayAuthenticator
from jhub_gateway.connectors.arvados import Arvados
from jhub_gateway.connectors.dataverse import Dataverse
from jhub_gateway.connectors.jatos import Jatos
from jhub_gateway.models import Login
from tests.fixtures.arvados_data import ArvadosData
from tests.fixtures.dataverse_data import DOI, FILES, DataverseData
from tests.fixtures.gateway_systems import ADMIN_TOKEN, LOGIN_TOKEN, run_systems
from tests.fixtures.jatos_data import RESULTS, STUDY, JatosData
from tests.unit.credential_helpers import SOUND

LOGIN = Login("ada", "https://login.example", "s-1", frozenset(), LOGIN_TOKEN)


@pytest.fixture
def authority(tmp_path, monkeypatch):
    """A certificate for 127.0.0.1 that this process trusts, as a user's server would."""
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def hub(tmp_path):
    trusted = {"ca_certs": str(tmp_path / "ca.pem")}
    return GatewayAuthenticator(**SOUND, allow_all=True, http_request_kwargs=trusted)


@pytest.fixture
def start():
    """Starts systems, and stops them after the test."""
    with run_systems() as run:
        yield run


async def test_arvados_sdk_stores_and_reads_a_collection(
    authority, hub, start, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    system = start(ArvadosData, tls=authority)
    issued = await Arvados("arvados", "", [system.host]).issue(LOGIN, hub)
    (tmp_path / "settings.conf").write_bytes(issued.files["settings.conf"])
    await asyncio.to_thread(store_and_read, system, tmp_path / "settings.conf")
    # A token that was revoked opens nothing.
    await Arvados("arvados", "", [system.host]).revoke(hub, issued)
    assert system.tokens == {}


def store_and_read(system, settings):
    api = arvados.api_from_config("v1", arvados.config.load(settings))
    assert api.users().current().execute()["full_name"] == "Ada Lovelace"
    collection = arvados.collection.Collection(api_client=api)
    with collection.open("rain.csv", "w") as file:
        file.write("month,rain\n1,33\n")
    collection.save_new(name="Rain", ensure_unique_name=True)
    number = collection.manifest_locator()
    (found,) = api.collections().list(order=["created_at desc"], limit=5).execute()["items"]
    assert (found["uuid"], found["name"]) == (number, "Rain")
    reader = arvados.collection.CollectionReader(number, api_client=api)
    with reader.open("rain.csv") as file:
        assert file.read() == "month,rain\n1,33\n"
    assert list(system.blocks.values()) == [b"month,rain\n1,33\n"]
    api.collections().delete(uuid=number).execute()
    assert system.collections == {}
    wrong = {"ARVADOS_API_HOST": system.host, "ARVADOS_API_TOKEN": "v2/x/wrong"}
    with pytest.raises(arvados.errors.ApiError, match="401"):
        arvados.api_from_config("v1", wrong).users().current().execute()


async def test_pydataverse_finds_a_data_set_and_reads_its_file(start, hub, authority):
    system = start(DataverseData)
    issued = await Dataverse("dataverse", "", system.url).issue(LOGIN, hub)
    token = issued.files["dataverse.api_token"].decode()

    def find_and_read():
        clients = [
            kind(system.url, auth=ApiTokenAuth(token))
            for kind in (NativeApi, SearchApi, DataAccessApi)
        ]
        native, search, access = clients
        assert native.get_info_version().json()["data"]["version"] == "6.8"
        (found,) = search.search("*", data_type="dataset").json()["data"]["items"]
        assert found["global_id"] == DOI
        files = native.get_dataset(DOI).json()["data"]["latestVersion"]["files"]
        assert [one["dataFile"]["id"] for one in files] == list(FILES)
        for number, (_, _, content) in FILES.items():
            assert access.get_datafile(number, is_pid=False).content == content
        assert native.get_dataset("doi:10.5072/FK2/ABSENT").status_code == 404
        stranger = NativeApi(system.url, auth=ApiTokenAuth("wrong"))
        with pytest.raises(ApiAuthorizationError, match="Bad API key"):
            stranger.get_dataset(DOI)

    await asyncio.to_thread(find_and_read)


async def test_jatos_gives_metadata_data_and_files(start, hub, tmp_path, authority):
    system = start(JatosData)
    (tmp_path / "admin").write_text(ADMIN_TOKEN)
    jatos = Jatos("jatos", "", system.url, tmp_path / "admin")
    issued = await jatos.issue(LOGIN, hub)
    headers = {"Authorization": f"Bearer {issued.files['jatos.token'].decode()}"}

    def ask(method, path, **what):
        url = f"{system.url}/jatos/api/v1{path}"
        return requests.request(method, url, headers=headers, timeout=10, **what)

    def look():
        assert ask("GET", "/studies/properties").json()["data"] == [STUDY]
        taken = {"studyIds": [STUDY["id"]]}
        (study,) = ask("POST", "/results/metadata?download=false", json=taken).json()["data"]
        assert [run["id"] for run in study["studyResults"]] == list(RESULTS)
        lines = ask("POST", "/results/data?asPlainText=true", json=taken).text.splitlines()
        assert len(lines) == len(RESULTS)
        assert ask("POST", "/results/files", json=taken).content.startswith(b"PK")
        headers["Authorization"] = "Bearer jap_wrong"
        assert ask("GET", "/studies/properties").status_code == 401

    await asyncio.to_thread(look)
