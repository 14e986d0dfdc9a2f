"""What operators apply beside the chart, asked of a real kube-apiserver without making it."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.errors import ClusterError
from tests.fixtures.cluster import BESIDE_CHART, HELM_VALUES, Namespace, make_namespace

COMPONENTS = sorted(path.name for path in (BESIDE_CHART / "components").iterdir())
# Kinds of the Prometheus Operator, which this cluster does not have.
OPERATORS = ("PrometheusRule", "ServiceMonitor")
DRY_RUN = ("apply", "--server-side", "--dry-run=server")


@pytest.fixture(scope="module")
def space(cluster: Path) -> Iterator[Namespace]:
    """One namespace for all of them, where nothing of theirs is made."""
    with make_namespace(cluster) as made:
        made.kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=30s")
        yield made


@pytest.fixture
def write(tmp_path: Path, space: Namespace):
    """Write a site's kustomization over site-example and return its folder."""

    def write_kustomization(**more: Any) -> str:
        content = {
            "resources": [os.path.relpath(HELM_VALUES / "manifests/site-example", tmp_path)],
            "namespace": space.name,
            **more,
        }
        (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(content))
        return str(tmp_path)

    return write_kustomization


def name(component: str, folder: Path) -> str:
    return os.path.relpath(BESIDE_CHART / "components" / component, folder)


def leave_out(kinds: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Patches that take all objects of these kinds out of a kustomization."""
    for kind in kinds:
        patch = {"$patch": "delete", "kind": kind, "metadata": {"name": "any"}}
        patch["apiVersion"] = "monitoring.coreos.com/v1"
        yield {"target": {"kind": kind}, "patch": yaml.safe_dump(patch)}


def find_pods(manifest: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The pod that a Job, CronJob or Deployment would make, if it is one."""
    spec = manifest.get("spec", {})
    spec = spec.get("jobTemplate", {}).get("spec", spec)
    if "template" in spec:
        pod = spec["template"]["spec"]
        pod.pop("priorityClassName", None)  # the class is not made either
        named = {"name": manifest["metadata"]["name"]}
        yield {"apiVersion": "v1", "kind": "Pod", "metadata": named, "spec": pod}


def test_the_api_server_takes_all_of_it_into_the_sites_namespace(space, write):
    applied = space.kubectl(*DRY_RUN, "--kustomize", write())
    assert applied.splitlines()[0] == f"namespace/{space.name} serverside-applied (server dry run)"
    assert "persistentvolumeclaim/gateway-homes serverside-applied" in applied
    shown = list(yaml.safe_load_all(space.kubectl("kustomize", write())))
    assert len(applied.splitlines()) == len(shown)
    places = {manifest["metadata"].get("namespace", space.name) for manifest in shown}
    assert places == {space.name}


@pytest.mark.parametrize("component", COMPONENTS)
def test_the_api_server_takes_each_component(space, write, tmp_path, component):
    without = space.kubectl("kustomize", write())
    folder = write(components=[name(component, tmp_path)])
    assert space.kubectl("kustomize", folder) != without
    if component == "monitoring":
        folder = write(components=[name(component, tmp_path)], patches=list(leave_out(OPERATORS)))
    applied = space.kubectl(*DRY_RUN, "--kustomize", folder)
    assert ("configmap/jhub-gateway-dashboard" in applied) == (component == "monitoring")


def test_all_pods_meet_the_restricted_standard(space, write, tmp_path):
    folder = write(components=[name("placeholders", tmp_path), name("private-registry", tmp_path)])
    shown = yaml.safe_load_all(space.kubectl("kustomize", folder))
    pods = [pod for manifest in shown for pod in find_pods(manifest)]
    assert len(pods) == 4
    for pod in pods:
        space.kubectl("create", "--dry-run=server", "-f", "-", manifest=pod)
        assert pod["spec"]["imagePullSecrets"] == [{"name": "gateway-registry"}]
    pods[0]["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    with pytest.raises(ClusterError, match='violates PodSecurity "restricted'):
        space.kubectl("create", "--dry-run=server", "-f", "-", manifest=pods[0])


@pytest.mark.parametrize(
    ("kind", "path", "said"),
    [
        ("NetworkPolicy", "/spec/egres", "egres"),
        ("Job", "/spec/template/spec/securityContext/fsGroupChangepolicy", "fsGroupChangepolicy"),
        ("RoleBinding", "/roleRef/kind", "roleRef.kind"),
    ],
)
def test_a_misspelt_line_is_refused(space, write, kind, path, said):
    patch = yaml.safe_dump([{"op": "add", "path": path, "value": "x"}])
    folder = write(patches=[{"target": {"kind": kind}, "patch": patch}])
    with pytest.raises(ClusterError, match=said):
        space.kubectl(*DRY_RUN, "--kustomize", folder)
