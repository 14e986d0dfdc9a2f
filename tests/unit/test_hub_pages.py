"""Whose page is shown: the operator's, this project's or JupyterHub's."""

from types import SimpleNamespace

import pytest
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader

from jhub_gateway.hub_pages import add_templates, add_variable


def make_app(tmp_path, has_environment: bool) -> SimpleNamespace:
    """As JupyterHub is, before or after it has made its templates' environment."""
    own, base = tmp_path / "own", tmp_path / "base"
    for directory in (own, base):
        directory.mkdir()
        (directory / "error.html").write_text(directory.name)
    (base / "page.html").write_text("base")
    (base / "spawn_pending.html").write_text("base")
    paths = [str(own), str(base)]
    base_loader = PrefixLoader({"templates": FileSystemLoader([str(base)])}, "/")
    environment = Environment(
        loader=ChoiceLoader([base_loader, FileSystemLoader(paths)]), autoescape=True
    )
    return SimpleNamespace(
        template_paths=paths,
        template_vars={"own": 1},
        tornado_settings={"jinja2_env": environment} if has_environment else {},
        _template_paths_default=lambda: [str(base)],
    )


@pytest.mark.parametrize("has_environment", [False, True])
def test_the_operators_pages_go_first_and_jupyterhubs_last(tmp_path, has_environment):
    app = make_app(tmp_path, has_environment)
    add_templates(app)
    add_templates(app)
    found = Environment(loader=FileSystemLoader(app.template_paths), autoescape=True)
    for environment in (found, *app.tornado_settings.values()):
        assert environment.get_template("error.html").filename.endswith("own/error.html")
        waiting = environment.get_template("spawn_pending.html").filename
        assert waiting.endswith("jhub_gateway/templates/hub/spawn_pending.html")
    assert len(app.template_paths) == 3


def test_a_variable_reaches_pages_that_are_served_already(tmp_path):
    app = make_app(tmp_path, True)
    app.tornado_settings["template_vars"] = app.template_vars
    add_variable(app, "more", 2)
    assert app.tornado_settings["template_vars"] == {"own": 1, "more": 2}
