"""The hub's rights on Secrets, by the manifest that operators apply, on a real kube-apiserver."""

import logging
import re
import time
from collections.abc import Iterable
from types import SimpleNamespace

import pytest
import yaml
from kubernetes_asyncio.client import ApiClient, Configuration, CoreV1Api

from jhub_gateway.access_checks import SECRET_VERBS, check_secret_access
from jhub_gateway.clients.kube import Resource, check_access
from jhub_gateway.credentials.secret_store import SecretStore, list_secret_stores
from jhub_gateway.errors import ConfigurationError, CredentialUnavailable
from tests.fixtures.cluster import BESIDE_CHART, Namespace

ALL_VERBS = {"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}
# jupyterhub/templates/hub/rbac.yaml of Zero to JupyterHub's chart.
CHART_VERBS = {"get", "watch", "list", "create", "delete"}
MANIFEST = (BESIDE_CHART / "credentials-rbac.yaml").read_text()
ALONE = re.sub(r"^(      )# - ", r"\1- ", MANIFEST, flags=re.MULTILINE)


def apply(namespace: Namespace, manifests: str) -> None:
    for manifest in yaml.safe_load_all(manifests):
        for subject in manifest.get("subjects", ()):
            subject["namespace"] = namespace.name
        namespace.kubectl("apply", "-f", "-", manifest=manifest)


def make_chart_role(verbs: Iterable[str] = CHART_VERBS) -> str:
    role, binding = yaml.safe_load_all(MANIFEST)
    role["rules"][0]["verbs"] = sorted(verbs)
    for each in (role, binding):
        each["metadata"]["name"] = "hub"
    binding["roleRef"]["name"] = "hub"
    return yaml.safe_dump_all([role, binding])


def wait_for_verbs(namespace: Namespace, verbs: Iterable[str]) -> None:
    """Until the API server has heard of its new roles; fails if it hears of others."""
    deadline = time.monotonic() + 10
    while (missing := set(check_access(namespace.name, ALL_VERBS, Resource("secrets")))) != (
        ALL_VERBS - set(verbs)
    ):
        assert time.monotonic() < deadline, f"the hub may {sorted(ALL_VERBS - missing)}"
        time.sleep(0.05)


def make_spawner(namespace: Namespace):
    return SimpleNamespace(namespace=namespace.name, log=logging.getLogger("test"))


async def use_secrets(namespace: Namespace, as_hub: Configuration) -> None:
    """Do all that a hub does with them, as two processes."""
    async with ApiClient(as_hub) as client:
        api = CoreV1Api(client)
        first, second = (SecretStore(api, namespace.name, "north", "1", "ada") for _ in "12")
        assert await first.write({"access_token": b"1"})
        assert await second.claim()
        assert not await first.claim()
        assert await second.write({"access_token": b"2"})
        assert await first.write({"access_token": b"3"})
        await second.remove()
        (found,) = await list_secret_stores(api, namespace.name, "north")
        await found.remove()
        assert await list_secret_stores(api, namespace.name, "north") == []


async def test_the_manifest_adds_to_the_charts_role_what_is_missing(namespace, as_hub):
    apply(namespace, make_chart_role())
    wait_for_verbs(namespace, CHART_VERBS)
    with pytest.raises(ConfigurationError, match="may not patch secrets in the namespace"):
        check_secret_access(make_spawner(namespace))
    apply(namespace, MANIFEST)
    wait_for_verbs(namespace, CHART_VERBS | {"patch"})
    check_secret_access(make_spawner(namespace))
    await use_secrets(namespace, as_hub)


async def test_the_manifest_with_all_its_lines_is_enough_alone(namespace, as_hub):
    apply(namespace, ALONE)
    wait_for_verbs(namespace, SECRET_VERBS)
    check_secret_access(make_spawner(namespace))
    await use_secrets(namespace, as_hub)


async def test_each_verb_is_needed_and_named_if_it_is_missing(namespace, as_hub):
    for missing in SECRET_VERBS:
        given = set(SECRET_VERBS) - {missing}
        apply(namespace, make_chart_role(given))
        wait_for_verbs(namespace, given)
        with pytest.raises(ConfigurationError, match=f"may not {missing} secrets in the namespace"):
            check_secret_access(make_spawner(namespace))
        with pytest.raises(CredentialUnavailable, match="403 Forbidden"):
            await use_secrets(namespace, as_hub)
        namespace.kubectl("delete", "secrets", "--all")
