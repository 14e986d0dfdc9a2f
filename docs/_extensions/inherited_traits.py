"""What the reference says of inherited traits: their names, and upstream's page for each.

`autoconfigurable` of autodoc-traits lists every trait of a class, some hundred of KubeSpawner's
among them. Here only the project's own are kept. The directive `inherited-traits` lists the others
by name, after those of which the project changes the default. With `:without:` and another class
those that this one has in the same way are left out.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator

from docutils import nodes
from docutils.parsers.rst import Directive, directives
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import switch_source_input
from traitlets import HasTraits, TraitType
from traitlets.traitlets import DefaultHandler
from traitlets.utils.importstring import import_item

OWN = "jhub_gateway."
_READ_THE_DOCS = {
    "jupyterhub.auth": "jupyterhub.readthedocs.io/en/stable/reference/api/auth.html",
    "jupyterhub.spawner": "jupyterhub.readthedocs.io/en/stable/reference/api/spawner.html",
    "kubespawner.spawner": "jupyterhub-kubespawner.readthedocs.io/en/latest/spawner.html",
    **{
        f"oauthenticator.{name}": (
            f"oauthenticator.readthedocs.io/en/latest/reference/api/gen/oauthenticator.{name}.html"
        )
        for name in ("cilogon", "generic", "github", "globus", "google", "oauth2")
    },
}
# Where the page calls the module by another name than Python does.
_DOCUMENTED_AS = {"kubespawner.spawner": "kubespawner"}


def is_own(trait: TraitType) -> bool:
    """Whether the trait is defined in this project."""
    return trait.this_class.__module__.startswith(OWN)


def skip_inherited(app, what, name, member, skip, options):  # noqa: ARG001
    """Leave out of `autoconfigurable` what upstream documents itself."""
    return True if isinstance(member, TraitType) and not is_own(member) else None


def make_link(trait: TraitType) -> str:
    """Return the trait's name, linked to upstream's page if that is known."""
    module, owner = trait.this_class.__module__, trait.this_class.__name__
    if module not in _READ_THE_DOCS:
        return f"``{trait.name}``"
    anchor = f"{_DOCUMENTED_AS.get(module, module)}.{owner}.{trait.name}"
    return f"`{trait.name} <https://{_READ_THE_DOCS[module]}#{anchor}>`__"


def find_changed_defaults(configurable: type[HasTraits]) -> dict[str, DefaultHandler]:
    """Return what makes the default of each inherited trait that the project changes."""
    traits = configurable.class_traits(config=True)
    handlers: dict[str, DefaultHandler] = {}
    for cls in configurable.__mro__:
        for handler in vars(cls).values():
            if cls.__module__.startswith(OWN) and isinstance(handler, DefaultHandler):
                handlers.setdefault(handler.trait_name, handler)
    return {
        name: handler
        for name, handler in sorted(handlers.items())
        if name in traits and not is_own(traits[name])
    }


def read_value(handler: DefaultHandler) -> str | None:
    """Return the default if it is written out in the code; None if it is computed."""
    function = ast.parse(textwrap.dedent(inspect.getsource(handler.func))).body[0]
    returned = function.body[-1]  # type: ignore[attr-defined]
    try:
        return repr(ast.literal_eval(returned.value))
    except ValueError:
        return None


def list_changed(configurable: type[HasTraits], other: type[HasTraits]) -> Iterator[str]:
    """Yield reStructuredText on the inherited traits with another default."""
    traits = configurable.class_traits(config=True)
    known = find_changed_defaults(other)
    changed = {
        name: handler
        for name, handler in find_changed_defaults(configurable).items()
        if known.get(name) is not handler
    }
    if changed:
        yield from ("With another default than upstream's:", "")
    for name, handler in changed.items():
        value = read_value(handler)
        yield f"- {make_link(traits[name])}: " + (f"``{value}``" if value else "computed")
    yield ""


def list_inherited(configurable: type[HasTraits], other: type[HasTraits]) -> Iterator[str]:
    """Yield reStructuredText with the names of all other inherited traits, by class."""
    traits = configurable.class_traits(config=True).values()
    changed = find_changed_defaults(configurable)
    for owner in configurable.__mro__:
        links = [
            make_link(trait)
            for trait in sorted(traits, key=lambda trait: trait.name)
            if trait.this_class is owner and not is_own(trait) and trait.name not in changed
        ]
        if links and not issubclass(other, owner):
            yield from (f"From ``{owner.__name__}``: {', '.join(links)}.", "")


class InheritedTraits(Directive):
    """`.. inherited-traits:: package.module.Class`, and `:without: package.module.Other`"""

    required_arguments = 1
    option_spec = {"without": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """Return the two lists as paragraphs."""
        configurable = import_item(self.arguments[0])
        other = import_item(self.options["without"]) if "without" in self.options else HasTraits
        lines = [*list_changed(configurable, other), *list_inherited(configurable, other)]
        text = StringList(lines, source=f"traits of {self.arguments[0]}")
        container = nodes.Element()
        with switch_source_input(self.state, text):
            self.state.nested_parse(text, 0, container)
        return container.children


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive and the filter."""
    app.add_directive("inherited-traits", InheritedTraits)
    app.connect("autodoc-skip-member", skip_inherited)
    return {"parallel_read_safe": True}
