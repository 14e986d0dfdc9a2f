"""Settings that are lists of mappings: each entry is read key by key."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jhub_gateway.errors import ConfigurationError, raise_together
from jhub_gateway.policy.suggestions import suggest


@dataclass(frozen=True, slots=True)
class EntryKind:
    """What the entries of the setting ``trait`` look like.

    ``readers`` has a function for each key, which returns the value or raises ValueError with the
    reason; the first of ``required`` is the key that names an entry.
    """

    trait: str
    noun: str
    required: tuple[str, ...]
    readers: Mapping[str, Callable[[object], Any]]

    def read(self, entries: Iterable[object]) -> list[dict[str, Any]]:
        """Return the entries' values. Raises ConfigurationError naming the entry and the key."""
        values, problems = self.scan(entries)
        raise_together(problems)
        return list(values.values())

    def scan(
        self, entries: Iterable[object]
    ) -> tuple[dict[int, dict[str, Any]], list[ConfigurationError]]:
        """Return the values of the right entries by their place from 0, and all problems."""
        found: dict[int, dict[str, Any]] = {}
        problems: list[ConfigurationError] = []
        for place, entry in enumerate(entries):
            wrong = list(self._find_problems(entry, place))
            problems += wrong
            if not wrong and isinstance(entry, Mapping):
                found[place] = {key: self.readers[key](value) for key, value in entry.items()}
        return found, problems

    def fail(self, name: object, problem: str, *path: str | int) -> ConfigurationError:
        """Return the error that says what is wrong with the entry of that name.

        ``path`` leads to it below the trait, where the name alone doesn't.
        """
        step = name if isinstance(name, str) else repr(name)
        where = (self.trait, *(path or (step,)))
        return ConfigurationError(f"{self.trait}: {self.noun} {name!r}: {problem}", where)

    def check_unique(self, names: Sequence[object]) -> None:
        """Raise ConfigurationError if two entries have the same name."""
        raise_together(list(self.find_repeated(dict(enumerate(names)))))

    def find_repeated(self, names: Mapping[int, object]) -> Iterator[ConfigurationError]:
        """Yield a problem for each entry whose name an earlier one has; ``names`` by place."""
        seen: set[object] = set()
        for place, name in names.items():
            if name in seen:
                key = self.required[0]
                problem = f"{key}: another {self.noun} has it already"
                yield self.fail(name, problem, place, key)
            seen.add(name)

    def _find_problems(self, entry: object, place: int) -> Iterator[ConfigurationError]:
        if not isinstance(entry, Mapping):
            yield self._fail_at(
                f"entry {place + 1} is {entry!r}; each must be a mapping with "
                f"{_join(self.required)}",
                place,
            )
            return
        named = self.required[0] in entry
        name = f"{self.noun} {entry[self.required[0]]!r}" if named else f"entry {place + 1}"
        for key, value in entry.items():
            if problem := self._find_fault(key, value):
                yield self._fail_at(f"{name}{problem}", place, key)
        for key in self.required:
            if key not in entry:
                yield self._fail_at(f"{name} has no {key!r}, which it needs", place)

    def _find_fault(self, key: object, value: object) -> str:
        reader = self.readers.get(key) if isinstance(key, str) else None
        if reader is None:
            keys = ", ".join(self.readers)
            return f" has the unknown key {key!r}{suggest(key, self.readers)}; the keys are {keys}"
        try:
            reader(value)
        except ValueError as error:
            return f": {key}: {error}"
        return ""

    def _fail_at(self, problem: str, place: int, *key: Any) -> ConfigurationError:
        return ConfigurationError(f"{self.trait}: {problem}", (self.trait, place, *key))


def _join(keys: Sequence[str]) -> str:
    return " and ".join([", ".join(keys[:-1]), keys[-1]] if len(keys) > 1 else keys)
