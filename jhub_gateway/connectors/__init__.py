"""How a user's login becomes what each of the gateway's systems reads."""

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

from jhub_gateway.connectors.base import Connector
from jhub_gateway.policy.credentials import CredentialSetting, make_setting_error

# Any installed package may add a system by an entry point that names its Connector class.
GROUP = "jhub_gateway.connectors"


def make_connectors(settings: Iterable[CredentialSetting]) -> dict[str, Connector]:
    """Return the connector of each credential, by the credential's name.

    Raises ConfigurationError naming the credential, the key and the value.
    """
    offers = entry_points(group=GROUP)
    return {setting.name: _make_connector(setting, tuple(offers)) for setting in settings}


def _make_connector(setting: CredentialSetting, offers: tuple[EntryPoint, ...]) -> Connector:
    matching = {offer.value: offer for offer in offers if offer.name == setting.system}
    if len(matching) != 1:
        raise make_setting_error(setting.name, _say_not_one(setting.system, matching, offers))
    connector = _load(setting, next(iter(matching.values())))
    return connector.make(setting.name, setting.audience, setting.settings)


def _say_not_one(system: str, matching: Iterable[str], offers: Iterable[EntryPoint]) -> str:
    if values := ", ".join(sorted(matching)):
        return f"system: {system!r} is offered twice, by {values}; uninstall one"
    known = ", ".join(sorted({offer.name for offer in offers}))
    return f"system: {system!r} is unknown; the systems are {known}"


def _load(setting: CredentialSetting, offer: EntryPoint) -> type[Connector]:
    try:
        connector = offer.load()
    except Exception as error:
        problem = f"system: {setting.system!r} can't be loaded from {offer.value}: {error}"
        raise make_setting_error(setting.name, problem) from error
    if not (isinstance(connector, type) and issubclass(connector, Connector)):
        problem = f"system: {setting.system!r} is {offer.value}, which is no Connector class"
        raise make_setting_error(setting.name, problem)
    return connector


__all__ = ["GROUP", "Connector", "make_connectors"]
