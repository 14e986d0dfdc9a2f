"""What the chart makes of values, told by the real classes that take the settings."""

from copy import deepcopy

import pytest
import yaml
from jupyterhub.app import JupyterHub
from kubespawner import KubeSpawner
from traitlets.config import Config

from jhub_gateway.chart.settings import TRAITS, apply_values, load_chart_config
from jhub_gateway.errors import ConfigurationError

KEY = "c" * 64
SECRETS = {
    "hub.config.JupyterHub.cookie_secret": "ab" * 32,
    "hub.config.CryptKeeper.keys": f"{KEY};{'d' * 64}",
}


def make_config(values=None, secrets=(), environment=None):
    config = Config()
    environment = {} if environment is None else environment
    apply_values(config, values or {}, {**SECRETS, **dict(secrets)}, environment)
    return config


def make_spawner(singleuser=None, **values):
    """Return KubeSpawner with its own traits set; it wants no Kubernetes for that."""
    spawner = KubeSpawner.__new__(KubeSpawner)
    spawner.config = make_config({"singleuser": singleuser or {}, **values})
    return spawner


def test_each_trait_of_the_table_exists():
    classes = {cls.__name__: cls for cls in (*KubeSpawner.mro(), JupyterHub)}
    for trait in TRAITS.values():
        section, name = trait.split(".")
        assert classes[section].class_traits(config=True)[name]


def test_the_charts_defaults_hold_where_values_say_nothing():
    spawner = make_spawner()
    assert (spawner.uid, spawner.fs_gid, spawner.mem_guarantee) == (1000, 100, 1024**3)
    assert spawner.storage_pvc_ensure
    assert list(spawner.volume_mounts) == ["volume-{user_server}"]
    assert [container["name"] for container in spawner.init_containers] == ["block-cloud-metadata"]
    assert spawner.scheduler_name == "hub-user-scheduler"


def test_null_removes_a_default():
    spawner = make_spawner({"memory": {"guarantee": None}, "fsGid": None})
    assert (spawner.mem_guarantee, spawner.fs_gid) == (None, None)


def test_values_of_one_trait():
    spawner = make_spawner(
        {
            "image": {"name": "lab", "tag": "2", "pullSecrets": [{"name": "own"}]},
            "memory": {"limit": "4G"},
            "extraEnv": {"A": "b"},
            "cmd": None,
            "storage": {"type": "none"},
            "cloudMetadata": {"blockWithIptables": False},
        },
        imagePullSecrets=[{"name": "all"}],
    )
    assert (spawner.image, spawner.mem_limit) == ("lab:2", 4 * 1024**3)
    assert spawner.environment == {"A": "b"}
    assert spawner.image_pull_secrets == [{"name": "all"}, {"name": "own"}]
    assert (spawner.volumes, spawner.volume_mounts, spawner.init_containers) == ({}, {}, [])
    assert spawner.cmd is None


def test_scheduling():
    spawner = make_spawner(
        {"extraTolerations": [{"key": "gpu"}], "extraNodeAffinity": {"required": [{"a": 1}]}},
        scheduling={
            "userScheduler": {"enabled": False},
            "podPriority": {"enabled": True},
            "userPods": {"nodeAffinity": {"matchNodePurpose": "require"}},
        },
    )
    assert spawner.scheduler_name is None
    assert spawner.priority_class_name == "hub-default-priority"
    assert [toleration["key"] for toleration in spawner.tolerations] == [
        "hub.jupyter.org/dedicated",
        "hub.jupyter.org_dedicated",
        "gpu",
    ]
    assert len(spawner.node_affinity_required) == 2


def test_static_storage_and_files():
    spawner = make_spawner(
        {
            "storage": {
                "type": "static",
                "static": {"pvcName": "homes"},
                "extraVolumes": [{"name": "scratch"}],
                "extraVolumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
            },
            "extraFiles": {"motd": {"mountPath": "/etc/motd", "mode": 420}},
        }
    )
    assert spawner.volumes["home"]["persistentVolumeClaim"] == {"claimName": "homes"}
    assert spawner.volumes["files"]["secret"]["items"][0]["mode"] == 420
    assert spawner.volume_mounts["home"]["subPath"] == "{username}"
    assert set(spawner.volume_mounts) == {"home", "0-files", "0-scratch"}


