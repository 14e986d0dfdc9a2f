"""Settings that do not exist."""

from collections.abc import Iterator

from traitlets import HasTraits
from traitlets.config import Config

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.policy.suggestions import suggest


def check_known_traits(configurable: type[HasTraits], config: Config) -> None:
    """Raise ConfigurationError for a setting that no class of this project has.

    traitlets only warns of one, and the hub would go on without what its operator wanted.
    """
    for problem in find_unknown_traits(configurable, config):
        raise problem


def find_unknown_traits(
    configurable: type[HasTraits], config: Config
) -> Iterator[ConfigurationError]:
    """Yield a problem for each setting that no class of this project has."""
    known = configurable.class_trait_names(config=True)
    ours = (cls for cls in configurable.mro() if cls.__module__.startswith(f"{__package__}."))
    for section in ours:
        for name in config.get(section.__name__, {}):
            if name not in known:
                yield ConfigurationError(
                    f"{section.__name__}.{name}: there is no such setting{suggest(name, known)}",
                    (section.__name__, name),
                )
