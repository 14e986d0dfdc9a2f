"""Which credentials users may have, and the files that their servers read."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.models import Credential, Issued, Login
from jhub_gateway.policy.credentials import (
    LARGEST_CREDENTIAL,
    LARGEST_TOTAL,
    RESERVED_FILES,
    choose_credentials,
    end_faulty,
    make_files,
    make_health,
    parse_credentials,
)

URL = "/hub/oauth_login?next=%2Fhub%2Fhome"
AT_EIGHT = 1795291200.0  # 2026-11-21T20:00:00Z
LOGIN = Login(
    username="ada",
    issuer="https://login.example",
    subject="s-1",
    groups=frozenset({"lab"}),
    access_token="secret-access",
    id_token="secret-id",
    expires_at=AT_EIGHT + 0.9,
)
FTP = Credential(
    "ftp",
    "static",
    "ftp.example",
    issued=Issued({"ftp.username": b"shared", "ftp.password": b"secret-password"}),
)
WES = Credential(
    "wes", "token_exchange", "wes", issued=Issued({"wes": b"secret-wes"}, "wes", AT_EIGHT)
)
PLAIN = Credential("api", "plain", "api.example", issued=Issued(token="access_token"))


def make(login=LOGIN, state="valid", sentence="", credentials=(), with_id_token=False):
    return make_files(login, state, sentence, credentials, URL, with_id_token)


def show(files):
    return json.loads(files["credentials.json"])


# What an operator writes.


def test_common_keys_are_read_and_the_others_are_the_connectors():
    entry = {"name": "ftp", "system": "static", "audience": "ftp.example", "directory": "/ftp"}
    (setting,) = parse_credentials([{**entry, "allowed_groups": ["lab"]}])
    assert (setting.name, setting.system, setting.audience) == ("ftp", "static", "ftp.example")
    assert setting.allowed_groups == {"lab"}
    assert setting.settings == {"directory": "/ftp"}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"system": "plain"}, "entry 1 has no 'name'"),
        ({"name": "a"}, "credential 'a' has no 'system'"),
        ({"name": "login", "system": "plain"}, "credential 'login': name: 'login' is the login's"),
        ({"name": "a/b", "system": "plain"}, "credential 'a/b': name: 'a/b'"),
        ({"name": "a", "system": ""}, "credential 'a': system: ''"),
        ({"name": "a", "system": "plain", "audience": 1}, "credential 'a': audience: 1"),
        ({"name": "a", "system": "plain", "allowed_groups": []}, "'a': allowed_groups: []"),
        ({"name": "a", "system": "plain", 3: "x"}, "unknown key 3"),
        ("plain", "entry 1 is 'plain'"),
    ],
)
def test_a_wrong_entry_is_named(entry, said):
    with pytest.raises(ConfigurationError) as raised:
        parse_credentials([entry])
    assert str(raised.value).startswith("credentials: ")
    assert said in str(raised.value)


def test_a_name_is_used_once():
    with pytest.raises(ConfigurationError, match="credential 'a': name: another credential"):
        parse_credentials([{"name": "a", "system": "plain"}, {"name": "a", "system": "static"}])


def test_users_get_what_is_for_them():
    settings = parse_credentials(
        [
            {"name": "lab", "system": "plain", "allowed_groups": ["lab"]},
            {"name": "all", "system": "plain"},
        ]
    )
    assert [one.name for one in choose_credentials(settings, {"lab"})] == ["lab", "all"]
    assert [one.name for one in choose_credentials(settings, {"/lab", "Lab"})] == ["all"]
    assert [one.name for one in choose_credentials(settings, set())] == ["all"]


# What a server reads.


def test_the_files_are_those_of_the_login_and_of_each_credential():
    files = make(credentials=[FTP, WES])
    assert {name: files[name] for name in files if name != "credentials.json"} == {
        "access_token": b"secret-access",
        "expires_at": b"2026-11-21T20:00:00Z",
        "ftp.username": b"shared",
        "ftp.password": b"secret-password",
        "wes": b"secret-wes",
    }
    assert show(files) == {
        "version": 1,
        "state": "valid",
        "sentence": "",
        "login_url": URL,
        "credentials": [
            {
                "name": "login",
                "system": "login",
                "audience": "",
                "state": "valid",
                "sentence": "",
                "expires_at": "2026-11-21T20:00:00Z",
                "token": "access_token",
                "files": ["access_token"],
            },
            {
                "name": "ftp",
                "system": "static",
                "audience": "ftp.example",
                "state": "valid",
                "sentence": "",
                "expires_at": None,
                "token": None,
                "files": ["ftp.password", "ftp.username"],
            },
            {
                "name": "wes",
                "system": "token_exchange",
                "audience": "wes",
                "state": "valid",
                "sentence": "",
                "expires_at": "2026-11-21T20:00:00Z",
                "token": "wes",
                "files": ["wes"],
            },
        ],
    }


def test_the_id_token_is_there_if_the_operator_wants_it():
    files = make(with_id_token=True)
    assert files["id_token"] == b"secret-id"
    assert show(files)["credentials"][0]["files"] == ["access_token", "id_token"]
    assert "id_token" not in make()
    assert "id_token" not in make(replace(LOGIN, id_token=None), with_id_token=True)


@pytest.mark.parametrize("seconds", [None, math.nan])
def test_an_unknown_expiry_has_no_file(seconds):
    files = make(replace(LOGIN, expires_at=seconds))
    assert "expires_at" not in files
    assert show(files)["credentials"][0]["expires_at"] is None


@given(st.floats() | st.integers())
def test_any_expiry_can_be_written_and_is_never_later_than_it_is(seconds):
    shown = show(make(credentials=[replace(WES, issued=replace(WES.issued, expires_at=seconds))]))
    text = shown["credentials"][1]["expires_at"]
    assert text is None or len(text) == len("2026-11-21T20:00:00Z")
    if not math.isnan(seconds) and seconds <= AT_EIGHT:
        assert text <= "2026-11-21T20:00:00Z"


def test_a_late_login_keeps_its_token():
    files = make(state="late", sentence="Wait.", credentials=[PLAIN])
    assert files["access_token"] == b"secret-access"
    assert [one["state"] for one in show(files)["credentials"]] == ["late", "late"]
    assert show(files)["credentials"][1]["sentence"] == "Wait."


def test_a_plain_credential_holds_as_long_as_the_login():
    shown = show(make(credentials=[PLAIN]))["credentials"]
    assert shown[1]["expires_at"] == shown[0]["expires_at"] == "2026-11-21T20:00:00Z"
    assert (shown[1]["token"], shown[1]["files"]) == ("access_token", [])


@pytest.mark.parametrize("login", [None, LOGIN])
def test_an_ended_login_leaves_what_is_valid_without_it(login):
    late = replace(WES, state="late", sentence="Wait.")
    files = make(login, "ended", "Log in again.", [FTP, late, PLAIN], with_id_token=True)
    assert files.keys() == {"credentials.json", "ftp.password", "ftp.username"}
    shown = show(files)
    assert (shown["state"], shown["sentence"]) == ("ended", "Log in again.")
    own, ftp, *ended = shown["credentials"]
    assert ftp["state"] == "valid"
    for one in (own, *ended):
        assert (one["state"], one["sentence"]) == ("ended", "Log in again.")
        assert (one["expires_at"], one["token"], one["files"]) == (None, None, [])


def test_no_login_is_an_ended_one_whatever_is_said():
    assert show(make(None, "valid"))["state"] == "ended"


def test_an_ended_credential_leaves_nothing_behind():
    files = make(credentials=[replace(WES, state="ended", sentence="Ask WES.")])
    assert "wes" not in files
    assert show(files)["credentials"][1]["sentence"] == "Ask WES."


def test_pages_show_what_servers_are_told():
    shown = make_health(LOGIN, "valid", "", [FTP, WES], URL, False)
    assert shown == show(make(credentials=[FTP, WES]))


# What a connector gets wrong.


def fault(name, files, token=None):
    return Credential(name, "theirs", issued=Issued(files, token))


@pytest.mark.parametrize(
    ("credential", "said"),
    [
        *((fault("x", {name: b"secret"}), "reserved") for name in sorted(RESERVED_FILES)),
        (fault("x", {"wes": b"secret"}), "another credential has a file 'wes'"),
        (fault("x", {"../up": b"secret"}), "'../up' is no name"),
        (fault("x", {"a/b": b"secret"}), "'a/b' is no name"),
        (fault("x", {"..data": b"secret"}), "'..data' is no name"),
        (fault("x", {"a\n": b"secret"}), "is no name"),
        (fault("x", {"": b"secret"}), "is no name"),
        (fault("x", {"ä": b"secret"}), "is no name"),
        (fault("x", {"a" * 254: b"secret"}), "is no name"),
        (fault("x", {"a": b"secret"}, "b"), "token 'b' is none of its files"),
        (fault("x", {"a": b"secret" * LARGEST_CREDENTIAL}), "are the most"),
    ],
)
def test_a_connectors_fault_costs_no_other_credential(credential, said):
    with pytest.raises(ConfigurationError) as raised:
        make(credentials=[WES, credential])
    assert said in str(raised.value)
    assert "secret" not in str(raised.value)
    (wes, ended), (problem,) = end_faulty([WES, credential])
    assert wes is WES
    assert said in problem
    assert "secret" not in problem
    assert (ended.state, ended.issued) == ("ended", Issued())
    assert make(credentials=[wes, ended])["wes"] == b"secret-wes"


def test_all_files_together_fit_a_secret():
    large = [fault(f"c{n}", {f"c{n}": bytes(LARGEST_CREDENTIAL)}) for n in range(4)]
    sound, problems = end_faulty(large)
    assert [one.state for one in sound] == ["valid", "valid", "valid", "ended"]
    assert "the files of all" in problems[0]
    assert sum(map(len, make(credentials=sound).values())) < LARGEST_TOTAL + 2000


# Whatever the input, the files keep their rules.

_names = st.sampled_from(["a", "b.c", "..d", "e/f", "wes", *sorted(RESERVED_FILES)])
_contents = st.integers(0, 999).map(lambda number: b"secret-%d" % number)
_states = st.sampled_from(["valid", "late", "ended"])


@st.composite
def _credentials(draw):
    files = draw(st.dictionaries(_names, _contents, max_size=3))
    token = draw(st.none() | st.sampled_from(["access_token", *files]))
    issued = Issued(files, token, draw(st.none() | st.floats(0, 2e9)))
    return Credential(draw(_names), "theirs", "", draw(_states), "Do this.", issued)


@given(st.lists(_credentials(), max_size=5), _states, st.booleans(), st.booleans())
def test_the_rules_of_the_files(credentials, state, has_login, with_id_token):
    sound, _ = end_faulty(credentials)
    login = LOGIN if has_login else None
    files = make(login, state, "Log in.", sound, with_id_token)
    assert files == make(login, state, "Log in.", sound, with_id_token)
    assert list(files) == sorted(files)
    shown = show(files)
    assert b"secret-" not in files["credentials.json"]
    # What is listed is there, once, and nothing else is.
    listed = [name for one in shown["credentials"] for name in one["files"]]
    assert len(listed) == len(set(listed))
    assert set(files) == {*listed, "credentials.json"} | (files.keys() & {"expires_at"})
    for one in shown["credentials"]:
        assert one["token"] is None or one["token"] in files
    if shown["state"] == "ended":
        assert files.keys().isdisjoint({"access_token", "id_token", "expires_at"})
        held = [one.issued.files for one in sound if one.state == "valid"]
        allowed = {content for some in held for content in some.values()}
        assert {files[name] for name in listed} <= allowed
        assert not any(LOGIN.access_token.encode() in content for content in files.values())


def test_no_text_form_shows_a_secret():
    handle = Issued({"a": b"secret"}, handle={"key": "secret"})
    for one in (LOGIN, handle, FTP, WES, Credential("x", "y", issued=handle)):
        assert "secret" not in repr(one) + str(one) + f"{one}"
