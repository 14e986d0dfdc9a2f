"""The spawner for Kubernetes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from kubernetes_asyncio.client import V1Container, V1Pod, V1Volume, V1VolumeMount
from kubespawner.utils import get_k8s_model
from traitlets import Unicode, default, validate

from jhub_gateway.access_checks import check_secret_access
from jhub_gateway.budgeted_spawner import BudgetedSpawner
from jhub_gateway.claim_checks import check_claims
from jhub_gateway.clients.user_agents import name_caller
from jhub_gateway.credential_spawner import CredentialSpawner
from jhub_gateway.credentials.secret_store import SecretStore, list_secret_stores
from jhub_gateway.credentials.stores import FoundStore
from jhub_gateway.linked_spawner import LinkedSpawner
from jhub_gateway.models import MemoryProfile
from jhub_gateway.node_checks import check_node_labels
from jhub_gateway.policy.credential_volumes import (
    CREDENTIALS_PATH,
    make_credential_mount,
    make_credential_volume,
)
from jhub_gateway.policy.directories import make_owner_label
from jhub_gateway.policy.init_containers import make_fill_container, make_prepare_container
from jhub_gateway.policy.labels import DATABASE, HUB, OWNER, START_ID
from jhub_gateway.policy.pod_security import (
    make_restricted_container_context,
    make_restricted_pod_context,
    pick_user,
)
from jhub_gateway.policy.refresh import NODE_DELAY
from jhub_gateway.policy.share_volumes import (
    DATA_PATH,
    RUNTIME_PATH,
    USAGE_PATH,
    make_mounts,
    make_volumes,
)
from jhub_gateway.reconciled_spawner import ReconciledSpawner
from jhub_gateway.request_ids import ANNOTATION as REQUEST_ID
from jhub_gateway.request_ids import get_request_id
from jhub_gateway.spawner_checks import check_settings
from jhub_gateway.waiting_spawner import WaitingSpawner


class GatewaySpawner(
    BudgetedSpawner, CredentialSpawner, LinkedSpawner, ReconciledSpawner, WaitingSpawner
):
    """Starts each user's server as a pod of the size they chose, with their home in it.

    All of KubeSpawner's traits apply, so that what Zero to JupyterHub sets as
    ``c.KubeSpawner.*`` keeps working.
    """

    credential_delay = NODE_DELAY

    hub_name = Unicode(
        "jupyterhub",
        config=True,
        help="""
        The name of this hub, put on each pod as the label ``jhub-gateway/hub``.

        It must be a valid label value. Where several hubs share a namespace, give each its own
        name, and its own ``KubeSpawner.pod_name_template`` too. Default: ``jupyterhub``.
        """,
    )

    shared_claim_name = Unicode(
        "",
        config=True,
        help="""
        The PersistentVolumeClaim, in the pods' namespace, that holds all users' homes and what
        they share; ``jhub-gateway storage init`` prepares it.

        It must be ReadWriteMany where the cluster has more than one node, and uid 1000 must be
        able to write to its root. Each user's pod mounts only their own directories of it. There
        is no default: the hub does not start without it.
        """,
    )

    home_path = Unicode(
        "/home/jovyan",
        config=True,
        help="""
        Where the user's home is mounted in the pod: an absolute path. Default: ``/home/jovyan``,
        as in Jupyter's own images.
        """,
    )

    home_init_image = Unicode(
        "",
        config=True,
        help="""
        The image of the init containers that check whose a home is, and make it.

        It has ``python3`` with jhub-gateway, in the hub's own version: take the hub's own image.
        It sees the whole claim: use one that you trust, never one that users choose. There is no
        default: the hub does not start without it.
        """,
    )

    usage_directory = Unicode(
        "",
        config=True,
        help="""
        Where the hub itself sees the directory ``usage/`` of the share, mounted read-only: how
        much each home takes, as ``jhub-gateway storage measure`` wrote it.

        It is needed for ``home_quota``. Default: none; nothing is shown of sizes.
        """,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name_caller(self.api.api_client)

    @default("uid")
    def _default_uid(self) -> int:
        return 1000

    @default("gid")
    def _default_gid(self) -> int:
        return 1000

    @default("fs_gid")
    def _default_fs_gid(self) -> int:
        return 1000

    @default("allow_privilege_escalation")
    def _default_allow_privilege_escalation(self) -> bool:
        return False

    @default("delete_pvc")
    def _default_delete_pvc(self) -> bool:
        # The one claim is everybody's; no user's removal may take it away.
        return False

    @default("options_form")
    def _default_options_form(self) -> Any:
        return super()._default_options_form() or super()._options_form_default()

    @default("profile_list")
    def _default_profile_list(self) -> Callable[..., Any] | list[Any]:
        # A callable, as KubeSpawner asks it anew for each page and for each start.
        return type(self).make_profile_list if self.memory_profiles else []

    @validate("profile_list")
    def _fill_empty_profile_list(self, proposal: Any) -> Any:
        # Zero to JupyterHub sets an empty list where its administrator set none.
        return proposal.value or self._default_profile_list()

    @property
    def hub_labels(self) -> dict[str, str]:
        """The labels by which this hub knows its pods."""
        return {HUB: self.hub_name, DATABASE: self.database_id}

    @property
    def usage_root(self) -> Path | None:
        """Where the hub reads how much homes take, or None if it can't."""
        return Path(self.usage_directory) if self.usage_directory else None

    async def load_user_options(self) -> None:
        """Apply the profile of this start, or refuse it with a 403.

        KubeSpawner calls this at each start, whoever asked for it and how.
        """
        profile = self.choose_profile()
        await super().load_user_options()
        if profile is not None:
            self._add_tolerations(profile)
        await self.load_data(profile)
        await self.load_credentials()

    def get_env(self) -> dict[str, str]:
        """Add where the server finds its data."""
        own = self.make_data_environment(USAGE_PATH, RUNTIME_PATH)
        own |= self.make_profile_environment()
        return super().get_env() | own | self.make_credential_environment(CREDENTIALS_PATH)

    def make_credential_store(self) -> SecretStore:
        """Return the Secret of the owner's credentials at this hub."""
        return SecretStore(
            self.api,
            self.namespace,
            self.hub_name,
            self.identity,
            self.user.name,
            database_id=self.database_id,
        )

    async def list_credential_stores(self) -> list[FoundStore]:
        """Return the Secrets of all users' credentials at this hub."""
        place = (self.api, self.namespace, self.hub_name, self.database_id)
        return list(await list_secret_stores(*place))

    async def get_pod_manifest(self) -> V1Pod:
        """Return KubeSpawner's pod, with the data, the restricted standard and the owner added."""
        pod = await super().get_pod_manifest()
        self._label(pod)
        self._restrict(pod)
        self._mount_data(pod)
        if self.gives_credentials:
            self._mount_credentials(pod)
        # KubeSpawner logs a pod that the API server refuses; its environment holds tokens.
        pod.to_str = lambda: f"pod {pod.metadata.name} (not shown, as its environment is secret)"
        return pod

    @classmethod
    def check_at_start(cls, app: Any) -> None:
        """Check the settings as the hub starts. Raises ConfigurationError."""
        super().check_at_start(app)
        spawner = cls.make_for_checks(app)
        check_settings(spawner)
        check_claims(spawner)
        check_node_labels(spawner)
        if spawner.gives_credentials:
            check_secret_access(spawner)

    def _add_tolerations(self, profile: MemoryProfile) -> None:
        """Let the pod onto the profile's nodes, beside those that the hub's settings allow."""
        own: list[Any] = self._sorted_dict_values(self.tolerations)  # type: ignore[has-type]
        self.tolerations = [*own, *(dict(toleration) for toleration in profile.tolerations)]

    def _label(self, pod: V1Pod) -> None:
        pod.metadata.labels |= {**self.hub_labels, OWNER: make_owner_label(self.identity)}
        own = {START_ID: self.start_id, REQUEST_ID: get_request_id()}
        pod.metadata.annotations = {**(pod.metadata.annotations or {}), **own}

    def _restrict(self, pod: Any) -> None:
        # KubeSpawner itself holds the security contexts as plain mappings, so pod isn't typed.
        plain = self.api.api_client.sanitize_for_serialization
        # Containers that the operator adds name no user; their images' may be root.
        user = pick_user(plain(pod.spec.containers[0].security_context))
        pod.spec.security_context = make_restricted_pod_context(
            {**user, **(plain(pod.spec.security_context) or {})}
        )
        for container in [*pod.spec.containers, *(pod.spec.init_containers or [])]:
            container.security_context = make_restricted_container_context(
                plain(container.security_context)
            )

    def _mount_data(self, pod: Any) -> None:
        notebook = pod.spec.containers[0]
        volumes = make_volumes(self.shared_claim_name, self.mounted_datasets)
        mounts = make_mounts(
            self.home_directory, self.home_path, self.mounted_folders, self.mounted_datasets
        )
        pod.spec.volumes = [*(pod.spec.volumes or []), *_make_models(V1Volume, volumes)]
        # First, as the operator's own init containers may want the home.
        pod.spec.init_containers = [
            *_make_models(V1Container, self._make_init_containers(notebook.security_context)),
            *(pod.spec.init_containers or []),
        ]
        notebook.volume_mounts = [
            *_make_models(V1VolumeMount, mounts),
            *(notebook.volume_mounts or []),
        ]

    def _mount_credentials(self, pod: Any) -> None:
        # In the user's container alone: what prepares their home has no use for them.
        notebook = pod.spec.containers[0]
        volume = make_credential_volume(self.make_credential_store().name)
        pod.spec.volumes += _make_models(V1Volume, [volume])
        notebook.volume_mounts += _make_models(V1VolumeMount, [make_credential_mount()])

    def _make_init_containers(self, security_context: dict[str, Any]) -> list[dict[str, Any]]:
        prepare = make_prepare_container(
            self.home_init_image,
            self.owner,
            *self.mounted_places,
            self.is_rescue,
            security_context,
        )
        links = self.make_links(DATA_PATH)
        if not (links or self.releases):
            return [prepare]
        fill = make_fill_container(
            self.home_init_image, self.home_directory, self.releases, links, security_context
        )
        return [prepare, fill]


def _make_models(model: type, manifests: list[dict[str, Any]]) -> list[Any]:
    return [get_k8s_model(model, manifest) for manifest in manifests]
