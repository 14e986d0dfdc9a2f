"""What the hub asks the Kubernetes API before it starts: claims, nodes and its own rights.

KubeSpawner loads the client's configuration; make a spawner before any of these is called.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aiohttp import ClientError
from kubernetes_asyncio.client import (
    ApiClient,
    ApiException,
    AuthorizationV1Api,
    CoreV1Api,
    V1ResourceAttributes,
    V1SelfSubjectAccessReview,
    V1SelfSubjectAccessReviewSpec,
)

from jhub_gateway.clients.user_agents import name_caller
from jhub_gateway.errors import GatewayError

REQUEST_SECONDS = 10


class KubeUnavailable(GatewayError):
    """The API server does not answer, or not to this hub. The message says which."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of object of an API group, such as ``secrets`` or ``pods/log``; or one by name."""

    plural: str
    group: str = ""
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A PersistentVolumeClaim: its phase (Pending, Bound or Lost) and access modes."""

    phase: str
    access_modes: frozenset[str]


def read_claim(namespace: str, name: str) -> Claim | None:
    """Return the claim, or None if there is none of that name. Raises KubeUnavailable."""
    return wait_for(_read_claim(namespace, name))


def count_nodes() -> int:
    """Return how many nodes the cluster has. Raises KubeUnavailable, also where that is hidden."""
    return wait_for(_count_nodes())


def check_access(namespace: str, verbs: Iterable[str], resource: Resource) -> list[str]:
    """Return which of the verbs this hub may not use there on the resource.

    Raises KubeUnavailable.
    """
    return wait_for(_check_access(namespace, list(verbs), resource))


@asynccontextmanager
async def open_client() -> AsyncIterator[ApiClient]:
    """Open a client that names this project as its caller."""
    async with ApiClient() as client:
        name_caller(client)
        yield client


async def _read_claim(namespace: str, name: str) -> Claim | None:
    async with open_client() as client:
        try:
            found = await CoreV1Api(client).read_namespaced_persistent_volume_claim(name, namespace)
        except ApiException as problem:
            if problem.status == HTTPStatus.NOT_FOUND:
                return None
            raise
    modes = found.status.access_modes or found.spec.access_modes or ()
    return Claim(found.status.phase, frozenset(modes))


@contextmanager
def warning_if_unavailable(log: Any, what: str) -> Iterator[None]:
    """Log which checks are left out where the API server does not answer; the hub starts."""
    try:
        yield
    except KubeUnavailable as problem:
        log.warning("%s are not checked: the Kubernetes API answered %s", what, problem)


async def _count_nodes() -> int:
    async with open_client() as client:
        return len((await CoreV1Api(client).list_node()).items)


async def _check_access(namespace: str, verbs: list[str], resource: Resource) -> list[str]:
    async with open_client() as client:
        api = AuthorizationV1Api(client)
        reviews = [
            V1SelfSubjectAccessReview(
                spec=V1SelfSubjectAccessReviewSpec(
                    resource_attributes=make_attributes(namespace, verb, resource)
                )
            )
            for verb in verbs
        ]
        asked = (api.create_self_subject_access_review(review) for review in reviews)
        answers = await asyncio.gather(*asked)
    given = zip(verbs, answers, strict=True)
    return [verb for verb, answer in given if not answer.status.allowed]


def make_attributes(namespace: str, verb: str, resource: Resource) -> V1ResourceAttributes:
    """Return what a review asks about."""
    plural, _, subresource = resource.plural.partition("/")
    return V1ResourceAttributes(
        namespace=namespace,
        verb=verb,
        group=resource.group,
        resource=plural,
        subresource=subresource or None,
        # An object that is to be made has no name yet: rights to make one name none.
        name=None if verb == "create" else resource.name,
    )


def wait_for(answer: Coroutine[Any, Any, Any]) -> Any:
    """Return what the API answers, once it has. Raises KubeUnavailable."""
    # The hub's event loop runs already, and what asks is no coroutine.
    with ThreadPoolExecutor(1) as pool:
        try:
            return pool.submit(asyncio.run, asyncio.wait_for(answer, REQUEST_SECONDS)).result()
        except ApiException as problem:
            raise KubeUnavailable(f"{problem.status} {problem.reason}") from problem
        except (ClientError, OSError, TimeoutError) as problem:
            raise KubeUnavailable(f"{type(problem).__name__}: {problem}") from problem
