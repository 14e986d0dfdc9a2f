"""What a check found, and what it could not look at."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from jhub_gateway.chart.values import Place, Values
from jhub_gateway.policy.setting_paths import Path, format_path


@dataclass(frozen=True, slots=True)
class Problem:
    """A value that cannot work, or a warning of one that hardly does.

    ``path`` leads to the value and is empty where no value is to blame. ``sentence`` says what is
    wrong and what to do; there is nothing secret in it. What is wrong at or below ``explains``
    comes of this alone, as a setting seems to be missing whose name is misspelt.
    """

    path: Path
    sentence: str
    is_warning: bool = False
    place: Place | None = None
    explains: Path = ()

    def __str__(self) -> str:
        parts = [str(self.place or ""), format_path(self.path), self.sentence]
        return ("warning: " if self.is_warning else "") + ": ".join(filter(None, parts))


@dataclass(slots=True)
class Report:
    """All that was found in ``values``: of each value the first error and the first warning."""

    values: Values
    problems: list[Problem] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)

    def add(self, problems: Iterable[Problem]) -> None:
        """Take problems up, with the places of their values."""
        for problem in problems:
            if not self._is_told(problem):
                place = problem.place or self.values.find(*problem.path)
                sentence = _leave_out_path(problem)
                self.problems.append(replace(problem, place=place, sentence=sentence))

    def _is_told(self, problem: Problem) -> bool:
        """Whether the value has a problem already, or another one explains it."""
        path = problem.path
        return any(
            (path and told.path == path)
            or (told.explains and path[: len(told.explains)] == told.explains)
            for told in self.problems
            # A warning stands for no error.
            if told.is_warning <= problem.is_warning
        )

    def __iter__(self) -> Iterator[Problem]:
        """Errors before warnings, and each in the order of the files and their lines."""
        return iter(sorted(self.problems, key=_rank))

    @property
    def has_errors(self) -> bool:
        """Whether there is more than warnings."""
        return any(not problem.is_warning for problem in self.problems)


def _leave_out_path(problem: Problem) -> str:
    """Return the sentence without the path at its beginning, which is told before it."""
    path = format_path(problem.path)
    if not path or not problem.sentence.startswith((f"{path} ", f"{path}: ")):
        return problem.sentence
    rest = problem.sentence.removeprefix(path)
    return rest.removeprefix(": ") if rest.startswith(":") else f"it{rest}"


def _rank(problem: Problem) -> tuple[bool, str, int]:
    place = problem.place
    return (problem.is_warning, str(place.file) if place else "", place.line if place else 0)
