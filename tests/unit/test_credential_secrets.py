"""The Secret of a user's credentials: a name for each hub and user, and what is sent for it."""

import re
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jhub_gateway.errors import IdentityError
from jhub_gateway.policy.credential_secrets import (
    make_files_patch,
    make_renewing_patch,
    make_secret_labels,
    make_secret_manifest,
    make_secret_name,
)

_KEYS = st.dictionaries(st.sampled_from(["access_token", "a.key", "b"]), st.binary(max_size=4))


@given(st.text(), st.text())
def test_a_name_is_one_for_kubernetes_and_always_the_same(hub, identity):
    name = make_secret_name(hub, identity)
    assert re.fullmatch(r"gateway-credentials-[0-9a-f]{40}", name)
    assert name == make_secret_name(hub, identity)


def test_a_known_name_stays():
    """Another rule would leave all users' Secrets behind at an upgrade."""
    known = "gateway-credentials-fe4874a5e6afcd301c83f57b186819ec013ca9a6"
    assert make_secret_name("jupyterhub", "4711 https://login.example.org") == known


def test_no_two_hubs_and_users_share_a_name():
    pairs = [("a", "b c"), ("a b", "c"), ("a", "b"), ("ab", ""), ("", "ab"), ('a","b', "c")]
    for one, other in combinations(pairs, 2):
        assert make_secret_name(*one) != make_secret_name(*other)


def test_labels_tell_the_hub_and_the_owner_but_not_who_that_is():
    labels = make_secret_labels("north", "ada", "0123")
    assert labels["jhub-gateway/hub"] == "north"
    assert labels["jhub-gateway/database"] == "0123"
    assert labels["jhub-gateway/component"] == "credentials"
    assert re.fullmatch(r"[0-9a-f]{63}", labels["jhub-gateway/owner"])
    with pytest.raises(IdentityError):
        make_secret_labels("north", "")


def test_a_manifest_notes_who_renews_only_if_somebody_does():
    free = make_secret_manifest("name", {"a": "b"}, "ada", {"key": b"\x00"})
    assert free["metadata"]["annotations"] == {"jhub-gateway/username": "ada"}
    assert free["data"] == {"key": "AA=="}
    held = make_secret_manifest("name", {}, "ada", {}, "me")
    assert held["metadata"]["annotations"]["jhub-gateway/renewing"] == "me"
    assert make_renewing_patch("7", None) == {
        "metadata": {"resourceVersion": "7", "annotations": {"jhub-gateway/renewing": None}}
    }


@given(_KEYS, _KEYS)
def test_a_patch_leaves_just_the_new_files(old, new):
    before = make_secret_manifest("name", {}, "ada", old)["data"]
    patch = make_files_patch("7", new, old)
    merged = {key: value for key, value in {**before, **patch["data"]}.items() if value is not None}
    assert merged == make_secret_manifest("name", {}, "ada", new)["data"]
    assert patch["metadata"] == {"resourceVersion": "7"}
