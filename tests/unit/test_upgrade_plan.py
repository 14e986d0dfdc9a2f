"""What an upgrade does, and what it refuses, for what is found."""

from dataclasses import replace

import pytest

from jhub_gateway.upgrade.models import Found, Release, UserPod
from jhub_gateway.upgrade.plan import choose_steps, describe_plan, make_plan

TARGET = Release("0.3.0", "5.5.0", layout=3, revisions=("new", "old", "oldest"))
PODS = (UserPod("jupyter-ada", "1"), UserPod("jupyter-grace", "2"))
FOUND = Found("0.2.0", "5.4.0", "jupyterhub-4.4.0", layout=3, revision="old", pods=PODS)
ALL = [
    "check",
    "announce",
    "stop-hub",
    "back-up",
    "migrate-share",
    "migrate-database",
    "start",
    "verify",
]
ENDING = [*ALL[:3], "stop-servers", *ALL[3:]]


@pytest.mark.parametrize(
    ("changes", "steps", "servers"),
    [
        ({}, ALL, "2 servers run and go on, with all kernels"),
        ({"version": "0.3.0", "revision": "new"}, ALL, "go on"),  # other values alone
        ({"version": "0.3.0rc1"}, ALL, "go on"),
        ({"version": None, "layout": None, "revision": None}, ALL, "go on"),
        ({"revision": ""}, ALL, "go on"),  # a new hub
        ({"layout": 2}, ENDING, "all are stopped, as the share goes from layout 2 to 3"),
        ({"layout": 2, "pods": ()}, ENDING, "No server runs"),
        ({"pods": ()}, ALL, "No server runs"),
        ({"version": "0.1.0"}, ENDING, "all are stopped, as pods have another port"),
        ({"version": "0.1.9"}, ENDING, "all are stopped, as pods have another port"),
        ({"version": "0.2.0"}, ALL, "go on"),
    ],
)
def test_the_steps_follow_from_what_is_found(changes, steps, servers):
    changed = {"0.2.0": "pods have another port", "0.4.0": "what is to come"}
    plan = make_plan(replace(FOUND, **changes), TARGET, True, changed)
    assert [step.name for step in plan.steps] == steps
    assert plan.refusals == ()
    assert servers in plan.users


@pytest.mark.parametrize(
    ("changes", "refusals"),
    [
        ({"version": "0.3.1"}, ["there is no way back. Take jhub-gateway 0.3.1 or later"]),
        ({"version": "0.10.0"}, ["there is no way back"]),  # not compared as texts
        ({"layout": 4}, ["the share has layout 4, of a newer release"]),
        ({"revision": "newest"}, ["revision newest, which JupyterHub 5.5.0 doesn't know"]),
        ({"layout": 2}, ["2 servers would be stopped, as the share goes from layout 2 to 3"]),
        ({"layout": 2, "pods": PODS[:1]}, ["1 server would be stopped"]),
        ({"layout": 2, "pods": ()}, []),
        (
            {"version": "1.0", "layout": 4, "revision": "newest"},
            ["no way back", "layout 4", "revision newest"],
        ),
    ],
)
def test_what_can_not_be_is_refused_with_what_to_do(changes, refusals):
    plan = make_plan(replace(FOUND, **changes), TARGET, False)
    assert len(plan.refusals) == len(refusals)
    for sentence, words in zip(plan.refusals, refusals, strict=True):
        assert words in sentence


def test_the_plan_can_be_read():
    text = describe_plan(make_plan(replace(FOUND, layout=2), TARGET, False))
    assert text.splitlines()[0] == (
        "The hub runs jhub-gateway 0.2.0 with JupyterHub 5.4.0, by the chart jupyterhub-4.4.0."
    )
    assert "It becomes jhub-gateway 0.3.0 with JupyterHub 5.5.0." in text
    assert "4. stop-servers     ends 2 servers" in text
    assert "brings the share from layout 2 to layout 3" in text
    assert "brings the database from old to revision new" in text
    assert "Not possible: 2 servers would be stopped" in text


def test_a_hub_that_was_not_asked_is_not_said_to_run():
    found = replace(FOUND, jupyterhub=None, revision=None)
    text = describe_plan(make_plan(found, TARGET, False))
    assert text.splitlines()[0] == (
        "The hub was not asked, and is of jhub-gateway 0.2.0, by the chart jupyterhub-4.4.0."
    )


@pytest.mark.parametrize(
    ("done", "left"),
    [
        ([], ALL),
        (["check"], ALL),
        (["check", "announce"], ["check", *ALL[2:]]),  # users are told once
        # Somebody may have started it since.
        (ALL[:3], ["check", *ALL[2:]]),
        (ALL[:4], ["check", "stop-hub", *ALL[4:]]),
        (ALL[:6], ["check", "start", "verify"]),
        (ALL[:7], ["check", "start", "verify"]),
    ],
)
def test_what_an_interrupted_run_has_left(done, left):
    assert choose_steps(ALL, done) == left


def test_servers_are_stopped_again_until_the_share_is_migrated():
    assert choose_steps(ENDING, ENDING[:5]) == ["check", "stop-hub", "stop-servers", *ENDING[5:]]
