"""Settings of GatewaySpawner that cannot work, alone or together."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.policy.quotas import parse_quotas
from jhub_gateway.policy.share_volumes import DATA_PATH, RUNTIME_PATH

# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", re.ASCII)


def check_settings(spawner: Any) -> None:
    """Raise ConfigurationError for the first problem of a configured GatewaySpawner."""
    for problem in find_problems(spawner):
        raise ConfigurationError(problem)


def find_problems(spawner: Any) -> Iterator[str]:
    """Yield a sentence for each setting that cannot work; it names the trait and its value."""
    yield from _check_names(spawner)
    yield from _check_profile_list(spawner)
    yield from _check_cpu(spawner)
    yield from _check_paths(spawner)
    yield from _check_quota(spawner)
    yield from _check_security(spawner)


def _check_names(spawner: Any) -> Iterator[str]:
    if not _LABEL_VALUE.fullmatch(spawner.hub_name):
        yield f"GatewaySpawner.hub_name is {spawner.hub_name!r}: it must be a valid label value"
    if not spawner.shared_claim_name:
        yield (
            "GatewaySpawner.shared_claim_name is empty: "
            "name the ReadWriteMany claim that holds the users' homes"
        )
    if not spawner.home_init_image:
        yield (
            "GatewaySpawner.home_init_image is empty: name an image that has jhub-gateway in it, "
            "such as the hub's own"
        )
    if spawner.enable_user_namespaces:
        yield (
            "KubeSpawner.enable_user_namespaces is True: the shared claim "
            f"{spawner.shared_claim_name!r} is in one namespace, so all pods must be there"
        )


def _check_profile_list(spawner: Any) -> Iterator[str]:
    if spawner.memory_profiles and spawner.profile_list != type(spawner).make_profile_list:
        yield (
            "both memory_profiles and profile_list are set: "
            "write all sizes as GatewaySpawner.memory_profiles"
        )


def _check_cpu(spawner: Any) -> Iterator[str]:
    """The hub's own values fill what a profile leaves out."""
    for profile in spawner.profiles:
        limit = profile.cpu or spawner.cpu_limit
        guarantee = profile.cpu_guarantee or spawner.cpu_guarantee
        if limit and guarantee and guarantee > limit:
            yield (
                f"memory_profiles: profile {profile.slug!r}: its cpu_guarantee ({guarantee:g}) is "
                f"over its limit cpu ({limit:g}), one of them from KubeSpawner's own settings"
            )


def _check_paths(spawner: Any) -> Iterator[str]:
    home = PurePosixPath(spawner.home_path)
    if not home.is_absolute():
        yield f"GatewaySpawner.home_path is {spawner.home_path!r}: it must be an absolute path"
    ours = (home, PurePosixPath(DATA_PATH), PurePosixPath(RUNTIME_PATH))
    if any(home in (path, *path.parents) for path in ours[1:]):
        yield f"GatewaySpawner.home_path is {spawner.home_path!r}: {DATA_PATH} is not in a home"
    for mount in _list_values(spawner.volume_mounts):
        path = PurePosixPath(mount.get("mountPath", ""))
        if path == home:
            yield (
                f"KubeSpawner.volume_mounts has {mount.get('name')!r} at {spawner.home_path!r}, "
                "where GatewaySpawner mounts the home: with Zero to JupyterHub set "
                "singleuser.storage.type to 'none'"
            )
        elif path in ours:
            yield (
                f"KubeSpawner.volume_mounts has {mount.get('name')!r} at {str(path)!r}, where "
                "GatewaySpawner mounts the gateway's data: mount it somewhere else"
            )


def _check_quota(spawner: Any) -> Iterator[str]:
    if spawner.home_quota and not spawner.usage_directory:
        yield (
            f"GatewaySpawner.home_quota is {spawner.home_quota!r}, and the hub cannot tell how "
            "much a home takes: mount usage/ of the share in the hub, and name that directory in "
            "GatewaySpawner.usage_directory"
        )
    slugs = {profile.slug for profile in spawner.profiles}
    for quota in parse_quotas(spawner.home_quota):
        for slug in sorted((quota.profiles or frozenset()) - slugs):
            yield f"GatewaySpawner.home_quota names the profile {slug!r}: there is no such profile"


def _check_security(spawner: Any) -> Iterator[str]:
    if spawner.uid == 0:
        yield "KubeSpawner.uid is 0: user pods never run as root; use 1000"
    extra = _list_values(spawner.init_containers) + _list_values(spawner.extra_containers)
    for container in extra:
        # KubeSpawner takes both spellings.
        context = container.get("securityContext") or container.get("security_context") or {}
        if context.get("privileged"):
            yield (
                f"KubeSpawner adds {container.get('name')!r}, which is privileged, to each user's "
                "pod: with Zero to JupyterHub set "
                "singleuser.cloudMetadata.blockWithIptables to false"
            )


def _list_values(values: Any) -> list[Any]:
    """Return the values of one of KubeSpawner's traits that are a list or a mapping."""
    return list(values.values() if isinstance(values, dict) else values)
