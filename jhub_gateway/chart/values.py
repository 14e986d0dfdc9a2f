"""Values files, merged as helm merges them, with the file and line of each value."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from pathlib import Path
from typing import Any

import yaml

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.policy.setting_paths import Path as SettingPath
from jhub_gateway.policy.setting_paths import Step, format_path

_MERGE = "tag:yaml.org,2002:merge"  # the key <<
_YES, _NO = "y|Y|yes|Yes|YES|on|On|ON", "n|N|no|No|NO|off|Off|OFF"
# What a text without quotes is otherwise, in the order in which it is tried.
_SCALARS = {
    "bool": rf"^({_YES}|{_NO}|true|True|TRUE|false|False|FALSE)$",
    "int": r"^[-+]?(0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)$",
    "float": r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$",
    "timestamp": None,
}


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a values file; the first is 1."""

    file: Path
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with the text of a values file.

    ``path`` is that of a key that is there twice, and empty where the file can't be read at all.
    """

    place: Place
    path: SettingPath
    sentence: str

    def __str__(self) -> str:
        return ": ".join(filter(None, (str(self.place), format_path(self.path), self.sentence)))


@dataclass(frozen=True, slots=True)
class _Node:
    place: Place
    value: Any  # a mapping or list of further nodes, or a plain value


class Values:
    """The values of several files together."""

    def __init__(self, root: _Node | None = None) -> None:
        self._root = root

    @cached_property
    def data(self) -> dict[str, Any]:
        """Everything as plain values.

        Maps are merged deeply; lists and all else of a later file replace those of an earlier one.
        A null stays in here as None: in the chart it removes the chart's own default, too.
        """
        return _make_plain(self._root) if self._root else {}

    def find(self, *path: Step) -> Place | None:
        """Return where the value of this path is, or its nearest parent that is there.

        Of a value that several files have it is the last, which holds.
        """
        node, place = self._root, None
        for step in path:
            node = _step_into(node, step)
            if node is None:
                break
            place = node.place
        return place


def read_values(files: Sequence[Path]) -> Values:
    """Return the values of the files, later ones over earlier ones.

    Raises ConfigurationError, naming file and line of all that is wrong with their text; OSError
    for a file that can't be opened.
    """
    values, faults = load_values(files)
    if faults:
        raise ConfigurationError("\n".join(map(str, faults)))
    return values


def load_values(files: Sequence[Path]) -> tuple[Values, list[Fault]]:
    """Return the values of those files that can be read, and what is wrong with the text of all.

    Of a key that is there twice the last holds, as for helm. Raises OSError.
    """
    readers = [_FileReader(file) for file in files]
    roots = [root for reader in readers if (root := reader.read()) is not None]
    values = Values(reduce(_merge, roots)) if roots else Values()
    return values, [fault for reader in readers for fault in reader.faults]


class _Loader(yaml.SafeLoader):
    """Reads YAML as helm does, whose rules are those of Go's yaml package.

    ``y`` and ``n`` are booleans, ``1e3`` is a number, and 12:30 and 2026-01-31 are texts.
    """

    yaml_implicit_resolvers = {
        first: [(tag, form) for tag, form in pairs if tag.rpartition(":")[2] not in _SCALARS]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    bool_values = {**yaml.SafeLoader.bool_values, "y": True, "n": False}


for _kind, _pattern in _SCALARS.items():
    if _pattern:
        _form = re.compile(_pattern, re.ASCII)
        _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", _form, None)


class _FileReader:
    """Reads one file, and collects what is wrong with its text."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.faults: list[Fault] = []

    def read(self) -> _Node | None:
        """Return the file's mapping, or None if it has none. Raises OSError."""
        content = self._file.read_bytes()
        try:
            self._loader = _Loader(content.decode())
            root = self._loader.get_single_node()
            if root is None:
                return None  # comments alone
            if isinstance(root, yaml.MappingNode):
                return self._read_node(root, (), Place(self._file, 1))
            self._note(1, "a values file is a mapping, with lines such as hub:")
        except UnicodeDecodeError as problem:
            self._note(content.count(b"\n", 0, problem.start) + 1, "this is no UTF-8")
        except yaml.reader.ReaderError as problem:
            before = content.decode()[: problem.position]
            self._note(before.count("\n") + 1, f"YAML has no place for it: {problem.reason}")
        except yaml.MarkedYAMLError as problem:
            self._note(_find_line(problem), _describe(problem))
        except RecursionError:
            self._note(1, "a value is inside itself, or in too many others")
        return None

    def _note(self, line: int, sentence: str, path: SettingPath = ()) -> None:
        self.faults.append(Fault(Place(self._file, line), path, sentence))

    def _read_node(self, node: yaml.Node, path: SettingPath, place: Place) -> _Node:
        if isinstance(node, yaml.MappingNode):
            return _Node(place, dict(self._read_pairs(node, path)))
        if isinstance(node, yaml.SequenceNode):
            items = (
                self._read_node(item, (*path, number), self._place(item))
                for number, item in enumerate(node.value)
            )
            return _Node(place, list(items))
        return _Node(place, self._read_plain(node))

    def _read_plain(self, node: yaml.Node) -> Any:
        try:
            return self._loader.construct_object(node)
        except ValueError:  # a number of thousands of digits, or a tag that says it is one
            mark = node.start_mark
            raise yaml.MarkedYAMLError(problem="a number is none", problem_mark=mark) from None

    def _read_pairs(
        self, mapping: yaml.MappingNode, path: SettingPath
    ) -> Iterator[tuple[str, _Node]]:
        self._find_duplicates(mapping, path)
        self._loader.flatten_mapping(mapping)  # what << brings in
        for key_node, value in mapping.value:
            key = self._read_key(key_node)
            yield key, self._read_node(value, (*path, key), self._place(key_node))

    def _find_duplicates(self, mapping: yaml.MappingNode, path: SettingPath) -> None:
        lines: dict[str, int] = {}
        for key_node, _ in mapping.value:
            if key_node.tag == _MERGE:
                continue
            key, line = self._read_key(key_node), self._place(key_node).line
            if key in lines:
                sentence = f"it is in line {lines[key]} already; only the last one would hold"
                self._note(line, sentence, (*path, key))
            lines[key] = line

    def _read_key(self, node: yaml.Node) -> str:
        key = self._loader.construct_object(node, deep=True)
        return str(key).lower() if isinstance(key, bool) else str(key)

    def _place(self, node: yaml.Node) -> Place:
        return Place(self._file, node.start_mark.line + 1)