def test_services_get_the_secrets_tokens():
    values = {
        "cull": {"enabled": False},
        "hub": {
            "services": {"reports": {"apiToken": "in the values", "url": "http://reports"}},
            "loadRoles": {"reports": {"scopes": ["list:users"]}},
        },
    }
    hub = make_config(values, {"hub.services.reports.apiToken": "in the Secret"}).JupyterHub
    assert hub.services == [
        {"name": "reports", "url": "http://reports", "api_token": "in the Secret"}
    ]
    assert hub.load_roles == [{"name": "reports", "scopes": ["list:users"]}]


def test_the_charts_culler():
    values = {"cull": {"users": True, "maxAge": 9}, "hub": {"baseUrl": "/jupyter/"}}
    hub = make_config(values).JupyterHub
    assert hub.services[0]["command"][3:] == [
        "--url=http://localhost:8081/jupyter/hub/api",
        "--timeout=3600",
        "--cull-every=600",
        "--concurrency=10",
        "--cull-users",
        "--max-age=9",
    ]
    assert "admin:users" in hub.load_roles[0]["scopes"]


@pytest.mark.parametrize(
    ("kind", "url", "variable"),
    [("postgres", "postgresql://db", "PGPASSWORD"), ("mysql", "mysql://db", "MYSQL_PWD")],
)
def test_the_databases_password_is_the_drivers(kind, url, variable):
    environment = {}
    values = {"hub": {"db": {"type": kind, "url": url}}}
    config = make_config(values, {"hub.db.password": "a secret"}, environment)
    assert config.JupyterHub.db_url == url
    assert environment == {variable: "a secret"}


def test_services_are_found_as_kubernetes_tells():
    environment = {"HUB_SERVICE_PORT": "80", "POD_NAMESPACE": "gateway"}
    config = make_config(environment=environment)
    assert config.JupyterHub.hub_connect_url == "http://hub:80"
    assert config.ConfigurableHTTPProxy.api_url == "http://proxy-api:8001"
    assert config.KubeSpawner.namespace == "gateway"


def test_hub_config_is_over_the_rest_and_programs_are_last():
    hub = {
        "concurrentSpawnLimit": 1,
        "config": {
            "JupyterHub": {"concurrent_spawn_limit": 2, "cookie_secret": "in the values"},
            "KubeSpawner": {"uid": 2000},
        },
        "extraConfig": {
            "20-later": "c.KubeSpawner.fs_gid = gid + get_config('singleuser.uid')",
            "10-first": "gid = 1\nc.KubeSpawner.uid += 1",
        },
    }
    values = {"hub": hub}
    before = deepcopy(values)
    config = make_config(values)
    assert config.JupyterHub.concurrent_spawn_limit == 2
    assert config.JupyterHub.cookie_secret == SECRETS["hub.config.JupyterHub.cookie_secret"]
    assert config.CryptKeeper["keys"] == [KEY, "d" * 64]
    assert (config.KubeSpawner.uid, config.KubeSpawner.fs_gid) == (2001, 1001)
    assert values == before


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"hub": {"config": {"loadRoles": {}}}}, "hub.config.loadRoles: a section is the name"),
        ({"hub": {"config": {"KubeSpawner": None}}}, "hub.config.KubeSpawner is no mapping"),
        ({"hub": {"services": {"a": {}}}}, "has no key hub.services.a.apiToken"),
        (
            {"scheduling": {"userPods": {"nodeAffinity": {"matchNodePurpose": "must"}}}},
            "matchNodePurpose is 'must'",
        ),
    ],
)
def test_what_the_chart_stops_the_hub_for(values, sentence):
    with pytest.raises(ConfigurationError, match=sentence.replace(".", r"\.")):
        make_config(values)


def test_a_pod_without_helm_reads_its_secret(tmp_path):
    database = {"type": "postgres", "url": "postgresql+psycopg2://hub@database/hub"}
    values = {"hub": {"services": {"a": {}}, "db": database}}
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))
    for key, value in {**SECRETS, "hub.services.a.apiToken": "token"}.items():
        (tmp_path / key).write_text(value)
    config = Config()
    load_chart_config(config, tmp_path)
    assert config.JupyterHub.services[-1] == {"name": "a", "api_token": "token"}


@pytest.mark.parametrize("database", ["", "hub: {db: {type: sqlite-memory}}"])
def test_without_helm_there_is_no_volume_for_sqlite(tmp_path, database):
    (tmp_path / "values.yaml").write_text(database or "{}")
    with pytest.raises(ConfigurationError, match=r"hub\.db\.type is 'sqlite"):
        load_chart_config(Config(), tmp_path)
