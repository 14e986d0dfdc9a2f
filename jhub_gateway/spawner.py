"""The spawner for Kubernetes."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from kubernetes_asyncio.client import V1Container, V1Pod, V1Volume, V1VolumeMount
from kubespawner import KubeSpawner
from kubespawner.utils import get_k8s_model
from traitlets import Unicode, default, validate

from jhub_gateway.models import MemoryProfile
from jhub_gateway.policy.directories import make_directory_name, make_owner_label
from jhub_gateway.policy.home_volume import (
    make_home_init_container,
    make_home_mount,
    make_volume,
)
from jhub_gateway.policy.pod_security import (
    make_restricted_container_context,
    make_restricted_pod_context,
    pick_user,
)
from jhub_gateway.profiled_spawner import ProfiledSpawner
from jhub_gateway.spawner_checks import check_settings

_TEMPLATES = Path(__file__).parent / "templates"


class GatewaySpawner(ProfiledSpawner, KubeSpawner):
    """Starts each user's server as a pod of the size they chose, with their home in it.

    All of KubeSpawner's traits apply, so that what Zero to JupyterHub sets as
    ``c.KubeSpawner.*`` keeps working.
    """

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
        The PersistentVolumeClaim, in the pods' namespace, that holds all users' homes.

        It must be ReadWriteMany where the cluster has more than one node, and uid 1000 must be
        able to write to its root. Each user's pod mounts only the directory ``homes/<user>`` of
        it. There is no default: the hub does not start without it.
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
        "busybox:1.37",
        config=True,
        help="""
        The image of the init container that makes a user's home on the shared claim.

        It needs ``/bin/sh``, ``mkdir``, ``chmod`` and ``id``, and sees the whole claim: use one
        that you trust, never one that users choose. Default: ``busybox:1.37``.
        """,
    )

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

    @default("additional_profile_form_template_paths")
    def _default_form_template_paths(self) -> list[str]:
        return [str(_TEMPLATES)]

    @default("profile_list")
    def _default_profile_list(self) -> Callable[..., Any] | list[Any]:
        # A callable, as KubeSpawner asks it anew for each page and for each start.
        return type(self).make_profile_list if self.memory_profiles else []

    @validate("profile_list")
    def _fill_empty_profile_list(self, proposal: Any) -> Any:
        # Zero to JupyterHub sets an empty list where its administrator set none.
        return proposal.value or self._default_profile_list()

    @cached_property
    def home_directory(self) -> str:
        """The name of the owner's directory on the shared claim."""
        return make_directory_name(self.identity)

    async def load_user_options(self) -> None:
        """Apply the profile of this start, or refuse it with a 403.

        KubeSpawner calls this at each start, whoever asked for it and how.
        """
        profile = self.choose_profile()
        await super().load_user_options()
        if profile is not None:
            self._add_tolerations(profile)

    async def get_pod_manifest(self) -> V1Pod:
        """Return KubeSpawner's pod, with the home, the restricted standard and the owner added."""
        pod = await super().get_pod_manifest()
        self._label(pod)
        self._restrict(pod)
        self._mount_home(pod)
        # KubeSpawner logs a pod that the API server refuses; its environment holds tokens.
        pod.to_str = lambda: f"pod {pod.metadata.name} (not shown, as its environment is secret)"
        return pod

    @classmethod
    def check_at_start(cls, app: Any) -> None:
        """Check the settings as the hub starts. Raises ConfigurationError."""
        check_settings(cls.make_for_checks(app))

    def _add_tolerations(self, profile: MemoryProfile) -> None:
        """Let the pod onto the profile's nodes, beside those that the hub's settings allow."""
        own: list[Any] = self._sorted_dict_values(self.tolerations)  # type: ignore[has-type]
        self.tolerations = [*own, *(dict(toleration) for toleration in profile.tolerations)]

    def _label(self, pod: V1Pod) -> None:
        pod.metadata.labels |= {
            "jhub-gateway/hub": self.hub_name,
            "jhub-gateway/owner": make_owner_label(self.identity),
        }

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

    def _mount_home(self, pod: Any) -> None:
        notebook = pod.spec.containers[0]
        prepare = make_home_init_container(
            self.home_init_image, self.home_directory, notebook.security_context
        )
        mount = make_home_mount(self.home_directory, self.home_path)
        pod.spec.volumes = [
            *(pod.spec.volumes or []),
            get_k8s_model(V1Volume, make_volume(self.shared_claim_name)),
        ]
        # First, as the operator's own init containers may want the home.
        pod.spec.init_containers = [
            get_k8s_model(V1Container, prepare),
            *(pod.spec.init_containers or []),
        ]
        notebook.volume_mounts = [
            get_k8s_model(V1VolumeMount, mount),
            *(notebook.volume_mounts or []),
        ]
