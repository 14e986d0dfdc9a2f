"""What an operator's check asks the Kubernetes API, with the operator's own rights.

All raise KubeUnavailable where the API does not answer, or not to them.
"""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from kubernetes_asyncio.client import (
    ApiException,
    AppsV1Api,
    AuthorizationV1Api,
    Configuration,
    CoreV1Api,
    StorageV1Api,
    V1SubjectAccessReview,
    V1SubjectAccessReviewSpec,
)

from jhub_gateway.clients.kube import Resource, make_attributes, open_client, wait_for
from jhub_gateway.clients.kubeconfig import read_kubeconfig
from jhub_gateway.models import Node

_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


@dataclass(frozen=True, slots=True)
class Account:
    """A ServiceAccount. It may have rights in other namespaces than its own."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class HubDeployment:
    """The hub's Deployment: how many hubs there are to be, and the chart that made it."""

    replicas: int
    chart: str  # such as "jupyterhub-4.4.0"; empty where no chart made it


@dataclass(frozen=True, slots=True)
class PodRequests:
    """What a pod reserves on its node, each container as the API writes it."""

    node: str
    labels: dict[str, str]
    containers: list[dict[str, str]]
    init_containers: list[dict[str, str]]


@contextmanager
def using_kubeconfig(kubeconfig: Path | None, context: str | None) -> Iterator[str]:
    """Ask that cluster from now on, as read_kubeconfig finds it; yield the context's namespace."""
    configuration, namespace = asyncio.run(read_kubeconfig(kubeconfig, context))
    before = Configuration.get_default_copy()
    Configuration.set_default(configuration)
    try:
        yield namespace
    finally:
        Configuration.set_default(before)


def list_nodes() -> list[Node]:
    """Return the cluster's nodes."""
    return [_read_node(node) for node in wait_for(_list_nodes())]


def list_pod_requests() -> list[PodRequests]:
    """Return what the pods on the cluster's nodes reserve, of all namespaces."""
    return [
        PodRequests(
            node=pod.spec.node_name,
            labels=dict(pod.metadata.labels or {}),
            containers=_read_requests(pod.spec.containers),
            init_containers=_read_requests(pod.spec.init_containers or ()),
        )
        for pod in wait_for(_list_pods())
    ]


def list_storage_classes() -> dict[str, str]:
    """Return the provisioner of each class by its name, and that of the default one under ""."""
    found: dict[str, str] = {}
    for storage_class in wait_for(_list_storage_classes()):
        found[storage_class.metadata.name] = storage_class.provisioner
        if (storage_class.metadata.annotations or {}).get(_DEFAULT_CLASS) == "true":
            found[""] = storage_class.provisioner
    return found


def read_hub(namespace: str, name: str) -> HubDeployment | None:
    """Return the hub's Deployment, or None if there is none of that name."""
    found = wait_for(_read(AppsV1Api, "read_namespaced_deployment", name, namespace))
    if found is None:
        return None
    labels = found.metadata.labels or {}
    return HubDeployment(found.spec.replicas, labels.get("helm.sh/chart", ""))


def has_account(namespace: str, name: str) -> bool:
    """Whether there is a ServiceAccount of that name."""
    found = wait_for(_read(CoreV1Api, "read_namespaced_service_account", name, namespace))
    return found is not None


def check_access_of(
    account: Account, namespace: str, verbs: Iterable[str], resource: Resource
) -> list[str]:
    """Return which of the verbs the account may not use on the resource in the namespace."""
    user = f"system:serviceaccount:{account.namespace}:{account.name}"
    groups = [
        "system:authenticated",
        "system:serviceaccounts",
        f"system:serviceaccounts:{account.namespace}",
    ]
    reviews = [
        V1SubjectAccessReview(
            spec=V1SubjectAccessReviewSpec(
                user=user,
                groups=groups,
                resource_attributes=make_attributes(namespace, verb, resource),
            )
        )
        for verb in verbs
    ]
    allowed = wait_for(_review(reviews))
    return [verb for verb, is_allowed in zip(verbs, allowed, strict=True) if not is_allowed]


async def _list_nodes() -> list[Any]:
    async with open_client() as client:
        return list((await CoreV1Api(client).list_node()).items)


async def _list_pods() -> list[Any]:
    fields = "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed"
    async with open_client() as client:
        return list(
            (await CoreV1Api(client).list_pod_for_all_namespaces(field_selector=fields)).items
        )


async def _list_storage_classes() -> list[Any]:
    async with open_client() as client:
        return list((await StorageV1Api(client).list_storage_class()).items)


async def _read(api: Any, method: str, *names: str) -> Any:
    async with open_client() as client:
        try:
            return await getattr(api(client), method)(*names)
        except ApiException as problem:
            if problem.status == HTTPStatus.NOT_FOUND:
                return None
            raise


async def _review(reviews: list[V1SubjectAccessReview]) -> list[bool]:
    async with open_client() as client:
        api = AuthorizationV1Api(client)
        answers = await asyncio.gather(*map(api.create_subject_access_review, reviews))
    return [bool(answer.status.allowed) for answer in answers]


def _read_requests(containers: Iterable[Any]) -> list[dict[str, str]]:
    given = (container.resources for container in containers)
    return [dict(resources.requests or {}) if resources else {} for resources in given]


def _read_node(node: Any) -> Node:
    taints = [
        {"key": taint.key, "value": taint.value or "", "effect": taint.effect}
        for taint in node.spec.taints or ()
    ]
    return Node(
        name=node.metadata.name,
        labels=dict(node.metadata.labels or {}),
        taints=tuple(taints),
        allocatable=dict(node.status.allocatable or {}),
    )
