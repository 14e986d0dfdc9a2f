"""Signed links: as the documentation says that they are made, and as nobody else can make them."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.node import find_node
from jhub_gateway.errors import LinkRefused
from jhub_gateway.policy.link_signatures import read_signer, sign_claims, verify_claims
from jhub_gateway.policy.links import make_server_name, parse_link, parse_query, pick_values
from tests.fixtures.links import ISSUER, KEY_ID, KEYS, make_claims, sign

DOCS = Path(__file__).parents[2] / "docs"
VECTORS = json.loads((DOCS / "reference" / "link-vectors.json").read_text())
GUIDE = (DOCS / "how-to" / "open-links.md").read_text()


def read_at(query: str, now: float, issuer: str, keys: dict[str, str]):
    request = parse_query(query)["request"]
    known = {name: key.encode() for name, key in keys.items()}
    return verify_claims(request, issuer, known, now)


@pytest.mark.parametrize("vector", VECTORS["opened"], ids=lambda one: one["what"])
def test_a_vector_is_read_as_it_says(vector):
    query = vector["link"].partition("?")[2]
    claims = read_at(query, VECTORS["now"], VECTORS["issuer"], VECTORS["keys"])
    assert claims == vector["claims"]
    link = parse_link(pick_values(claims), VECTORS["name"])
    assert make_server_name(link) == vector["server"]


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda one: one["what"])
def test_a_vector_is_refused_as_it_says(vector):
    query = vector["link"].partition("?")[2]
    with pytest.raises(LinkRefused) as caught:
        read_at(query, VECTORS["now"], VECTORS["issuer"], VECTORS["keys"])
    assert caught.value.status == vector["status"]


def find_program(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    assert found
    return found[1]


@pytest.mark.parametrize("vector", VECTORS["opened"], ids=lambda one: one["what"])
def test_the_guides_python_makes_the_vector(vector):
    names: dict = {}
    exec(find_program("python"), names)  # noqa: S102
    key = VECTORS["keys"][vector["key"]]
    assert (
        names["make_link"](VECTORS["hub"], vector["claims"], vector["key"], key) == vector["link"]
    )


def test_the_guides_javascript_makes_the_vectors():
    calls = [
        [VECTORS["hub"], one["claims"], one["key"], VECTORS["keys"][one["key"]]]
        for one in VECTORS["opened"]
    ]
    more = f"\nfor (const call of {json.dumps(calls)}) console.log(makeLink(...call));\n"
    program = find_program("javascript") + more
    node = [find_node().executable, "--input-type=module", "-"]
    answer = subprocess.run(node, input=program, capture_output=True, text=True, check=True)
    assert answer.stdout.split() == [one["link"] for one in VECTORS["opened"]]


@given(st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", max_size=300))
def test_what_is_no_token_is_refused_and_breaks_nothing(text):
    with pytest.raises(LinkRefused):
        verify_claims(text, ISSUER, KEYS, 0)


@given(st.data())
def test_no_character_of_a_link_can_be_changed(data):
    request = sign_claims(make_claims(), KEY_ID, KEYS[KEY_ID])
    place = data.draw(st.integers(0, len(request) - 2))
    other = data.draw(st.sampled_from("abcXYZ019-_."))
    changed = request[:place] + other + request[place + 1 :]
    if changed != request:
        with pytest.raises(LinkRefused):
            verify_claims(changed, ISSUER, KEYS, 0)


@pytest.mark.parametrize(("late", "opens"), [(-10, True), (59, True), (61, False), (1e9, False)])
def test_a_link_holds_until_its_end_and_a_minute_for_the_clocks(late, opens):
    claims = make_claims(exp=1_800_000_000)
    request = sign_claims(claims, KEY_ID, KEYS[KEY_ID])
    now = 1_800_000_000 + late
    if opens:
        assert verify_claims(request, ISSUER, KEYS, now) == claims
    else:
        with pytest.raises(LinkRefused, match="expired"):
            verify_claims(request, ISSUER, KEYS, now)


def test_a_refusal_tells_the_user_nothing_of_keys():
    with pytest.raises(LinkRefused) as caught:
        verify_claims(sign({"kid": "<b>lost</b>"}), ISSUER, KEYS, 0)
    assert "lost" not in str(caught.value)
    assert "lost" in caught.value.cause


def test_the_signer_is_known_before_anything_is_verified():
    assert read_signer(sign(key=b"whoever it is")) == (ISSUER, KEY_ID)
