"""``jhub-gateway link``."""

import time
from urllib.parse import parse_qs, urlsplit

import pytest

from jhub_gateway.cli import main
from jhub_gateway.policy.link_signatures import verify_claims
from tests.fixtures.links import ISSUER, KEY_ID, KEYS, NOTEBOOK

HUB = ["--hub", "https://hub.test/base/"]


@pytest.fixture
def key_file(tmp_path):
    file = tmp_path / KEY_ID
    file.write_bytes(KEYS[KEY_ID] + b"\n")
    return str(file)


def test_a_signed_link_is_what_a_hub_takes(key_file, capsys):
    signer = ["--issuer", ISSUER, "--key-file", key_file, "--hours", "2"]
    more = ["--dataset", "climate", "--profile", "small", "--run", "7", "--param", "sample=a=b"]
    assert main(["link", NOTEBOOK, *HUB, *signer, *more]) == 0
    address = urlsplit(capsys.readouterr().out.strip())
    assert address.path == "/base/hub/gateway/open"
    (request,) = parse_qs(address.query)["request"]
    claims = verify_claims(request, ISSUER, KEYS, time.time())
    assert abs(claims.pop("exp") - time.time() - 7200) < 600
    assert claims == {
        "iss": ISSUER,
        "notebook": NOTEBOOK,
        "dataset": "climate",
        "profile": "small",
        "run": "7",
        "param.sample": "a=b",
    }


def test_an_unsigned_link_can_be_read(capsys):
    assert main(["link", "a b/ü.ipynb", *HUB, "--run", "7"]) == 0
    wanted = "https://hub.test/base/hub/gateway/open?notebook=a%20b/%C3%BC.ipynb&run=7\n"
    assert capsys.readouterr().out == wanted


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["../x.ipynb"], "a name that begins with a dot"),
        (["x.ipynb", "--param", "sample"], "--param 'sample' is not NAME=TEXT"),
        (["x.ipynb", "--issuer", ISSUER], "needs both --issuer and --key-file"),
        (["x.ipynb", *(f"--param=p{n}={'x' * 200}" for n in range(10))], "longer than 1600"),
    ],
)
def test_what_no_hub_opens_is_not_made(arguments, sentence, capsys):
    assert main(["link", *arguments, *HUB]) == 1
    assert sentence in capsys.readouterr().err


def test_a_short_key_is_not_used(tmp_path, capsys):
    file = tmp_path / "1"
    file.write_text("short")
    signer = ["--issuer", ISSUER, "--key-file", str(file)]
    assert main(["link", NOTEBOOK, *HUB, *signer]) == 1
    assert "has 5 bytes, and 32 are the fewest" in capsys.readouterr().err
