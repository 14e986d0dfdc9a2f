"""What is checked once, when the hub starts: bad configuration stops it there."""

from jupyterhub.app import JupyterHub
from traitlets import HasTraits
from traitlets.config import Config

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.profiled_spawner import ProfiledSpawner, check_once

REFUSAL_SECONDS = 1


def check_hub(app: JupyterHub) -> None:
    """Check the settings of this hub's spawner.

    :class:`~jhub_gateway.authenticator.GatewayAuthenticator` calls it when the hub starts. With
    another authenticator the spawner's own check runs at the first start of a server instead,
    and refuses that one and all others.

    Raises ConfigurationError, with a sentence that names the trait and its value.
    """
    spawner_class = app.spawner_class
    check_known_traits(spawner_class, app.config)
    if issubclass(spawner_class, ProfiledSpawner):
        check_once(spawner_class, app)


def wait_for_refusals(app: JupyterHub) -> None:
    """Let each request for a start wait long enough to be answered with a refusal.

    Zero to JupyterHub sets ``slow_spawn_timeout`` to 0 seconds: a start that the user may not
    have would be answered 202, and the refusal seen only by who asks again.
    """
    if app.tornado_settings.get("slow_spawn_timeout", REFUSAL_SECONDS) < REFUSAL_SECONDS:
        app.tornado_settings["slow_spawn_timeout"] = REFUSAL_SECONDS


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
