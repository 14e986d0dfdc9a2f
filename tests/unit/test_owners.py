"""Whose a home is, by what the login said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jhub_gateway.errors import IdentityError
from jhub_gateway.models import Owner
from jhub_gateway.policy.owners import make_owner

ISSUER = "https://login.gateway.example"
FULL = {"issuer": ISSUER, "subject": "s1"}


def test_the_login_says_who_it_is():
    assert make_owner("ada", {**FULL, "name": "eve"}) == Owner("ada", ISSUER, "s1")


@pytest.mark.parametrize(
    "state",
    [
        None,
        {},
        {"issuer": ISSUER},
        {"subject": "s1"},
        {"issuer": ISSUER, "subject": ""},
        {"issuer": "", "subject": "s1"},
        {"issuer": None, "subject": "s1"},
        {"issuer": ISSUER, "subject": 7},
        {"issuer": [ISSUER], "subject": "s1"},
        {"issuer": ISSUER, "subject": ["s1"]},
        {"Issuer": ISSUER, "Subject": "s1"},
    ],
)
def test_half_an_identity_is_none(state):
    assert make_owner("ada", state) == Owner("ada")


@pytest.mark.parametrize("space", [" ", "\t", "\n", "\u00a0", "\u2003"])
def test_an_issuer_with_a_space_is_refused(space):
    with pytest.raises(IdentityError, match="has a space"):
        make_owner("ada", {**FULL, "issuer": f"x{space}y"})


def test_the_home_stays_when_the_name_changes():
    assert make_owner("ada", FULL).identity == make_owner("lovelace", FULL).identity


texts = st.text(st.sampled_from("a :/\t\n1"), min_size=1, max_size=6)


@given(st.tuples(texts, texts), st.tuples(texts, texts))
def test_two_identities_are_never_taken_for_one(one, other):
    try:
        owners = [make_owner("ada", {"issuer": i, "subject": s}) for i, s in (one, other)]
    except IdentityError:
        return
    assert (owners[0].identity == owners[1].identity) == (one == other)
