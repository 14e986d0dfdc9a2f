"""GatewaySpawner in a real hub, against a real kube-apiserver: what it asks for, and what not."""

import json
import re
import time

import pytest
import requests

from jhub_gateway.policy.directories import make_directory_name
from tests.fixtures.cluster import CLAIM, OTHER_CLAIM, Namespace
from tests.fixtures.hub import CHECKED_LOGIN, Hub, HubError

GIB = 1024**3
CONFIG = (
    CHECKED_LOGIN
    + """
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "gateway"
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 0}}
c.KubeSpawner.namespace = "{namespace}"
c.KubeSpawner.image = "jhub-gateway/user:test"
c.KubeSpawner.start_timeout = 60
c.GatewaySpawner.shared_claim_name = "{claim}"
c.GatewaySpawner.home_init_image = "hub:1"
c.GatewaySpawner.hub_name = "north"
c.GatewaySpawner.memory_profiles = [
    {{"slug": "small", "display_name": "Small", "memory": "1G", "cpu": 1}},
    {{
        "slug": "large",
        "display_name": "Large",
        "memory": "8G",
        "memory_guarantee": "4G",
        "allowed_groups": ["/gateway/large-memory"],
        "node_selector": {{"pool": "large"}},
        "tolerations": [{{"key": "large", "operator": "Exists"}}],
        "extra_resource_limits": {{"nvidia.com/gpu": 1}},
        "default": True,
    }},
]
"""
)


def make_config(namespace: Namespace, more: str = "") -> str:
    return CONFIG.format(namespace=namespace.name, claim=CLAIM) + more


@pytest.fixture
def hub(namespace: Namespace, make_hub) -> Hub:
    return make_hub(make_config(namespace), namespace.environment)


def start(hub: Hub, token: str, user: str, body: object = None, name: str = ""):
    path = f"/users/{user}/servers/{name}" if name else f"/users/{user}/server"
    return hub.api("POST", path, token, json=body)


def notebook_of(pod: dict) -> dict:
    return next(c for c in pod["spec"]["containers"] if c["name"] == "notebook")


def test_a_start_without_a_profile_gets_the_default_that_the_user_may_have(hub, namespace):
    start(hub, hub.add_user("ada"), "ada").raise_for_status()
    resources = notebook_of(namespace.wait_for_pod())["resources"]
    assert resources["limits"] == {"memory": str(GIB), "cpu": "1"}
    assert resources["requests"]["memory"] == str(GIB)


def test_a_member_gets_the_large_profile_with_its_nodes(hub, namespace):
    token = hub.add_user("grace", "/gateway/large-memory")
    start(hub, token, "grace", {"profile": "large"}).raise_for_status()
    pod = namespace.wait_for_pod()
    resources = notebook_of(pod)["resources"]
    assert resources == {
        "limits": {"memory": str(8 * GIB), "nvidia.com/gpu": "1"},
        "requests": {"memory": str(4 * GIB), "nvidia.com/gpu": "1"},
    }
    assert pod["spec"]["nodeSelector"] == {"pool": "large"}
    assert {"key": "large", "operator": "Exists"} in pod["spec"]["tolerations"]


def test_a_forbidden_profile_is_403_whoever_asks(hub, namespace):
    ada = hub.add_user("ada", "/x/gateway/large-memory")
    root = hub.add_user("hypatia", "/gateway/large-memory", admin=True)
    answers = [
        start(hub, ada, "ada", {"profile": "large"}),
        start(hub, ada, "ada", {"profile": "large"}, name="second"),
        start(hub, root, "ada", {"profile": "large"}),
        start(hub, ada, "ada", {"profile": "nothing"}),
        start(hub, ada, "ada", {"profile": ["large"]}),
    ]
    sentence = "The server size that was asked for is not open to you. Choose one of these: Small."
    assert [(answer.status_code, answer.json()["message"]) for answer in answers] == [
        (403, sentence)
    ] * len(answers)
    assert namespace.pods() == []


def test_refusals_never_stop_the_hub(namespace, make_hub):
    config = make_config(namespace, "c.Spawner.consecutive_failure_limit = 2\n")
    hub = make_hub(config, namespace.environment)
    ada = hub.add_user("ada")
    for _ in range(4):
        assert start(hub, ada, "ada", {"profile": "large"}).status_code == 403
    # JupyterHub leaves two seconds after it decided to.
    time.sleep(4)
    assert hub.process.poll() is None
    assert "consecutive spawn" not in hub.log


@pytest.mark.parametrize("body", [["x"], "x", 1, None, {"profile": None}, {"profile": ""}])
def test_a_body_that_asks_for_nothing_gets_the_default(hub, namespace, body):
    answer = start(hub, hub.add_user("ada"), "ada", body)
    if answer.status_code == 400:
        # JupyterHub 6 itself refuses what is no mapping.
        assert not isinstance(body, dict | None)
        return
    answer.raise_for_status()
    limits = notebook_of(namespace.wait_for_pod())["resources"]["limits"]
    assert limits["memory"] == str(GIB)


