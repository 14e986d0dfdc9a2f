"""Settings that are lists of mappings: each entry is read key by key."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jhub_gateway.errors import ConfigurationError


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
        return [self._read_entry(entry, place) for place, entry in enumerate(entries, 1)]

    def fail(self, name: object, problem: str) -> ConfigurationError:
        """Return the error that says what is wrong with the entry of that name."""
        return ConfigurationError(f"{self.trait}: {self.noun} {name!r}: {problem}")

    def check_unique(self, names: Sequence[object]) -> None:
        """Raise ConfigurationError if two entries have the same name."""
        for place, name in enumerate(names):
            if name in names[:place]:
                problem = f"another {self.noun} has it already"
                raise self.fail(name, f"{self.required[0]}: {problem}")

    def _read_entry(self, entry: object, place: int) -> dict[str, Any]:
        if not isinstance(entry, Mapping):
            raise ConfigurationError(
                f"{self.trait}: entry {place} is {entry!r}; each must be a mapping with "
                f"{_join(self.required)}"
            )
        named = self.required[0] in entry
        name = f"{self.noun} {entry[self.required[0]]!r}" if named else f"entry {place}"
        values = {key: self._read_value(name, key, value) for key, value in entry.items()}
        for key in self.required:
            if key not in values:
                raise ConfigurationError(f"{self.trait}: {name} has no {key!r}, which it needs")
        return values

    def _read_value(self, name: str, key: object, value: object) -> Any:
        reader = self.readers.get(key) if isinstance(key, str) else None
        if reader is None:
            raise ConfigurationError(
                f"{self.trait}: {name} has the unknown key {key!r}; "
                f"the keys are {', '.join(self.readers)}"
            )
        try:
            return reader(value)
        except ValueError as error:
            raise ConfigurationError(f"{self.trait}: {name}: {key}: {error}") from None


def _join(keys: Sequence[str]) -> str:
    return " and ".join([", ".join(keys[:-1]), keys[-1]] if len(keys) > 1 else keys)
