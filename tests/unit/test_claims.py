"""What the provider says about a user: any value is a usable text or a refusal, never a crash."""

import unicodedata
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jhub_gateway.errors import LoginRefused
from jhub_gateway.policy.claims import (
    LARGEST_ID,
    LONGEST_TEXT,
    MOST_GROUPS,
    check_groups,
    check_same_account,
    check_same_subject,
    check_username,
    find_claim,
    is_safe_username,
    is_told_apart_by_mysql,
    read_display_name,
    read_groups,
    read_subject,
    read_username,
)
from jhub_gateway.policy.groups import is_open_to

# What a provider, honest or not, can put into JSON; with lone surrogates, as "\ud800" gives.
texts = st.text(st.characters(codec=None)) | st.text(st.characters(categories=["Cs", "Cc", "Cf"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)


@given(values)
@example("ada/../root")
@example("%2e%2e")
@example("ada\n")
@example("ada\u202e")
@example("..")
@example("\ud800")
@example("a" * (LONGEST_TEXT + 1))
def test_user_name_is_safe_or_refused(value):
    try:
        name = read_username({"preferred_username": value}, "preferred_username")
    except LoginRefused:
        return
    assert name == value
    assert name.encode()
    assert len(name) <= LONGEST_TEXT
    assert name.isprintable()
    assert name == name.strip()
    assert not {"/", "\\"} & set(name)
    assert name not in (".", "..")


@pytest.mark.parametrize(
    "name",
    ["ada", "Ada", "ada.b", "ada-b", "ada@gateway.org", "ada b", "Ådå", "愛", "100%", "a..b"],
)
def test_ordinary_user_names_are_kept_as_they_are(name):
    assert check_username(name, "c") == name


SPACES = ["", " ada", "ada ", "a\tb", "a\u2028b", "a\u200bb"]
PATHS = ["a/b", "a\\b", ".", "..", "...", "%2E%2E", "a%2Fb", "a%5cb"]
OTHERS = ["a\0", "\u202eada", "\udc80", "a" * 256, None, 7, True, ["ada"], {"a": 1}]


@pytest.mark.parametrize("name", [*SPACES, *PATHS, *OTHERS])
def test_hostile_user_names_are_refused(name):
    with pytest.raises(LoginRefused):
        check_username(name, "c")


def test_upper_and_lower_case_are_two_users():
    assert check_username("Ada", "c") != check_username("ada", "c")


def test_refusal_names_the_claim_and_not_the_value():
    with pytest.raises(LoginRefused, match="claim nickname") as refusal:
        check_username("<script>/", "nickname")
    assert "script" not in str(refusal.value)


@given(values)
@example("/gateway/users")
@example(["/gateway/users", 7])
@example([["/gateway/users"]])
@example([""])
@example(["a\nb"])
@example({"/gateway/users": True})
@example(["g"] * (MOST_GROUPS + 1))
def test_groups_are_exactly_those_of_the_claim_or_refused(value):
    try:
        groups = read_groups({"groups": value}, "groups")
    except LoginRefused:
        assert value is not None
        return
    assert groups == frozenset(value or ())
    assert all(0 < len(group) <= LONGEST_TEXT for group in groups)
    assert all(unicodedata.category(letter) not in ("Cc", "Cs") for g in groups for letter in g)


@given(values.filter(lambda value: value is not None and not isinstance(value, list)))
def test_groups_of_a_wrong_type_are_never_taken_as_none(value):
    with pytest.raises(LoginRefused):
        read_groups({"groups": value}, "groups")


@pytest.mark.parametrize("claims", [{}, {"groups": None}, {"groups": []}, {"other": ["a"]}])
def test_no_claim_is_no_group(claims):
    assert read_groups(claims, "groups") == frozenset()


@given(values | st.sets(texts) | st.tuples(texts))
def test_groups_from_elsewhere_are_exactly_those_or_refused(value):
    try:
        groups = check_groups(value, "of the provider")
    except LoginRefused:
        return
    assert isinstance(value, list | tuple | set)
    assert groups == frozenset(value)
    assert all(type(group) is str for group in groups)


@given(values, texts)
@example(None, "/gateway/admins")
@example([], "/gateway/admins")
@example("/gateway/admins", "/gateway/admins")
@example({"/gateway/admins": 1}, "/gateway/admins")
def test_only_who_is_in_a_group_has_what_is_for_it(value, group):
    """So with ``allowed_groups`` and ``admin_groups`` alike; no groups are never everybody."""
    for candidate in (value, [group, value], [group]):
        try:
            groups = read_groups({"groups": candidate}, "groups")
        except LoginRefused:
            continue
        is_member = isinstance(candidate, list) and group in candidate
        assert is_open_to(groups, frozenset({group})) == is_member
        assert not is_open_to(groups, frozenset())


def test_ten_thousand_groups_are_refused():
    with pytest.raises(LoginRefused, match=str(MOST_GROUPS)):
        read_groups({"groups": [f"/g/{number}" for number in range(10_000)]}, "groups")


def test_as_many_groups_as_allowed():
    names = [f"/g/{number}" for number in range(MOST_GROUPS)]
    assert read_groups({"groups": names}, "groups") == frozenset(names)


@pytest.mark.parametrize(
    ("claims", "path", "found"),
    [
        ({"realm_access": {"roles": ["a"]}}, "realm_access.roles", ["a"]),
        ({"https://gateway.org/groups": ["a"]}, "https://gateway.org/groups", ["a"]),
        ({"a.b": 1, "a": {"b": 2}}, "a.b", 1),
        ({"clients": {"my.hub": {"roles": 3}}}, "clients.my.hub.roles", 3),
        ({"clients": {"my": {"hub": 4}}}, "clients.my.hub", 4),
        ({"realm_access": {}}, "realm_access.roles", None),
        ({"realm_access": None}, "realm_access.roles", None),
        ({}, "realm_access.roles", None),
        ({"": {"": 5}}, ".", 5),
    ],
)
def test_path_of_a_claim(claims, path, found):
    assert find_claim(claims, path) == found


@pytest.mark.parametrize("inner", ["roles", ["roles"], 7, False])
def test_path_through_something_else_is_refused(inner):
    with pytest.raises(LoginRefused):
        read_groups({"realm_access": inner}, "realm_access.roles")


READERS = [find_claim, read_groups, read_username, read_display_name, read_subject]

# Values of which each text and each number is known again where somebody quotes it.
MARK = "Zq7"
marked = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(10**9).map(lambda number: int(f"{number}7777777"))
    | texts.map(lambda text: MARK + text)
    | st.sampled_from([f"{MARK}/../x", f" {MARK}", f"{MARK}\n", MARK * 100, f"%2f{MARK}"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(texts.map(lambda text: MARK + text), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(marked)
@example([MARK] * (MOST_GROUPS + 1))
def test_no_refusal_quotes_what_the_provider_sent(value):
    claims = {"a": {"b": value}, "c": value, "sub": value}
    refused = []
    for read in READERS:
        for path in ("a.b", "c", "c.d", "a"):
            with suppress(LoginRefused):
                read(claims, path)
                continue
            with pytest.raises(LoginRefused) as refusal:
                read(claims, path)
            refused.append(str(refusal.value))
    with pytest.raises(LoginRefused) as refusal:
        check_same_subject(claims, {"sub": "1"})
    # A mapping is no name, no list of groups and no identity.
    assert refused
    for text in [*refused, str(refusal.value)]:
        assert MARK not in text
        assert "7777777" not in text
        assert text.endswith(".")


@given(values, texts)
def test_any_path_in_any_claims_is_found_or_refused(claims, path):
    for read in READERS:
        for given_claims in (claims, {path: claims}, {"a": claims, "a.b": claims}):
            for given_path in (path, "a.b.c", "a." + path):
                with suppress(LoginRefused):
                    read(given_claims, given_path)


@given(values, st.lists(st.sampled_from(["a", "b.c", "", "d"]), min_size=1, max_size=4))
def test_value_is_found_where_it_is(value, keys):
    claims = value
    for key in reversed(keys):
        claims = {key: claims}
    assert find_claim(claims, ".".join(keys)) is value


@given(texts)
def test_safe_name_is_told_safely(name):
    if is_safe_username(name):
        assert check_username(name, "c") == name
        # What is equal in lower case alone is one name to MySQL.
        assert is_told_apart_by_mysql(name) == (name.isascii() and name == name.lower())
    else:
        with pytest.raises(LoginRefused):
            check_username(name, "c")


@given(values)
def test_display_name_is_a_text_or_none_or_refused(value):
    try:
        name = read_display_name({"name": value}, "name")
    except LoginRefused:
        return
    assert name is None or (name == value.strip() and name)


@pytest.mark.parametrize("claims", [{}, {"name": None}, {"name": ""}, {"name": "  "}])
def test_no_display_name(claims):
    assert read_display_name(claims, "name") is None


def test_display_name_with_accents_and_joined_letters():
    name = "Zoë نام‌خانوادگی"
    assert read_display_name({"name": name}, "name") == name


@given(values)
@example(True)
@example(0)
@example(-1)
@example(7.0)
@example("7\n")
@example(LARGEST_ID)
@example(LARGEST_ID + 1)
@example(10**5000)
def test_subject_is_a_text_or_a_number_or_refused(value):
    for claims, path in (({"sub": value}, "sub"), ({"user": {"id": value}}, "user.id")):
        try:
            subject = read_subject(claims, path)
        except LoginRefused:
            assert not (type(value) is int and 0 < value <= LARGEST_ID)
            continue
        assert type(value) in (str, int)
        assert subject == str(value)
        assert 0 < len(subject) <= LONGEST_TEXT


def test_subject_of_a_provider_with_numbers():
    assert read_subject({"id": 583231}, "id") == "583231"
    with pytest.raises(LoginRefused, match="claim id"):
        read_subject({"id": None, "sub": "1"}, "id")


@pytest.mark.parametrize("value", [0, -1, True, False, 7.0, LARGEST_ID + 1, "", [7]])
def test_what_is_no_identity_is_refused(value):
    with pytest.raises(LoginRefused, match="claim id"):
        read_subject({"id": value}, "id")


def test_no_subject_is_refused():
    with pytest.raises(LoginRefused, match="sub"):
        read_subject({})


@given(values, values)
def test_two_subjects_are_one_or_refused(one, two):
    try:
        check_same_subject({"sub": one}, {"sub": two})
    except LoginRefused:
        return
    assert str(one) == str(two)


@given(values, values)
@example({"sub": "1"}, {"sub": "1"})
def test_any_claims_are_of_one_subject_or_refused(one, two):
    with suppress(LoginRefused):
        check_same_subject(one, two)
        assert isinstance(one, Mapping)
        assert isinstance(two, Mapping)


def test_userinfo_of_another_user_is_refused():
    check_same_subject({"sub": "1"}, {"sub": "1"})
    with pytest.raises(LoginRefused):
        check_same_subject({"sub": "1"}, {"sub": "2"})
    with pytest.raises(LoginRefused):
        check_same_subject({}, {})


@pytest.mark.parametrize("known", [None, {}, {"issuer": "https://a", "subject": "1"}])
def test_an_account_of_the_same_identity_or_of_nobody_is_taken(known):
    check_same_account("ada", known, {"issuer": "https://a", "subject": "1"})


@pytest.mark.parametrize(
    "login",
    [{"issuer": "https://a", "subject": "2"}, {"issuer": "https://b", "subject": "1"}, {}, None],
)
def test_an_account_of_another_identity_is_refused(login):
    with pytest.raises(LoginRefused, match="belonged to another login") as refusal:
        check_same_account("ada", {"issuer": "https://a", "subject": "1"}, login)
    assert "'1 https://a'" in str(refusal.value.__cause__)


@given(values)
def test_account_is_taken_by_its_own_subject_alone(subject):
    known = {"issuer": "https://a", "subject": "1"}
    try:
        check_same_account("ada", known, {"issuer": "https://a", "subject": subject})
    except LoginRefused as problem:
        refusal = problem
    else:
        assert subject == "1"
        return
    assert subject != "1"
    assert str(refusal).startswith("Your user name belonged to another login")