def test_a_refused_choice_is_not_remembered(hub, namespace):
    ada = hub.add_user("ada")
    assert start(hub, ada, "ada", {"profile": "large"}).status_code == 403
    start(hub, ada, "ada").raise_for_status()
    assert notebook_of(namespace.wait_for_pod())["resources"]["limits"]["memory"] == str(GIB)


def test_a_remembered_choice_that_is_closed_now_gives_the_default(hub, namespace):
    grace = hub.add_user("grace", "/gateway/large-memory")
    start(hub, grace, "grace", {"profile": "large"}).raise_for_status()
    namespace.wait_for_pod()
    hub.stop_server("grace")
    group = requests.utils.quote("/gateway/large-memory", safe="")
    hub.api("DELETE", f"/groups/{group}/users", json={"users": ["grace"]}).raise_for_status()
    start(hub, grace, "grace").raise_for_status()
    assert notebook_of(namespace.wait_for_pod())["resources"]["limits"]["memory"] == str(GIB)


def test_a_refusal_shows_its_sentence_as_it_is(namespace, make_hub):
    config = make_config(namespace).replace('"Small"', '"50% of a node"')
    hub = make_hub(config, namespace.environment)
    answer = start(hub, hub.add_user("ada"), "ada", {"profile": "large"})
    assert answer.json()["message"].endswith("Choose one of these: 50% of a node.")


def test_an_authenticator_that_checks_nothing_lets_no_server_start(namespace, make_hub):
    config = make_config(namespace, "c.GatewaySpawner.hub_name = 'no label!'\n")
    config += "c.JupyterHub.authenticator_class = DummyAuthenticator\n"
    config += "c.JupyterHub.tornado_settings = {}\n"
    config += "c.Spawner.consecutive_failure_limit = 2\n"
    hub = make_hub(config, namespace.environment)
    ada = hub.add_user("ada")
    for _ in range(4):
        answer = start(hub, ada, "ada")
        assert answer.status_code == 500
        assert "Tell the gateway's operators" in answer.json()["message"]
    # JupyterHub leaves two seconds after it decided to.
    time.sleep(4)
    assert hub.process.poll() is None
    assert "No server can start: GatewaySpawner.hub_name is 'no label!'" in hub.log
    assert namespace.pods() == []


def test_memory_never_comes_from_user_options(hub, namespace):
    options = {"profile": "small", "mem_limit": "64G", "memory": "64G", "image": "evil"}
    start(hub, hub.add_user("ada"), "ada", options).raise_for_status()
    notebook = notebook_of(namespace.wait_for_pod())
    assert notebook["resources"]["limits"]["memory"] == str(GIB)
    assert notebook["image"] == "jhub-gateway/user:test"


def test_the_pod_is_restricted_and_says_whose_it_is(hub, namespace):
    # The namespace enforces the standard, so that the pod is there at all says most of it.
    start(hub, hub.add_user("ada.b"), "ada.b").raise_for_status()
    pod = namespace.wait_for_pod()
    spec, labels = pod["spec"], pod["metadata"]["labels"]
    assert spec["securityContext"]["fsGroup"] == 1000
    # For containers that name no user, such as the operator's own.
    assert spec["securityContext"]["runAsUser"] == 1000
    assert spec["securityContext"]["fsGroupChangePolicy"] == "OnRootMismatch"
    assert spec["automountServiceAccountToken"] is False
    for container in spec["containers"] + spec["initContainers"]:
        context = container["securityContext"]
        assert (context["runAsUser"], context["runAsGroup"]) == (1000, 1000)
    assert labels["jhub-gateway/hub"] == "north"
    assert re.fullmatch(r"[0-9a-f]{63}", labels["jhub-gateway/owner"])


def test_a_pod_that_is_refused_leaves_no_secret_in_the_log(hub, namespace):
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none"},
        "spec": {"hard": {"pods": "0"}},
    }
    namespace.kubectl("create", "-f", "-", manifest=quota)
    namespace.kubectl("wait", "resourcequota/none", "--for=jsonpath={.status.hard.pods}=0")
    start(hub, hub.add_user("ada"), "ada")
    deadline = time.monotonic() + 30
    while "exceeded quota" not in hub.log and time.monotonic() < deadline:
        time.sleep(0.2)
    assert "exceeded quota" in hub.log
    assert "JUPYTERHUB_API_TOKEN" not in hub.log


