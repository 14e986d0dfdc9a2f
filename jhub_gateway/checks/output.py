"""A check's answer, for people and for programs."""

import json

from jhub_gateway.checks.report import Problem, Report
from jhub_gateway.policy.setting_paths import format_path


def format_text(report: Report) -> str:
    """Return a line for each problem and for what was not checked, and one that sums up."""
    problems = list(report)
    errors = sum(not problem.is_warning for problem in problems)
    lines = [*map(str, problems), *(f"not checked: {what}" for what in report.not_checked)]
    if not problems:
        return "\n".join([*lines, "nothing is wrong with these values"])
    return "\n".join([*lines, f"problems: {errors}, warnings: {len(problems) - errors}"])


def format_json(report: Report) -> str:
    """Return the document that docs/reference/cli.md describes."""
    document = {
        "version": 1,
        "problems": [_make_entry(problem) for problem in report],
        "not_checked": report.not_checked,
    }
    return json.dumps(document, indent=2)


def _make_entry(problem: Problem) -> dict[str, object]:
    return {
        "severity": "warning" if problem.is_warning else "error",
        "file": str(problem.place.file) if problem.place else None,
        "line": problem.place.line if problem.place else None,
        "path": format_path(problem.path),
        "message": problem.sentence,
    }
