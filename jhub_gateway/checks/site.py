"""A hub as values make it: its classes with their settings, and where in the values those are."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from jupyterhub.app import JupyterHub
from traitlets.config import Config

from jhub_gateway.chart.chart_values import ChartValues
from jhub_gateway.chart.extra_config import run_program
from jhub_gateway.chart.pass_through import check_section, list_sections
from jhub_gateway.chart.settings import TRAITS, apply_chart_values
from jhub_gateway.chart.values import Values
from jhub_gateway.checks.chart_secrets import make_secrets
from jhub_gateway.checks.report import Problem, Report
from jhub_gateway.checks.shapes import take_out_misshapen
from jhub_gateway.checks.trait_values import find_refused_values, make_bare
from jhub_gateway.errors import ConfigurationError, list_problems
from jhub_gateway.policy.setting_paths import Path, Step

_CONFIG: Path = ("hub", "config")


@dataclass(slots=True)
class Site:
    """The hub of these values. Nothing of it runs.

    ``authenticator`` and ``spawner`` are None where their class can't be loaded.
    """

    values: Values
    chart: ChartValues
    config: Config = field(default_factory=Config)
    app: Any = None
    authenticator: Any = None
    spawner: Any = None

    def locate(self, cls: Any, path: Path) -> Path:
        """Return where the values have what is at this path of the settings of a class.

        The path begins with a trait, or with a class and a trait; entries of lists may have names.
        """
        section, name, *rest = path if str(path[0])[:1].isupper() else (cls.__name__, *path)
        where = (
            self._find_in_config([section], name)
            or self._find_in_config(reversed(cls.section_names()), name)
            or self._find_in_chart(cls, name)
            or (*_CONFIG, section, name)
        )
        return self._find_numbers((*where, *rest))

    def make_problems(
        self, cls: type, problems: Iterable[ConfigurationError], is_warning: bool = False
    ) -> Iterator[Problem]:
        """Yield what a class finds wrong with its settings as problems of the values."""
        for problem in problems:
            path = self.locate(cls, problem.path) if problem.path else ()
            # The path says already of which setting it is.
            sentence = re.sub(r"^[A-Z]\w+\.\w+ (?=is |still |must )", "it ", str(problem))
            yield Problem(path, sentence, is_warning)

    def _find_in_config(self, sections: Iterable[Step], name: Step) -> Path | None:
        # As for traitlets, the section of the class itself goes before those of its bases.
        for section in sections:
            if name in (self.chart.get(f"hub.config.{section}") or {}):
                return (*_CONFIG, section, name)
        return None

    def _find_in_chart(self, cls: Any, name: Step) -> Path | None:
        chart = self.chart
        if name == "volume_mounts" and chart.get("singleuser.storage.type") != "none":
            return ("singleuser", "storage", "type")
        if name == "init_containers" and chart.get("singleuser.cloudMetadata.blockWithIptables"):
            return ("singleuser", "cloudMetadata", "blockWithIptables")
        for value, trait in (TRAITS | _MORE_TRAITS).items():
            section, trait_name = trait.split(".")
            if trait_name == name and section in cls.section_names():
                return tuple(value.split("."))
        return None

    def _find_numbers(self, path: Path) -> Path:
        """Replace the names of lists' entries by their places."""
        found: list[Step] = []
        value: Any = self.values.data
        for step in path:
            if isinstance(value, list) and isinstance(step, str):
                step = _find_entry(value, step)
            found.append(step)
            value = _step_into(value, step)
        return tuple(found)


# Where the chart's own modules set a trait of more than one value, or by a rule.
_MORE_TRAITS = {
    "singleuser.storage.extraVolumeMounts": "KubeSpawner.volume_mounts",
    "singleuser.storage.extraVolumes": "KubeSpawner.volumes",
    "singleuser.image": "KubeSpawner.image",
    "singleuser.extraTolerations": "KubeSpawner.tolerations",
    "singleuser.allowPrivilegeEscalation": "KubeSpawner.allow_privilege_escalation",
    "hub.services": "JupyterHub.services",
    "hub.loadRoles": "JupyterHub.load_roles",
    "hub.db.url": "JupyterHub.db_url",
}


def load_site(report: Report, namespace: str) -> Site:
    """Return the hub of the report's values; what is wrong on the way goes into the report."""
    data, misshapen = take_out_misshapen(report.values)
    report.add(misshapen)
    site = Site(report.values, ChartValues(data))
    report.add(_apply_chart(site, namespace))
    report.add(_apply_sections(site))
    report.add(_run_programs(site, report.not_checked))
    report.add(_make_classes(site))
    return site


def _apply_chart(site: Site, namespace: str) -> Iterator[Problem]:
    environment = {"POD_NAMESPACE": namespace}
    arguments = (site.config, site.chart, make_secrets(site.chart), environment)
    try:
        for problem in list_problems((), apply_chart_values, *arguments):
            yield Problem(problem.path, str(problem))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        yield Problem(
            (),
            "a value has a form that the chart can't use, which helm template tells more of: "
            f"{type(error).__name__}",
        )


def _apply_sections(site: Site) -> Iterator[Problem]:
    for section, traits in list_sections(site.chart).items():
        problems = list_problems((), check_section, section, traits)
        for problem in problems:
            yield Problem((*_CONFIG, section), str(problem))
        if not problems:
            site.config[section].update(traits)


def _run_programs(site: Site, not_checked: list[str]) -> Iterator[Problem]:
    variables = {"c": site.config, "get_config": site.chart.get}
    for name, program in sorted(site.chart.get("hub.extraConfig", {}).items()):
        try:
            run_program(name, program, variables)
        except (ImportError, OSError) as problem:
            # It may be there in the hub's image.
            what = f"hub.extraConfig.{name}, and what it would set: {type(problem).__name__}"
            not_checked.append(what)
        except Exception as problem:
            sentence = f"this program ends with {type(problem).__name__}{_find_line(problem)}"
            yield Problem(("hub", "extraConfig", name), sentence)


def _find_line(problem: BaseException) -> str:
    """Return the line of the program; what the error says may be secret."""
    if isinstance(problem, SyntaxError):
        return f" in its line {problem.lineno}"
    trace, line = problem.__traceback__, 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.startswith("hub.extraConfig."):
            line = trace.tb_lineno
        trace = trace.tb_next
    return f" in its line {line}" if line else ""


def _make_classes(site: Site) -> Iterator[Problem]:
    yield from site.make_problems(JupyterHub, find_refused_values(JupyterHub, site.config))
    site.app = JupyterHub(config=site.config)
    classes = [site.app.authenticator_class, site.app.spawner_class]
    for cls in classes:
        yield from site.make_problems(cls, find_refused_values(cls, site.config))
    site.authenticator, site.spawner = (make_bare(cls, site.config) for cls in classes)
    site.spawner.authenticator = site.authenticator
    site.spawner.user = SimpleNamespace(id=0, name="nobody", url="/", groups=[])


def _find_entry(entries: list[Any], name: str) -> Step:
    """Return the place of the first entry that has the name as one of its values."""
    places = (
        place
        for place, entry in enumerate(entries)
        if isinstance(entry, dict) and name in map(str, entry.values())
    )
    return next(places, name)


def _step_into(value: Any, step: Step) -> Any:
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return value[step]
    return None
