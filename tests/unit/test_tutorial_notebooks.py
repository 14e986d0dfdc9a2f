"""The tutorials as they are shipped: sound notebooks without outputs, whose names all exist."""

import ast
import csv
import re
import sys
from itertools import chain
from pathlib import Path

import nbformat
import pytest
import yaml

import jhub_gateway.notebook
from jhub_gateway.storage.tutorials import SHIPPED
from tests.cluster.paths import ROOT

TUTORIALS = ROOT / "binder/tutorials/gateway"
NOTEBOOKS = sorted(TUTORIALS.glob("*.ipynb"))
NAMES = [
    *("00-welcome", "10-tes", "11-wes", "20-arvados", "21-dataverse", "22-jatos", "23-ftp"),
    *("30-memory", "31-credentials"),
]
# What a notebook imports, and the package of the image that has it.
PACKAGES = {"tes": "py-tes", "arvados": "arvados-python-client", "pyDataverse": "pydataverse"}


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def book(path):
    return nbformat.read(path, as_version=nbformat.NO_CONVERT)


def read_code(book):
    """Return the program of a notebook, without IPython's own lines."""
    cells = [cell.source for cell in book.cells if cell.cell_type == "code"]
    return "\n".join(re.sub(r"^%.*$", "", cell, flags=re.MULTILINE) for cell in cells)


def list_imports(book):
    """Return the modules that a notebook imports, each with the names that it takes of it."""
    found = []
    for node in ast.walk(ast.parse(read_code(book))):
        if isinstance(node, ast.Import):
            found += [(alias.name, []) for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            found.append((node.module, [alias.name for alias in node.names]))
    return found


def read_requirements():
    """Return the names of all packages of the user image."""
    texts = [
        (ROOT / "binder" / name).read_text()
        for name in ("requirements.txt", "requirements-alone.txt")
    ]
    return {name.lower() for name in re.findall(r"^([\w.-]+)==", "\n".join(texts), re.MULTILINE)}


def test_all_are_there():
    assert [path.stem for path in NOTEBOOKS] == NAMES


def test_each_is_a_valid_notebook_of_python(book):
    nbformat.validate(book)
    assert (book.nbformat, book.nbformat_minor) == (4, 5)
    assert book.metadata.kernelspec.name == "python3"
    identifiers = [cell.id for cell in book.cells]
    assert len(set(identifiers)) == len(identifiers)


def test_each_comes_without_what_somebody_s_run_left(book):
    for cell in book.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None
        assert cell.metadata == {}


def test_each_begins_with_its_title_and_says_what_its_cells_do(book):
    assert book.cells[0].cell_type == "markdown"
    assert re.match(r"# \w", book.cells[0].source)
    for cell in book.cells[1:]:
        assert not re.match(r"# ", cell.source), "one title a notebook"
    longest = max(len(cell.source.splitlines()) for cell in book.cells)
    assert longest <= 32, "a cell is no page"


def test_each_tells_troubles_in_a_sentence(book):
    first = next(cell for cell in book.cells if "%" in cell.source and cell.cell_type == "code")
    assert first.source.startswith("%load_ext jhub_gateway.notebook\n")


def test_the_names_of_the_helper_exist(book):
    taken = [names for module, names in list_imports(book) if module == "jhub_gateway.notebook"]
    assert taken
    for name in chain.from_iterable(taken):
        assert name in jhub_gateway.notebook.__all__
        assert getattr(jhub_gateway.notebook, name)


def test_the_image_has_what_is_imported(book):
    packages = read_requirements()
    for module, _ in list_imports(book):
        top = module.partition(".")[0]
        if top not in sys.stdlib_module_names and top != "jhub_gateway":
            assert PACKAGES.get(top, top).lower() in packages


def test_what_it_leads_to_exists(path):
    text = nbformat.reads(path.read_text(), as_version=4)
    sources = "\n".join(cell.source for cell in text.cells if cell.cell_type == "markdown")
    for target in re.findall(r"\]\(([^)]+)\)", sources):
        assert target.startswith("https://") or (TUTORIALS / target).is_file(), target


def test_nothing_of_a_gateway_is_in_it(path):
    """No address, no image and no token: all of that is the gateway's."""
    code = read_code(nbformat.read(path, as_version=4))
    assert re.findall(r"https?://[^\s\"']+", code) == []


def test_the_data_are_whole():
    with open(TUTORIALS / "seattle-weather.csv", newline="") as file:
        days = list(csv.DictReader(file))
    assert (len(days), days[0]["date"], days[-1]["date"]) == (1461, "2012-01-01", "2015-12-31")
    assert all(float(day["temp_max"]) >= float(day["temp_min"]) for day in days)
    assert "public domain" in " ".join((TUTORIALS / "README.md").read_text().split())


def test_the_workflow_s_files_are_beside_it():
    workflow = yaml.safe_load((TUTORIALS / "dry-spells.cwl").read_text())
    programs = [
        each["default"]["location"] for each in workflow["inputs"].values() if each != "File"
    ]
    assert programs
    for program in programs:
        assert (TUTORIALS / program).is_file()


def test_they_come_with_the_package_under_the_name_that_common_yaml_gives():
    values = yaml.safe_load((ROOT / "helm-values/common.yaml").read_text())
    (tutorial,) = values["hub"]["config"]["GatewaySpawner"]["tutorials"]
    shipped = SHIPPED / tutorial["name"]
    assert sorted(shipped.iterdir()) == [
        shipped / path.name for path in sorted(TUTORIALS.iterdir())
    ]
    assert f"tutorials/{tutorial['name']}/*" in (ROOT / "setup.cfg").read_text()


def test_each_file_is_an_image_s_too():
    """The builds copy the folder, as the package only has a link to it."""
    assert Path(SHIPPED / "gateway-1").resolve() == TUTORIALS
    for dockerfile in ("binder/Dockerfile", "images/hub/Dockerfile"):
        text = (ROOT / dockerfile).read_text()
        assert "COPY binder/tutorials /opt/jhub-gateway/binder/tutorials" in text
        assert "!binder/tutorials" in (ROOT / f"{dockerfile}.dockerignore").read_text()


def test_all_that_is_asked_for_is_locked():
    asked = re.findall(r"^([\w.-]+)$", (ROOT / "binder/requirements.in").read_text(), re.MULTILINE)
    assert len(asked) > 10
    assert {name.lower() for name in asked} <= read_requirements()
