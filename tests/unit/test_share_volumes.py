"""What a user's pod mounts of the share."""

import re

from hypothesis import assume, given
from hypothesis import strategies as st

from jhub_gateway.models import Dataset, GroupFolder
from jhub_gateway.policy.directories import make_directory_name
from jhub_gateway.policy.share_volumes import (
    RUNTIME,
    SHARE,
    make_mounts,
    make_volumes,
    name_claim_volume,
)

FOLDERS = [GroupFolder("/x", "x"), GroupFolder("/y", "y", read_only=False)]
SKY, MAPS = Dataset("sky", "2024/sky"), Dataset("maps", claim="maps-data")
PART = Dataset("part", "a/b", claim="maps-data")


def find_mount(path: str) -> dict:
    mounts = make_mounts("ada", "/home/jovyan", FOLDERS, [SKY, MAPS, PART])
    (mount,) = [mount for mount in mounts if mount["mountPath"] == path]
    return mount


def test_a_pod_writes_to_its_home_and_to_folders_that_say_so_and_to_nothing_else():
    mounts = make_mounts("ada", "/home/jovyan", FOLDERS, [SKY, MAPS, PART])
    writable = {mount["mountPath"]: mount.get("subPath") for mount in mounts if not is_fixed(mount)}
    assert writable == {
        "/home/jovyan": "homes/ada",
        "/gateway/groups/y": "groups/y",
        "/run/jhub-gateway": None,
    }


def is_fixed(mount: dict) -> bool:
    return mount.get("readOnly") is True


def test_no_part_of_the_share_is_mounted_whole():
    for mount in make_mounts("ada", "/home/jovyan", FOLDERS, [SKY, MAPS, PART]):
        assert mount["name"] != SHARE or "/" in mount["subPath"]


def test_a_user_reads_their_own_usage_alone():
    assert find_mount("/gateway/usage")["subPath"] == "usage/homes/ada"


def test_datasets_are_where_the_operator_said():
    assert find_mount("/gateway/datasets/sky")["subPath"] == "datasets/2024/sky"
    assert find_mount("/gateway/datasets/part")["subPath"] == "a/b"
    maps = find_mount("/gateway/datasets/maps")
    assert maps["name"] == name_claim_volume("maps-data")
    assert "subPath" not in maps


def test_each_claim_is_one_volume_that_is_read_only_but_for_the_share():
    volumes = make_volumes("gateway-share", [MAPS, PART, SKY])
    assert [volume["name"] for volume in volumes] == [
        SHARE,
        RUNTIME,
        name_claim_volume("maps-data"),
    ]
    assert volumes[0]["persistentVolumeClaim"] == {"claimName": "gateway-share"}
    assert volumes[2]["persistentVolumeClaim"] == {"claimName": "maps-data", "readOnly": True}


def test_each_mount_has_its_volume():
    volumes = {volume["name"] for volume in make_volumes("gateway-share", [SKY, MAPS, PART])}
    mounts = make_mounts("ada", "/home/jovyan", FOLDERS, [SKY, MAPS, PART])
    assert {mount["name"] for mount in mounts} == volumes


claims = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", fullmatch=True)


@given(claims, claims)
def test_any_claim_has_a_volume_of_its_own_with_a_name_that_kubernetes_takes(one, other):
    assume(one != other)
    assert name_claim_volume(one) != name_claim_volume(other)
    assert re.fullmatch(r"[a-z0-9-]{1,62}[a-z0-9]", name_claim_volume(one))


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_no_identity_leads_out_of_its_home(identity):
    home, usage, *_ = make_mounts(make_directory_name(identity), "/home/jovyan", [], [])
    assert home["subPath"].count("/") == 1
    assert usage["subPath"] == f"usage/{home['subPath']}"
    assert not {"", ".", ".."} & set(home["subPath"].split("/"))
