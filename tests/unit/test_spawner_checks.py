from types import SimpleNamespace

import pytest
from kubernetes_asyncio.client import V1Container, V1SecurityContext

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.policy.profiles import parse_profiles
from jhub_gateway.spawner_checks import check_settings, find_problems

# As the chart makes its own.
PRIVILEGED = V1Container(name="i", security_context=V1SecurityContext(privileged=True))


class Settings(SimpleNamespace):
    """The traits that the checks read, as a good hub has them."""

    def __init__(self, **changes):
        good = {
            "hub_name": "north",
            "shared_claim_name": "gateway-share",
            "home_init_image": "hub:1",
            "home_quota": "",
            "usage_directory": "",
            "enable_user_namespaces": False,
            "memory_profiles": [{"slug": "small"}],
            "profile_list": Settings.make_profile_list,
            "profiles": make_profiles(cpu=2),
            "cpu_limit": None,
            "cpu_guarantee": None,
            "home_path": "/home/jovyan",
            "volume_mounts": [{"name": "scratch", "mountPath": "/scratch"}],
            "init_containers": {},
            "extra_containers": [],
            "uid": 1000,
            "autoscaled_nodes": [],
            "wait_in_line": 0,
        }
        super().__init__(**(good | changes))

    def make_profile_list(self):
        return []


def make_profiles(**keys):
    return parse_profiles([{"slug": "small", "display_name": "Small", "memory": "1G", **keys}])


def test_good_settings_pass():
    assert list(find_problems(Settings())) == []
    assert list(find_problems(Settings(memory_profiles=[], profile_list=[], profiles=()))) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hub_name": "My Hub!"}, "GatewaySpawner.hub_name is 'My Hub!'"),
        (
            {"autoscaled_nodes": [{"labels": {}, "profiles": ["smal"]}]},
            "autoscaled_nodes: nodes {}: profiles: there is no profile 'smal'",
        ),
        (
            {"wait_in_line": 600, "memory_profiles": []},
            "GatewaySpawner.wait_in_line is 600, and there are no memory_profiles",
        ),
        ({"hub_name": "x" * 64}, "GatewaySpawner.hub_name"),
        ({"shared_claim_name": ""}, "GatewaySpawner.shared_claim_name is empty"),
        ({"enable_user_namespaces": True}, "KubeSpawner.enable_user_namespaces is True"),
        ({"profile_list": [{"display_name": "a"}]}, "both memory_profiles and profile_list"),
        ({"profile_list": print}, "both memory_profiles and profile_list"),
        ({"cpu_guarantee": 4}, "profile 'small': its cpu_guarantee (4) is over its limit cpu (2)"),
        ({"profiles": make_profiles(cpu_guarantee=4), "cpu_limit": 1}, "its limit cpu (1)"),
        ({"home_path": "home"}, "GatewaySpawner.home_path is 'home'"),
        ({"volume_mounts": [{"name": "h", "mountPath": "/home/jovyan/"}]}, "has 'h' at"),
        ({"volume_mounts": {"h": {"name": "h", "mountPath": "/home/jovyan"}}}, "has 'h' at"),
        ({"uid": 0}, "KubeSpawner.uid is 0"),
        ({"home_init_image": ""}, "GatewaySpawner.home_init_image is empty"),
        ({"home_quota": "1G"}, "GatewaySpawner.home_quota is '1G', and the hub cannot tell"),
        (
            {"home_quota": [{"size": "1G", "profiles": ["big"]}], "usage_directory": "/usage"},
            "GatewaySpawner.home_quota names the profile 'big'",
        ),
        ({"home_path": "/"}, "GatewaySpawner.home_path is '/': /gateway is not in a home"),
        ({"volume_mounts": [{"name": "g", "mountPath": "/gateway"}]}, "has 'g' at '/gateway'"),
        (
            {"extra_containers": [{"name": "e", "security_context": {"privileged": True}}]},
            "KubeSpawner adds 'e', which is privileged",
        ),
        (
            {"init_containers": [{"name": "i", "securityContext": {"privileged": True}}]},
            "singleuser.cloudMetadata.blockWithIptables",
        ),
        ({"init_containers": [PRIVILEGED]}, "KubeSpawner adds 'i', which is privileged"),
    ],
)
def test_a_setting_that_cannot_work_is_named(changes, said):
    with pytest.raises(ConfigurationError) as raised:
        check_settings(Settings(**changes))
    assert said in str(raised.value)
