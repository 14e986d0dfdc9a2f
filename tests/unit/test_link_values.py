"""What a link may name: paths below the home, and text of one line."""

import posixpath
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jhub_gateway.errors import LinkRefused
from jhub_gateway.models import Link
from jhub_gateway.policy.entry_values import read_slug
from jhub_gateway.policy.link_signatures import verify_claims
from jhub_gateway.policy.link_values import read_notebook, read_words
from jhub_gateway.policy.links import (
    list_values,
    make_address,
    make_server_name,
    name_inside,
    parse_link,
    parse_query,
    pick_values,
)
from tests.fixtures.links import HOSTILE, ISSUER, KEYS, NOTEBOOK


@pytest.mark.parametrize(
    "path",
    [
        "analysis.ipynb",
        "tutorials/welcome-1/01 First steps.ipynb",
        "Übungen/βeta & gamma+delta.ipynb",
        "gateway/datasets/climate/read me.ipynb",
        "a=b,c;d'e\"f.ipynb",
    ],
)
def test_a_notebook_below_the_home_is_taken_as_it_is(path):
    assert read_notebook(path) == path


@given(st.text(max_size=60).map(lambda text: f"{text}.ipynb"))
@example("../x.ipynb")
@example("a/./x.ipynb")
@example("~/x.ipynb")
def test_no_path_leads_out_of_the_home_whoever_reads_it(text):
    try:
        path = read_notebook(text)
    except ValueError:
        return
    # As a browser, JupyterLab and a file system read it.
    assert posixpath.normpath(path) == path
    assert not path.startswith("/")
    assert not any(part.startswith(".") for part in path.split("/"))
    assert not set(path) & set("\\:%?#")
    assert not any(unicodedata.category(one).startswith("C") for one in path)


@given(st.text(max_size=300))
def test_a_value_is_one_line_that_can_be_seen(text):
    try:
        value = read_words(text)
    except ValueError:
        return
    assert len(value.splitlines()) == 1
    assert 0 < len(value) <= 200
    assert "\0" not in value


words = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=20)
links = st.builds(
    Link,
    notebook=st.sampled_from([NOTEBOOK, "a b/ü.ipynb", "gateway/groups/team/x.ipynb"]),
    dataset=st.sampled_from(["", "climate", "A.b-c_d"]),
    profile=st.sampled_from(["", "small"]),
    run=st.just("") | words,
    parameters=st.dictionaries(st.sampled_from(["sample", "a-b", "run"]), words),
)


@given(links)
def test_a_link_is_read_as_it_was_written(link):
    query = make_address("https://hub.test", list_values(link)).partition("?")[2]
    assert parse_link(parse_query(query)) == link


@given(links, links)
def test_two_links_have_one_server_only_if_they_are_the_same(one, other):
    assert (make_server_name(one) == make_server_name(other)) == (one == other)


@given(st.text(max_size=60), st.sampled_from(["", "Gateway"]))
def test_a_server_s_name_suits_every_jupyterhub(stem, gateway):
    name = make_server_name(Link(f"{stem}.ipynb", gateway=gateway))
    assert read_slug(name) == name
    # JupyterHub 6: https://jupyterhub.readthedocs.io/en/6.0.0/howto/upgrading-v6.html
    assert len(name) <= 30
    assert name[0].isalpha()
    assert "--" not in name


def test_the_server_of_a_link_is_the_same_in_the_next_release():
    assert make_server_name(Link(NOTEBOOK)) == "analysis-e2054e140f"
    assert make_server_name(Link("2026/07.ipynb")).startswith("link-")


def test_servers_of_two_gateways_are_two():
    assert make_server_name(Link(NOTEBOOK, gateway="A")) != make_server_name(Link(NOTEBOOK))


def test_a_parameter_that_is_not_there_is_no_text():
    with pytest.raises(LinkRefused, match="'run' is no text"):
        parse_link({"notebook": NOTEBOOK, "run": 7})


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        (NOTEBOOK, None),
        ("gateway/x.ipynb", None),
        ("gateway/datasets/climate/x.ipynb", ("datasets", "climate")),
        ("gateway/groups/x.ipynb", ("groups", "x.ipynb")),
        ("work/gateway/groups/x/y.ipynb", None),
    ],
)
def test_a_notebook_of_the_gateways_data_is_known(path, inside):
    assert name_inside(path) == inside


def find_refusal(read, *arguments) -> LinkRefused | None:
    try:
        read(*arguments)
    except LinkRefused as refusal:
        return refusal
    return None


def read_link(query: str) -> Link:
    values = parse_query(query)
    if "request" in values:
        return parse_link(pick_values(verify_claims(values["request"], ISSUER, KEYS, 1.7e9)))
    return parse_link(values)


@given(st.text(max_size=200))
def test_any_query_is_read_or_refused_with_a_sentence(query):
    refusal = find_refusal(read_link, query)
    assert refusal is None or str(refusal).startswith("This link can't be opened: ")


@pytest.mark.parametrize("what", [name for name, (_, status) in HOSTILE.items() if status == 400])
def test_what_is_no_link_is_refused_before_anything_is_looked_up(what):
    refusal = find_refusal(read_link, HOSTILE[what][0])
    assert refusal
    assert refusal.status == 400
