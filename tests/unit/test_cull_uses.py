"""What is taken for a server's use: what may be believed, and what holds while it is silent."""

import json
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jhub_gateway.models import CullPolicy, ServerFacts, ServerUse
from jhub_gateway.policy.cull_uses import estimate_use, read_busy, read_use
from jhub_gateway.policy.culling import add_elapsed, judge
from tests.unit.test_culling import ORDER, policies, times, uses

HOUR = 3600
FINE = {"idle_for": 5, "disconnected_for": 0.5, "busy_for": None, "busy": ""}


def test_what_a_server_says_is_read():
    assert read_use(FINE, 100) == ServerUse(5, 0.5, None)
    assert read_use(FINE | {"busy_for": 3}, 100) == ServerUse(5, 0.5, 3)
    assert read_use(FINE | {"new": 1}, 100) == ServerUse(5, 0.5)


def test_nothing_was_longer_ago_than_the_servers_start():
    said = {"idle_for": 1e300, "disconnected_for": 10**40, "busy_for": 101}
    assert read_use(said, 100) == ServerUse(100, 100, 100)


@pytest.mark.parametrize(
    "said",
    [
        [],
        None,
        "idle",
        {},
        FINE | {"idle_for": "5"},
        FINE | {"idle_for": True},
        FINE | {"idle_for": None},
        FINE | {"idle_for": -1},
        FINE | {"disconnected_for": math.nan},
        FINE | {"disconnected_for": math.inf},
        FINE | {"busy_for": [1]},
        FINE | {"busy_for": 10**400},
    ],
)
def test_what_no_server_of_ours_says_is_refused(said):
    with pytest.raises(ValueError, match=r"number|object|length of time"):
        read_use(said, 100)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
said_uses = st.fixed_dictionaries(
    {"idle_for": anything, "disconnected_for": anything, "busy_for": anything}
)


@given(anything | said_uses, st.floats(0, 1e9))
def test_whatever_is_said_gives_durations_within_its_age_or_is_refused(said, age):
    try:
        use = read_use(json.loads(json.dumps(said)), age)
    except ValueError:
        return
    for seconds in (use.idle_for, use.disconnected_for, use.busy_for or 0):
        assert 0 <= seconds <= age


def test_words_of_a_foreign_process_are_few_and_plain():
    assert read_busy({"busy": "1 kernel, 2 jobs"}) == "1 kernel, 2 jobs"
    for words in ("a\nb", "x" * 61, "<b>", 5, None, "\x1b[2J"):
        assert read_busy({"busy": words}) == ""


@given(policies, uses, times, times, times)
def test_silence_never_brings_an_end_forward(policy, known, elapsed, idle_for, age):
    """As long as it is silent it is judged no worse than if nothing had happened since."""
    guess = judge(policy, make_facts(age, estimate_use(known, elapsed, idle_for)))
    truth = judge(policy, make_facts(age, add_elapsed(known, elapsed)))
    assert ORDER.index(guess.act) <= ORDER.index(truth.act)


@given(policies, uses, times, times)
def test_what_the_hub_saw_since_counts(policy, known, elapsed, idle_for):
    guess = judge(policy, make_facts(0, estimate_use(known, elapsed, idle_for)))
    seen = judge(policy, make_facts(0, ServerUse(idle_for)))
    assert ORDER.index(guess.act) <= ORDER.index(seen.act)


@given(uses, times, times, st.floats(0, 1), st.integers(60, 86400))
def test_a_busy_kernel_is_never_stopped_early_for_its_silence(
    known, elapsed, idle_for, part, limit
):
    known = ServerUse(known.idle_for, known.disconnected_for, known.busy_for or 0)
    policy = CullPolicy(idle_after=limit, warn_before=0, busy_max=known.busy_for + elapsed)
    facts = make_facts(10 * 86400, estimate_use(known, elapsed * part, idle_for))
    assert judge(policy, facts).act == "keep"


@given(policies, st.none() | uses, times, times, times)
def test_silence_that_lasts_never_takes_a_verdict_back(policy, known, elapsed, idle_for, later):
    before = judge(policy, make_facts(0, estimate_use(known, elapsed, idle_for)))
    facts = make_facts(0, estimate_use(known, elapsed + later, idle_for + later))
    assert ORDER.index(judge(policy, facts).act) >= ORDER.index(before.act)


@given(policies, st.none() | uses)
def test_silence_is_no_way_to_keep_a_server_for_ever(policy, known):
    assume(policy.idle_after is not None)
    assume(known is None or known.busy_for is None or policy.busy_max is not None)
    late = 100 * 86400
    facts = make_facts(0, estimate_use(known, late, late))
    assert judge(policy, facts).act == "stop"


def make_facts(age: float, use: ServerUse) -> ServerFacts:
    return ServerFacts(age=age, use=use, warned_for=1e9)
