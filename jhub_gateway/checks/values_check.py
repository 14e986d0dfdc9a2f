"""All checks of a release's values, in their order: what is told first of a value stays."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jhub_gateway.chart.values import Fault, Values, load_values
from jhub_gateway.checks.chart_needs import find_chart_problems
from jhub_gateway.checks.chart_secrets import find_weak_secrets
from jhub_gateway.checks.chart_version import find_version_problems
from jhub_gateway.checks.cluster import check_cluster
from jhub_gateway.checks.images import find_image_problems
from jhub_gateway.checks.provider import find_provider_problems
from jhub_gateway.checks.report import Problem, Report
from jhub_gateway.checks.sections import find_section_problems
from jhub_gateway.checks.site import Site, load_site
from jhub_gateway.clients.kube_inspection import using_kubeconfig
from jhub_gateway.errors import list_problems
from jhub_gateway.linked_spawner import find_link_problems
from jhub_gateway.login.checked_login import CheckedLogin
from jhub_gateway.login.openid_login import OpenIDLogin
from jhub_gateway.policy.cull_policies import parse_profile_policies
from jhub_gateway.policy.placeholders import find_placeholders
from jhub_gateway.spawner import GatewaySpawner
from jhub_gateway.spawner_checks import find_problems

_CLUSTER = "the cluster: claims, nodes, the hub's rights and what runs there (--kubeconfig)"


@dataclass(frozen=True, slots=True)
class Question:
    """What an operator asks: these files, against this cluster if ``kubeconfig`` or ``context``.

    Without a ``namespace`` it is the context's. ``is_offline`` asks nothing over the network.
    """

    files: tuple[Path, ...]
    kubeconfig: Path | None = None
    context: str | None = None
    namespace: str | None = None
    chart_version: str = ""
    is_offline: bool = False


def check_values(question: Question) -> Report:
    """Return what is wrong with the values. Changes nothing, and runs ``hub.extraConfig``.

    Raises OSError for a file that can't be opened, ConfigurationError for a cluster that is not
    there.
    """
    values, faults = load_values(question.files)
    report = Report(values)
    report.add(Problem(fault.path, fault.sentence, place=fault.place) for fault in faults)
    if any(_is_unreadable(fault) for fault in faults):
        report.not_checked.append("what the values say, until all files can be read")
        return report
    if question.chart_version:
        report.add(find_version_problems(question.chart_version))
    with _opening_cluster(question) as cluster_namespace:
        namespace = question.namespace or cluster_namespace or "default"
        site = _check_site(report, namespace)
        if cluster_namespace is None:
            report.not_checked.append(_CLUSTER)
        else:
            check_cluster(report, site, namespace, question.chart_version)
    report.add(_find_left_placeholders(values))
    _check_provider(report, site, question.is_offline)
    return report


def _is_unreadable(fault: Fault) -> bool:
    return not fault.path


@contextmanager
def _opening_cluster(question: Question) -> Iterator[str | None]:
    """Yield the namespace of the cluster's context, or None where no cluster is to be asked."""
    if question.is_offline or not (question.kubeconfig or question.context):
        yield None
        return
    with using_kubeconfig(question.kubeconfig, question.context) as namespace:
        yield namespace


def _check_site(report: Report, namespace: str) -> Site:
    site = load_site(report, namespace)
    report.add(find_section_problems(site))
    report.add(find_chart_problems(site.chart))
    report.add(find_weak_secrets(site.chart))
    report.add(_find_login_problems(site))
    report.add(_find_spawner_problems(site))
    report.add(find_image_problems(site.chart))
    return site


def _find_login_problems(site: Site) -> Iterator[Problem]:
    if isinstance(site.authenticator, CheckedLogin):
        found = site.authenticator.find_problems(site.app)
        yield from site.make_problems(type(site.authenticator), found)
        return
    name = type(site.authenticator).__name__
    yield Problem(
        ("hub", "config", "JupyterHub", "authenticator_class"),
        f"it is {name}, which is none of this project's: servers have no credentials, and nothing "
        "of its settings is checked",
        is_warning=name != "DummyAuthenticator",
    )


def _find_spawner_problems(site: Site) -> Iterator[Problem]:
    spawner = site.spawner
    if not isinstance(spawner, GatewaySpawner):
        sentence = f"it is {type(spawner).__name__}, which makes no gateway: set it to gateway"
        yield Problem(("hub", "config", "JupyterHub", "spawner_class"), sentence)
        return
    found = find_problems(spawner)
    yield from site.make_problems(type(spawner), found)
    yield from site.make_problems(type(spawner), find_link_problems(spawner, site.app))
    policies = list_problems((), parse_profile_policies, spawner.cull, spawner.profiles)
    yield from site.make_problems(type(spawner), policies)
    yield from site.make_problems(type(spawner), spawner.find_fairness_problems())


def _find_left_placeholders(values: Values) -> Iterator[Problem]:
    for problem in find_placeholders(values.data):
        yield Problem(problem.path, str(problem))


def _check_provider(report: Report, site: Site, is_offline: bool) -> None:
    """Ask the provider, unless its address is wrong already."""
    login = site.authenticator
    if not isinstance(login, OpenIDLogin):
        return
    path = site.locate(type(login), ("issuer",))
    if is_offline:
        report.not_checked.append("whether the provider answers (--offline)")
    elif path not in {problem.path for problem in report.problems}:
        report.add(find_provider_problems(login, path))
