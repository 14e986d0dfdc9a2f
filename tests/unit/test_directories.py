import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jhub_gateway.errors import IdentityError
from jhub_gateway.policy.directories import make_directory_name, make_owner_label

identities = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)
# Names that differ in little are where a rule that drops or folds something goes wrong.
similar = st.text("aA.-_~/%é2e ", min_size=1, max_size=12)


@given(st.one_of(identities, similar), st.one_of(identities, similar))
def test_two_identities_never_share_a_directory(one, other):
    assume(one != other)
    first, second = make_directory_name(one), make_directory_name(other)
    assert first.casefold() != second.casefold()


@given(identities)
def test_a_directory_is_one_safe_path_component(identity):
    directory = make_directory_name(identity)
    assert re.fullmatch(r"[a-z0-9_][a-z0-9_.~-]{0,99}", directory)


@given(st.text(min_size=1, max_size=40).filter(lambda text: text.isascii()))
def test_a_short_directory_reads_back(identity):
    directory = make_directory_name(identity)
    assume("~" not in directory)
    plain = re.sub(r"_([0-9a-f]{2})", lambda match: chr(int(match[1], 16)), directory)
    assert plain == identity


@pytest.mark.parametrize(
    ("identity", "directory"),
    [
        ("ada", "ada"),
        ("ada.b", "ada.b"),
        ("ada-b", "ada-b"),
        ("Ada", "_41da"),
        ("ada_b", "ada_5fb"),
        ("..", "_2e."),
        ("../etc", "_2e._2fetc"),
        ("-rf", "_2drf"),
        ("é", "_c3_a9"),
        ("ada@example.org", "ada_40example.org"),
    ],
)
def test_the_rule_never_changes(identity, directory):
    """Users would find an empty home: a new rule needs a new version and a migration."""
    assert make_directory_name(identity) == directory


def test_long_names_keep_their_beginning():
    one, other = "m" * 199 + "a", "m" * 199 + "b"
    assert make_directory_name(one).startswith("m" * 30 + "~")
    assert make_directory_name(one) != make_directory_name(other)


@given(identities, identities)
def test_owner_labels_are_distinct_label_values(one, other):
    assume(one != other)
    assert make_owner_label(one) != make_owner_label(other)
    assert re.fullmatch(r"[0-9a-f]{63}", make_owner_label(one))


@pytest.mark.parametrize("identity", ["", "\ud800"])
def test_no_home_without_an_identity(identity):
    with pytest.raises(IdentityError):
        make_directory_name(identity)