def test_only_the_owners_directories_are_mounted(hub, namespace):
    start(hub, hub.add_user("ada.b"), "ada.b").raise_for_status()
    pod = namespace.wait_for_pod()
    mounts = [m for m in notebook_of(pod)["volumeMounts"] if m["name"] == "gateway-share"]
    assert mounts == [
        {"name": "gateway-share", "mountPath": "/home/jovyan", "subPath": "homes/ada.b"},
        {
            "name": "gateway-share",
            "mountPath": "/gateway/usage",
            "subPath": "usage/homes/ada.b",
            "readOnly": True,
        },
    ]
    (prepare,) = pod["spec"]["initContainers"]
    assert prepare["image"] == "hub:1"
    assert json.loads(prepare["command"][-1]) == {
        "owner": {"name": "ada.b", "issuer": None, "subject": None},
        "folders": [],
        "datasets": [],
        "rescue": False,
    }


DATA = """
c.GatewaySpawner.group_folders = [
    {"group": "/x/admin", "folder": "secret", "access": "read-write"},
    {"group": "genes", "folder": "genes", "access": "read-write"},
    {"group": "stars", "folder": "stars"},
    {"group": "../../homes/ada"},
]
c.GatewaySpawner.datasets = [
    {"name": "survey"},
    {"name": "closed", "allowed_groups": ["/x/admin"]},
    {"name": "other", "claim": "other", "sub_path": "2026"},
]
c.GatewaySpawner.tutorials = [
    {"name": "first-1"},
    {"name": "course", "git": "https://git.gateway.org/course", "branch": "main"},
]
"""


def read_mounts(container: dict) -> dict[str, tuple[str, bool]]:
    """Where the container sees which part of a volume, and whether it can only read it."""
    return {
        mount["mountPath"]: (mount.get("subPath", ""), mount.get("readOnly", False))
        for mount in container["volumeMounts"]
        if mount["mountPath"].startswith("/gateway/")
    }


@pytest.fixture
def other_claim(namespace) -> None:
    """A claim for one of the datasets."""
    namespace.add_claim(OTHER_CLAIM)


def test_groups_decide_which_folders_and_datasets_are_mounted(namespace, make_hub, other_claim):
    hub = make_hub(make_config(namespace, DATA), namespace.environment)
    token = hub.add_user("grace", "genes", "admin", "stars", "../../homes/ada")
    start(hub, token, "grace").raise_for_status()
    pod = namespace.wait_for_pod()
    directory = make_directory_name("../../homes/ada")
    assert read_mounts(notebook_of(pod)) == {
        "/gateway/usage": ("usage/homes/grace", True),
        "/gateway/groups/genes": ("groups/genes", False),
        "/gateway/groups/stars": ("groups/stars", True),
        f"/gateway/groups/{directory}": (f"groups/{directory}", True),
        "/gateway/datasets/survey": ("datasets/survey", True),
        "/gateway/datasets/other": ("2026", True),
    }
    _, fill = pod["spec"]["initContainers"]
    assert json.loads(fill["command"][-1]) == {
        "tutorials": ["first-1"],
        "links": {"gateway": "/gateway"},
    }
    # What works inside a home sees no other.
    assert {mount.get("subPath") for mount in fill["volumeMounts"]} == {"homes/grace", "tutorials"}
    environment = {one["name"]: one.get("value") for one in notebook_of(pod)["env"]}
    assert environment["JUPYTER_RUNTIME_DIR"].startswith("/run/jhub-gateway/")
    assert json.loads(environment["JHUB_GATEWAY_GIT_TUTORIALS"])[0]["branch"] == "main"


def test_a_folder_is_gone_at_the_start_after_its_group(namespace, make_hub, other_claim):
    hub = make_hub(make_config(namespace, DATA), namespace.environment)
    grace = hub.add_user("grace", "genes")
    start(hub, grace, "grace").raise_for_status()
    assert "/gateway/groups/genes" in read_mounts(notebook_of(namespace.wait_for_pod()))
    hub.stop_server("grace")
    hub.api("DELETE", "/groups/genes/users", json={"users": ["grace"]}).raise_for_status()
    start(hub, grace, "grace").raise_for_status()
    assert "/gateway/groups/genes" not in read_mounts(notebook_of(namespace.wait_for_pod()))


def test_any_user_name_gets_a_pod_and_a_home_of_its_own(hub, namespace):
    names = ["ada-b", "ada_b", "ünï.çode@example.org", "a" * 200]
    for name in names:
        start(hub, hub.add_user(name), name).raise_for_status()
    sub_paths = {
        notebook_of(pod)["volumeMounts"][0]["subPath"] for pod in namespace.wait_for_pods(4)
    }
    assert sub_paths == {f"homes/{make_directory_name(name)}" for name in names}


def test_named_servers_share_their_owners_home(hub, namespace):
    token = hub.add_user("ada")
    start(hub, token, "ada").raise_for_status()
    start(hub, token, "ada", name="second").raise_for_status()
    pods = namespace.wait_for_pods(2)
    assert [notebook_of(pod)["volumeMounts"][0]["subPath"] for pod in pods] == ["homes/ada"] * 2


