"""docs/reference/reasons.md has each code and each sentence, and no other."""

import re
from pathlib import Path

import pytest

from jhub_gateway.models import CullPolicy
from jhub_gateway.policy.cull_messages import CAUSES
from jhub_gateway.policy.cull_words import make_cull_reason
from jhub_gateway.policy.reason_codes import CODES
from jhub_gateway.policy.silence import make_silence
from tests.unit.reason_cases import CASES

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "reasons.md"
CULLED = [make_cull_reason(CullPolicy(max_age=604800), one, "") for one in sorted(CAUSES)]
REASONS = [*(case.find() for case in CASES), make_silence("http://10.0.0.1:8888", 30), *CULLED]
# Its sentence is what an init container says.
REFUSED = "home-refused"


def read_rows() -> dict[str, tuple[list[str], list[str], str]]:
    """Return by code the sentences that wait, those that are final, and the operator's part."""
    rows = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            code, waits, fails, act = (cell.strip() for cell in line.strip("|").split("|"))
            assert code.strip("`") not in rows, f"{code} has two rows"
            rows[code.strip("`")] = (waits.split("<br>"), fails.split("<br>"), act)
    return rows


ROWS = read_rows()


def is_like(sentence: str, shown: str) -> bool:
    """Whether the page shows the sentence, with "…" for a name or an amount."""
    return bool(re.fullmatch(".+".join(map(re.escape, shown.split("…"))), sentence))


def test_the_page_has_each_code_and_no_other():
    assert set(ROWS) == CODES


def test_each_code_has_a_case_that_gives_it():
    assert {reason.code for reason in REASONS} == CODES


@pytest.mark.parametrize("code", sorted(CODES))
def test_the_page_says_what_the_operator_does(code):
    waits, fails, act = ROWS[code]
    assert any([*waits, *fails])
    assert act.endswith(".") or act.endswith("?")


@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: f"{reason.code}: {reason.sentence}")
def test_the_page_shows_what_users_read(reason):
    waits, fails, _ = ROWS[reason.code]
    shown = fails if reason.is_final else waits
    assert any(is_like(reason.sentence, one) for one in shown if one), shown


@pytest.mark.parametrize("code", sorted(CODES - {REFUSED}))
def test_the_page_shows_nothing_that_nobody_reads(code):
    for shown, is_final in ((ROWS[code][0], False), (ROWS[code][1], True)):
        said = [one.sentence for one in REASONS if (one.code, one.is_final) == (code, is_final)]
        for one in filter(None, shown):
            assert any(is_like(sentence, one) for sentence in said), one


@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: f"{reason.code}: {reason.sentence}")
def test_a_sentence_is_short_plain_and_tells_what_to_do(reason):
    if reason.code == REFUSED:
        return
    # Those on a stop have a page to themselves, and say what is left and what is not.
    assert len(reason.sentence) <= (200 if reason in CULLED else 170)
    assert reason.sentence.endswith(".")
    assert "  " not in reason.sentence
    if reason.is_final:
        assert re.search(r"\b(Start|Tell|Try|Choose|tell)\b", reason.sentence)