def _find_line(problem: yaml.MarkedYAMLError) -> int:
    mark = problem.problem_mark or problem.context_mark
    return mark.line + 1 if mark else 1


def _describe(problem: yaml.MarkedYAMLError) -> str:
    text = " ".join(filter(None, (problem.context, problem.problem)))
    if "'\\t'" in text:
        return "there is a tab; YAML is indented with spaces"
    # A password without quotes may look like one of these.
    return "this is no YAML: " + re.sub(r"\b(alias|tag) ['\"].*['\"]", r"\1", text)


def _merge(earlier: _Node, later: _Node) -> _Node:
    if not (isinstance(earlier.value, dict) and isinstance(later.value, dict)):
        return later
    merged = dict(earlier.value)
    for key, node in later.value.items():
        merged[key] = _merge(merged[key], node) if key in merged else node
    return _Node(later.place, merged)


def _step_into(node: _Node | None, step: Step) -> _Node | None:
    value = node.value if node else None
    if isinstance(value, Mapping):
        return value.get(step)
    is_item = isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value)
    return value[step] if is_item else None  # type: ignore[index]


def _make_plain(node: _Node) -> Any:
    if isinstance(node.value, dict):
        return {key: _make_plain(value) for key, value in node.value.items()}
    if isinstance(node.value, list):
        return [_make_plain(item) for item in node.value]
    return node.value
