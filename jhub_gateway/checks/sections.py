"""Names under ``hub.config`` that nothing has, and sections that have no effect."""

from collections.abc import Iterator
from typing import Any

from jupyterhub.crypto import CryptKeeper
from jupyterhub.proxy import ConfigurableHTTPProxy

from jhub_gateway import providers
from jhub_gateway.chart.pass_through import list_sections
from jhub_gateway.checks.report import Problem
from jhub_gateway.checks.site import Site
from jhub_gateway.login.checked_login import CheckedLogin
from jhub_gateway.policy.setting_paths import Path
from jhub_gateway.policy.suggestions import find_meant, suggest
from jhub_gateway.spawner import GatewaySpawner

_LOGINS = [cls for name, cls in vars(providers).items() if name.endswith("GatewayAuthenticator")]


def find_section_problems(site: Site) -> Iterator[Problem]:
    """Yield sections of this project's that no class has or that nothing uses, and unknown traits.

    Other sections may be those of any class that an operator brings.
    """
    authenticator, spawner = type(site.authenticator), type(site.spawner)
    used = {
        section: cls
        for cls in (ConfigurableHTTPProxy, CryptKeeper, type(site.app), authenticator, spawner)
        for section in cls.section_names()
    }
    logins = {section for cls in _LOGINS for section in _list_own_sections(cls)}
    ours = {*logins, *_list_own_sections(GatewaySpawner)}
    for section, traits in list_sections(site.chart).items():
        path: Path = ("hub", "config", section)
        if section in used:
            yield from _find_unknown_traits(used[section], path, traits)
        elif section in logins and issubclass(authenticator, CheckedLogin):
            sentence = f"it has no effect: this hub's authenticator is {authenticator.__name__}"
            yield Problem(path, sentence, is_warning=True)
        elif section not in ours and (meant := find_meant(section, ours)):
            sentence = f"there is no such class (did you mean {meant!r}?)"
            yield Problem(path, sentence, explains=(*path[:-1], meant))


def _list_own_sections(cls: Any) -> list[str]:
    return [base.__name__ for base in cls.mro() if base.__module__.startswith("jhub_gateway.")]


def _find_unknown_traits(cls: Any, path: Path, traits: Any) -> Iterator[Problem]:
    """Yield traits that the class does not have: traitlets only warns of them in the hub's log."""
    known = cls.class_trait_names(config=True)
    is_ours = path[-1] in _list_own_sections(cls)
    for name in traits if isinstance(traits, dict) else ():
        if name not in known:
            meant = find_meant(name, known)
            yield Problem(
                (*path, name),
                f"there is no such setting{suggest(name, known)}",
                is_warning=not is_ours,
                explains=(*path, meant) if meant else (),
            )