@pytest.mark.parametrize(
    ("volumes", "mounts", "init"),
    [
        (
            '[{"name": "scratch", "emptyDir": {}}]',
            '[{"name": "scratch", "mountPath": "/scratch"}]',
            '[{"name": "own", "image": "own:1"}]',
        ),
        (
            '{"10-scratch": {"name": "scratch", "emptyDir": {}}}',
            '{"10-scratch": {"name": "scratch", "mountPath": "/scratch"}}',
            '{"10-own": {"name": "own", "image": "own:1"}}',
        ),
    ],
    ids=["as lists", "as dicts"],
)
def test_what_zero_to_jupyterhub_sets_keeps_working(namespace, make_hub, volumes, mounts, init):
    config = make_config(
        namespace,
        f"""
c.KubeSpawner.volumes = {volumes}
c.KubeSpawner.volume_mounts = {mounts}
c.KubeSpawner.init_containers = {init}
c.KubeSpawner.tolerations = [{{"key": "hub.jupyter.org/dedicated", "value": "user"}}]
c.KubeSpawner.node_selector = {{"zone": "a"}}
c.KubeSpawner.profile_list = []
c.KubeSpawner.extra_labels = {{"team": "x-{{username}}"}}
c.KubeSpawner.environment = {{"GATEWAY": "north"}}
c.KubeSpawner.extra_pod_config = {{"hostname": "{{pod_name}}", "subdomain": "gateway-servers"}}
""",
    )
    hub = make_hub(config, namespace.environment)
    token = hub.add_user("grace", "/gateway/large-memory")
    start(hub, token, "grace", {"profile": "large"}).raise_for_status()
    pod = namespace.wait_for_pod()
    spec, notebook = pod["spec"], notebook_of(pod)
    assert {"scratch", "gateway-share"} <= {volume["name"] for volume in spec["volumes"]}
    assert {"/scratch", "/home/jovyan"} <= {m["mountPath"] for m in notebook["volumeMounts"]}
    assert [c["name"] for c in spec["initContainers"]] == ["gateway-home", "own"]
    assert {"hub.jupyter.org/dedicated", "large"} <= {t["key"] for t in spec["tolerations"]}
    assert spec["nodeSelector"] == {"zone": "a", "pool": "large"}
    assert pod["metadata"]["labels"]["team"] == "x-grace"
    assert {"name": "GATEWAY", "value": "north"} in notebook["env"]
    assert (spec["hostname"], spec["subdomain"]) == ("jupyter-grace", "gateway-servers")


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("shared_claim_name = ''", "GatewaySpawner.shared_claim_name is empty"),
        ("home_path = 'home'", "GatewaySpawner.home_path is 'home'"),
        ("home_init_image = ''", "GatewaySpawner.home_init_image is empty"),
        ("home_quota = '1 furlong'", "home_quota: '1 furlong' is no amount"),
        ("home_quota = '1G'", "GatewaySpawner.usage_directory"),
        ("shared_claim_name = 'nowhere'", "'nowhere': there is no such claim in the namespace"),
        ("datasets = [{'name': 'a', 'claim': 'b'}]", "dataset 'a': claim is 'b': there is no such"),
        ("datasets = [{'name': '..'}]", "datasets: dataset '..': name: '..' is no name"),
        ("group_folders = [{'group': 'a', 'folder': '../b'}]", "folder: '../b' is no name"),
        ("memory_profiles = [{'slug': 'a'}]", "memory_profiles: profile 'a' has no"),
        ("memory_profile = []", "GatewaySpawner.memory_profile: there is no such setting"),
        ("profile_list = [{'display_name': 'a'}]", "both memory_profiles and profile_list"),
        ("volume_mounts = [{'name': 'home', 'mountPath': '/home/jovyan'}]", "has 'home' at"),
        ("start_timeout = 'soon'", "start_timeout"),
    ],
)
def test_a_wrong_setting_stops_the_hub_with_a_sentence(namespace, make_hub, setting, said):
    with pytest.raises(HubError) as raised:
        make_hub(make_config(namespace, f"c.GatewaySpawner.{setting}\n"), namespace.environment)
    assert said in str(raised.value)


def test_a_misspelt_node_label_is_told_when_the_hub_starts(namespace, make_hub):
    selector = {"kubernetes.io/os": "linus"}
    more = f"c.GatewaySpawner.memory_profiles[0]['node_selector'] = {selector}\n"
    hub = make_hub(make_config(namespace, more), namespace.environment)
    assert "profile 'small': node_selector: no node of the cluster has the label" in hub.log
    assert "kubernetes.io/os=linus" in hub.log
    if namespace.get("nodes")["items"]:
        assert "did you mean 'kubernetes.io/os=linux'" in hub.log
