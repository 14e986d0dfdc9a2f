"""Values that the real classes take for their settings, or refuse: each of them, not the first."""

import re
from collections.abc import Iterator
from typing import Any

from traitlets import HasTraits, TraitError
from traitlets.config import Config, Configurable
from traitlets.config.loader import LazyConfigValue

from jhub_gateway.errors import ConfigurationError, list_problems

_SECRET = re.compile("secret|password|token|key|cookie|credential", re.IGNORECASE)


def make_bare(cls: type[Configurable], config: Config | None = None) -> Any:
    """Return an object of the class with its settings, which has not begun to do anything.

    A spawner and an authenticator that are made in the usual way want a hub or a cluster.
    """
    bare = cls.__new__(cls)
    if config is not None:
        bare.config = config
    return bare


def find_refused_values(cls: type[Configurable], config: Config) -> Iterator[ConfigurationError]:
    """Yield what the class refuses, and take it out of ``config``, so that the rest can be used.

    The path of a problem begins with the section and the trait.
    """
    known = cls.class_traits(config=True)
    for section in cls.section_names():
        for name in [name for name in config.get(section, {}) if name in known]:
            problems = list_problems((section, name), _set, make_bare(cls), name, config[section])
            for problem in problems:
                if problem.path[0] == name:
                    problem.path = (section, *problem.path)
                yield problem
            if problems:
                del config[section][name]


def _set(bare: HasTraits, name: str, section: Config) -> None:
    value = section[name]
    if isinstance(value, LazyConfigValue):
        value = value.get_value(getattr(bare, name))
    try:
        setattr(bare, name, value)
    except TraitError as problem:
        raise ConfigurationError(_describe(name, str(problem))) from None
    except (TypeError, ValueError, KeyError, AttributeError) as problem:
        # A class that looks into a value before it knows its type.
        kind = type(value).__name__
        raise ConfigurationError(
            f"it can't be of the type {kind}: {type(problem).__name__}"
        ) from None


def _describe(name: str, problem: str) -> str:
    """Return traitlets' sentence without the value, which may be secret, and without the class."""
    if _SECRET.search(name):
        return "it is of the wrong type, or not well-formed"
    sentence = re.sub(r"^The '\w+' trait of .*? instance (expected|must be)", "it must be", problem)
    return re.sub(r"(, not the \w+) .*", r"\1", sentence, flags=re.DOTALL)
