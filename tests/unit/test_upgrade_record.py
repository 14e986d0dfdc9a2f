"""What an upgrade remembers, and what it takes from values."""

from datetime import UTC, datetime

import pytest

from jhub_gateway.upgrade.errors import UpgradeError
from jhub_gateway.upgrade.look import find_last_version, read_probe
from jhub_gateway.upgrade.models import Found, UserPod, Wanted
from jhub_gateway.upgrade.record import Record, make_config_map, read_config_map
from jhub_gateway.upgrade.steps import make_announcement
from jhub_gateway.upgrade.wanted import make_wanted

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
FOUND = Found("0.2.0", "5.5.0", "", 2, "old", (UserPod("jupyter-ada", "1"),))
RECORD = Record.begin("0.3.0", "hub:0.3.0", FOUND, NOW)


def test_a_record_is_read_as_it_was_written():
    record = RECORD.note("check", NOW).note("stop-hub", NOW)
    stored = make_config_map(record, {"metadata": {"resourceVersion": "7"}})
    assert stored["metadata"] == {"resourceVersion": "7"}
    assert read_config_map(stored) == record
    assert record.backup == "backups/hub-0.2.0-20261130T120000Z.sqlite"
    assert not record.is_finished
    assert record.note("verify", NOW).is_finished


@pytest.mark.parametrize("text", ["", "no", "[]", "{}", '{"found": {"pods": []}, "pods": []}'])
def test_a_strange_record_is_said_to_be_one(text):
    with pytest.raises(UpgradeError, match="begin anew with --restart"):
        read_config_map({"data": {"record": text}})
    assert find_last_version({"data": {"record": text}}) is None


def test_nothing_is_remembered_without_one():
    assert read_config_map(None) is None
    assert read_config_map({"data": {"other": "words"}}) is None


@pytest.mark.parametrize(
    ("steps", "version"),
    [([], "0.2.0"), (["stop-hub", "back-up"], "0.2.0"), (["migrate-share"], "0.3.0")],
)
def test_a_hub_that_is_off_is_of_the_release_that_its_data_are_of(steps, version):
    record = RECORD
    for step in steps:
        record = record.note(step, NOW)
    assert find_last_version(make_config_map(record, None)) == version


VALUES = {
    "hub": {
        "image": {"name": "registry.example.org/hub", "tag": "0.3.0"},
        "config": {"GatewaySpawner": {"shared_claim_name": "gateway-homes"}},
    },
    "singleuser": {"fsGid": 1000},
}


def test_values_say_what_is_wanted():
    image = "registry.example.org/hub:0.3.0"
    assert make_wanted(VALUES) == Wanted(image, "gateway-homes", "jupyterhub", 1000, 1000)
    config = {
        "KubeSpawner": {"namespace": "users"},
        "GatewaySpawner": {"shared_claim_name": "other", "hub_name": "two"},
    }
    values = {"hub": VALUES["hub"] | {"config": config}, "singleuser": {"uid": 0}}
    assert make_wanted(values) == Wanted(image, "other", "two", 0, 100, "users")


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({}, "hub.image.name"),
        ({"hub": None}, "hub.image.name"),
        ({"hub": {"image": {"name": "hub"}}}, "hub.image.tag"),
        ({"hub": {"image": VALUES["hub"]["image"]}}, "GatewaySpawner.shared_claim_name"),
    ],
)
def test_values_that_lack_something_are_told(values, name):
    with pytest.raises(UpgradeError, match=f"{name} is not set: give all values files"):
        make_wanted(values)


def test_a_probe_is_read_after_what_a_configuration_prints():
    assert read_probe('Loading\n{"release": {}}\n') == {"release": {}}
    with pytest.raises(UpgradeError, match="did not say what is in it: Traceback"):
        read_probe("Traceback")


def test_users_read_when_it_is_and_what_becomes_of_their_server():
    assert make_announcement(NOW, stops_servers=False) == (
        "The hub is upgraded at 12:00 UTC. Your server goes on running. You can't log in for some "
        "minutes."
    )
    assert "Your server is stopped then" in make_announcement(NOW, stops_servers=True)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"uid": "jovyan"}, "singleuser.uid is 'jovyan', and must be a number"),
        ({"fsGid": [100]}, r"singleuser.fsGid is \[100\], and must be a number"),
    ],
)
def test_numbers_are_told_that_are_none(changes, sentence):
    with pytest.raises(UpgradeError, match=sentence):
        make_wanted(VALUES | {"singleuser": VALUES["singleuser"] | changes})


def test_sections_of_another_form_are_as_if_they_were_not_there():
    hub = VALUES["hub"]
    values = {"hub": hub | {"config": hub["config"] | {"KubeSpawner": ["a"]}}, "singleuser": "a"}
    assert make_wanted(values).gid == 100
    with pytest.raises(UpgradeError, match=r"shared_claim_name is not set"):
        make_wanted({"hub": hub | {"config": {"GatewaySpawner": 7}}})
