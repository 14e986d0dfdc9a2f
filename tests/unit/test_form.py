import re
from datetime import UTC, datetime

import pytest

from jhub_gateway.capacity_spawner import RoomView
from jhub_gateway.models import Dataset, GroupFolder, Usage
from jhub_gateway.profile_form import DataView, render_profile_form

PROFILES = [
    {"slug": "small", "display_name": "Small", "memory": "1 GB", "cpu": 1, "default": False},
    {"slug": "large", "display_name": "<Large> & more", "memory": "8 GB", "default": True},
]


def render(user_options=None, profile_list=PROFILES, **data) -> str:
    return render_profile_form(profile_list, user_options, DataView(**data))


@pytest.mark.parametrize(
    ("user_options", "checked"),
    [
        (None, "large"),
        ({}, "large"),
        ({"profile": "small"}, "small"),
        ({"profile": "closed"}, "large"),
        ({"profile": ["small"]}, "large"),
    ],
)
def test_the_last_choice_or_the_default_is_chosen(user_options, checked):
    page = render(user_options)
    assert re.findall(r'value="([a-z]+)" checked', page) == [checked]


def test_what_the_operator_wrote_is_text():
    page = render()
    assert "&lt;Large&gt; &amp; more" in page
    assert "<Large>" not in page


def read_room(page: str) -> list[tuple[str, ...]]:
    return re.findall(r'data-profile="(.+?)" data-state="(.+?)">(.+?)</span>', page)


def test_the_page_says_what_there_is_room_for_and_asks_again():
    rooms = [RoomView("free", "Ready in about 20 s"), RoomView("full", "No room now")]
    profiles = [one | {"room": room} for one, room in zip(PROFILES, rooms, strict=True)]
    page = render_profile_form(profiles, None, capacity_url="/hub/gateway/capacity/ada")
    assert read_room(page) == [
        ("small", "free", "Ready in about 20 s"),
        ("large", "full", "No room now"),
    ]
    assert 'const url = "/hub/gateway/capacity/ada";' in page


def test_a_page_that_knows_of_no_room_asks_for_none():
    page = render()
    assert (read_room(page), "<script>" in page) == ([], False)


def test_the_page_says_when_a_server_is_stopped():
    page = render(profile_list=[PROFILES[0] | {"stops": "Stops after 3 hours without use"}])
    assert "Stops after 3 hours without use" in page


def test_a_choice_is_named_by_its_name_and_size_and_described_by_the_rest():
    described = {"slug": "a", "display_name": "A", "memory": "1 GB", "description": "For <tests>"}
    page = render(profile_list=[described, PROFILES[0]])
    names = re.findall(r'aria-labelledby="(.+?)"', page)
    assert names == ["profile-a-name profile-a-size", "profile-small-name profile-small-size"]
    # Of two profiles the one without a text is described by none.
    assert re.findall(r'aria-describedby="(.+?)"', page) == ["profile-a-text"]
    for identity in (*" ".join(names).split(), "profile-a-text"):
        assert f'id="{identity}"' in page


def test_somebody_without_any_profile_reads_a_sentence():
    assert "Ask the gateway's support" in render(profile_list=[])


USAGE = Usage(used=int(1.5 * 1024**3), measured_at=datetime(2026, 11, 21, 16, 5, tzinfo=UTC))


def test_the_page_says_what_data_there_is():
    page = render(
        usage=USAGE,
        quota=2 * 1024**3,
        folders=(GroupFolder("/x/genes", "genes", read_only=False),),
        datasets=(Dataset("survey", description="All <stars>", size=3 * 1024**4),),
    )
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.split("Your data")[1]))
    assert "Home 1.5 GB of 2 GB" in text
    assert "as measured on 21 November at 16:05 UTC" in text
    assert "gateway/groups/genes read and write Shared by the members of /x/genes." in text
    assert "gateway/datasets/survey 3 TB, read only All &lt;stars&gt;" in text
    assert "Your home is full" not in page


def test_somebody_without_data_reads_nothing_of_it():
    assert "Your data" not in render()


def test_a_full_home_is_told_what_to_do():
    page = render(usage=USAGE, quota=1024**3, is_full=True)
    assert "Your home is full" in page
    assert "Delete files" in page
