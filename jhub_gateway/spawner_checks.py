"""Settings of GatewaySpawner that cannot work, alone or together."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.policy.autoscaled_nodes import find_strange_profiles
from jhub_gateway.policy.profiles import fill_cpu
from jhub_gateway.policy.quotas import parse_quotas
from jhub_gateway.policy.share_volumes import DATA_PATH, RUNTIME_PATH

# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", re.ASCII)


def check_settings(spawner: Any) -> None:
    """Raise ConfigurationError for the first problem of a configured GatewaySpawner."""
    for problem in find_problems(spawner):
        raise problem


def find_problems(spawner: Any) -> Iterator[ConfigurationError]:
    """Yield each setting that cannot work; the sentence names the trait and its value."""
    yield from _check_names(spawner)
    yield from _check_profile_list(spawner)
    yield from _check_cpu(spawner)
    yield from _check_paths(spawner)
    yield from _check_quota(spawner)
    yield from _check_security(spawner)
    yield from _check_line(spawner)
    slugs = [profile.slug for profile in spawner.profiles]
    yield from find_strange_profiles(spawner.autoscaled_nodes, slugs)


def _check_names(spawner: Any) -> Iterator[ConfigurationError]:
    if not _LABEL_VALUE.fullmatch(spawner.hub_name):
        yield ConfigurationError(
            f"GatewaySpawner.hub_name is {spawner.hub_name!r}: it must be a valid label value",
            ["hub_name"],
        )
    if not spawner.shared_claim_name:
        yield ConfigurationError(
            "GatewaySpawner.shared_claim_name is empty: "
            "name the ReadWriteMany claim that holds the users' homes",
            ["shared_claim_name"],
        )
    if not spawner.home_init_image:
        yield ConfigurationError(
            "GatewaySpawner.home_init_image is empty: name an image that has jhub-gateway in it, "
            "such as the hub's own",
            ["home_init_image"],
        )
    if spawner.enable_user_namespaces:
        yield ConfigurationError(
            "KubeSpawner.enable_user_namespaces is True: the shared claim "
            f"{spawner.shared_claim_name!r} is in one namespace, so all pods must be there",
            ["enable_user_namespaces"],
        )


def _check_profile_list(spawner: Any) -> Iterator[ConfigurationError]:
    if spawner.memory_profiles and spawner.profile_list != type(spawner).make_profile_list:
        yield ConfigurationError(
            "both memory_profiles and profile_list are set: "
            "write all sizes as GatewaySpawner.memory_profiles",
            ["profile_list"],
        )


def _check_line(spawner: Any) -> Iterator[ConfigurationError]:
    if spawner.wait_in_line and not spawner.memory_profiles:
        yield ConfigurationError(
            f"GatewaySpawner.wait_in_line is {spawner.wait_in_line}, and there are no "
            "memory_profiles: nobody can tell what there is room for",
            ["wait_in_line"],
        )


def _check_cpu(spawner: Any) -> Iterator[ConfigurationError]:
    """The hub's own values fill what a profile leaves out."""
    for profile in spawner.profiles:
        filled = fill_cpu(profile, spawner.cpu_limit, spawner.cpu_guarantee)
        limit, guarantee = filled.cpu, filled.cpu_guarantee
        if limit and guarantee and guarantee > limit:
            yield ConfigurationError(
                f"memory_profiles: profile {profile.slug!r}: its cpu_guarantee ({guarantee:g}) is "
                f"over its limit cpu ({limit:g}), one of them from KubeSpawner's own settings",
                ["memory_profiles", profile.slug],
            )


def _check_paths(spawner: Any) -> Iterator[ConfigurationError]:
    home = PurePosixPath(spawner.home_path)
    if not home.is_absolute():
        yield ConfigurationError(
            f"GatewaySpawner.home_path is {spawner.home_path!r}: it must be an absolute path",
            ["home_path"],
        )
    ours = (home, PurePosixPath(DATA_PATH), PurePosixPath(RUNTIME_PATH))
    if any(home in (path, *path.parents) for path in ours[1:]):
        yield ConfigurationError(
            f"GatewaySpawner.home_path is {spawner.home_path!r}: {DATA_PATH} is not in a home",
            ["home_path"],
        )
    for mount in _list_values(spawner.volume_mounts):
        path = PurePosixPath(str(mount.get("mountPath", "")))
        if path == home:
            yield ConfigurationError(
                f"KubeSpawner.volume_mounts has {mount.get('name')!r} at {spawner.home_path!r}, "
                "where GatewaySpawner mounts the home: with Zero to JupyterHub set "
                "singleuser.storage.type to 'none'",
                ["volume_mounts"],
            )
        elif path in ours:
            yield ConfigurationError(
                f"KubeSpawner.volume_mounts has {mount.get('name')!r} at {str(path)!r}, where "
                "GatewaySpawner mounts the gateway's data: mount it somewhere else",
                ["volume_mounts"],
            )


def _check_quota(spawner: Any) -> Iterator[ConfigurationError]:
    if spawner.home_quota and not spawner.usage_directory:
        yield ConfigurationError(
            f"GatewaySpawner.home_quota is {spawner.home_quota!r}, and the hub cannot tell how "
            "much a home takes: mount usage/ of the share in the hub, and name that directory in "
            "GatewaySpawner.usage_directory",
            ["home_quota"],
        )
    slugs = {profile.slug for profile in spawner.profiles}
    for place, quota in enumerate(parse_quotas(spawner.home_quota)):
        for slug in sorted((quota.profiles or frozenset()) - slugs):
            yield ConfigurationError(
                f"GatewaySpawner.home_quota names the profile {slug!r}: there is no such profile",
                ["home_quota", place, "profiles"],
            )


def _check_security(spawner: Any) -> Iterator[ConfigurationError]:
    if spawner.uid == 0:
        yield ConfigurationError(
            "KubeSpawner.uid is 0: user pods never run as root; use 1000", ["uid"]
        )
    for trait in ("init_containers", "extra_containers"):
        for container in map(_read_container, _list_values(getattr(spawner, trait))):
            # KubeSpawner takes both spellings.
            context = container.get("securityContext") or container.get("security_context") or {}
            if context.get("privileged"):
                yield ConfigurationError(
                    f"KubeSpawner adds {container.get('name')!r}, which is privileged, to each "
                    "user's pod: with Zero to JupyterHub set "
                    "singleuser.cloudMetadata.blockWithIptables to false",
                    [trait],
                )


def _read_container(container: Any) -> dict[str, Any]:
    """Return a container as a mapping: Zero to JupyterHub's own is a model of the client's."""
    return container if isinstance(container, dict) else container.to_dict()


def _list_values(values: Any) -> list[Any]:
    """Return the values of one of KubeSpawner's traits that are a list or a mapping."""
    return list(values.values() if isinstance(values, dict) else values)
