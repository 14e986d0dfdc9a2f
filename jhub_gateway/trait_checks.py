"""Settings that do not exist."""

from traitlets import HasTraits
from traitlets.config import Config

from jhub_gateway.errors import ConfigurationError


def check_known_traits(configurable: type[HasTraits], config: Config) -> None:
    """Raise ConfigurationError for a setting that no class of this project has.

    traitlets only warns of one, and the hub would go on without what its operator wanted.
    """
    known = configurable.class_trait_names(config=True)
    ours = (cls for cls in configurable.mro() if cls.__module__.startswith(f"{__package__}."))
    for section in ours:
        for name in config.get(section.__name__, {}):
            if name not in known:
                raise ConfigurationError(f"{section.__name__}.{name}: there is no such setting")
