"""What the documentation's site is made of: every page, every name of both languages, a notebook.

``make docs`` builds it, where every warning is an error.
"""

from __future__ import annotations

import json
import re
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from test_docs import TEXTS, name_of, public_names

ROOT = Path(__file__).parents[2]
sys.path += [str(ROOT / "packaging"), str(ROOT / "docs/site")]

from org import markdown  # noqa: E402

needs_sphinx = pytest.mark.skipif(
    find_spec("sphinx") is None, reason="THE SITE IS NOT BUILT: there is no Sphinx"
)
OUTSIDE_THE_SITE = {"README.org"}
"""The site has a front page of its own."""


@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_nothing_of_org_is_left_in_markdown(path: Path) -> None:
    page = markdown(path.read_text("utf-8"))
    assert page.startswith("# ") and page.count("```") % 2 == 0
    outside = re.sub(r"`[^`\n]+`", "", re.sub(r"(?s)```.*?\n```", "", page))
    assert re.findall(r"\[\[|^\*+ |^#\+|=\w+=|^: |\0", outside, re.MULTILINE) == []
    # Code that was broken over two lines.
    assert re.findall(r"(?<![\w=])=[^\s=][^=\n]*\n[^=\n]*[^\s=]=(?![\w=])", outside) == []


@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_tables_have_a_heading_and_lines_of_equal_length(path: Path) -> None:
    page = re.sub(r"(?s)```.*?\n```", "", markdown(path.read_text("utf-8")))
    for table in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        _, rule, *_ = lines = table.splitlines()
        assert re.fullmatch(r"\|(---\|)+", rule), table
        assert {line.count("|") for line in lines} == {rule.count("|")}, table
        assert f"\n\n{table}" in page  # else it is none, in some readers of Markdown


def test_every_page_has_its_place() -> None:
    index = (ROOT / "docs/index.md").read_text("utf-8")
    named = re.findall(r"^(?:.*<(.+)>|([\w./]+))$", index, re.MULTILINE)
    placed = {(ROOT / "docs" / (a or b)).resolve() for a, b in named}
    missing = [p for p in TEXTS if p.with_suffix("") not in placed]
    assert [name_of(p) for p in missing if name_of(p) not in OUTSIDE_THE_SITE] == []


def test_every_public_module_has_its_docstrings_shown() -> None:
    page = (ROOT / "docs/python_api.md").read_text("utf-8")
    shown = set(re.findall(r"automodule:: (\S+)", page))
    # The names of compat.ncps.torch are those of compat.ncps, those of interchange are modules.
    same = {"compat.ncps.torch", "interchange"}
    package = "liquid_neural_networks"
    wanted = {m if m.startswith(package) else f"{package}.{m}" for m, _ in public_names()}
    assert wanted - shown == {f"{package}.{name}" for name in same}


@needs_sphinx
def test_the_clojure_functions_are_those_of_the_api_document() -> None:
    from clojure_names import namespace

    text = (ROOT / "clojure/src/liquid_neural_networks/core.clj").read_text("utf-8")
    name, doc, functions = namespace(text)
    assert (name, doc[:22]) == ("liquid-neural-networks.core", "Liquid neural networks")
    api = (ROOT / "docs/api.org").read_text("utf-8")
    listed = set(re.findall(r"=([\w!?-]+)=", api[api.index("* Clojure: ") :]))
    assert {each.name for each in functions} - listed == set()
    assert {each.name for each in functions} == set(
        re.findall(r"^\(defn ([^\s^]+)", text, re.MULTILINE)
    )
    assert all(each.arguments and each.doc for each in functions)


@needs_sphinx
def test_a_clojure_function_becomes_markdown() -> None:
    from clojure_names import page

    text = """(ns a.b "About.")

(defn go!
  "Goes, see [[stop]].

    :far  how far, a `:number`, see [[stop]]

      (go! \\"x\\") ;=> 1"
  ^long
  ([x] (go! x nil))
  ([x {:keys [far]} & more] 1))

(defn- hidden "Not this." [x] x)
"""
    assert page(text) == (
        "# a.b\n\nAbout.\n\n## go!\n\n```clojure\n(go! x)\n(go! x map & more)\n```\n\n"
        "Goes, see `stop`.\n\n"
        '```text\n:far  how far, a :number, see stop\n```\n\n```clojure\n(go! "x") ;=> 1\n```\n'
    )


def test_the_notebook_runs(tmp_path: Path) -> None:
    """And has run: its outputs are there for those who only read it."""
    nbclient = pytest.importorskip("nbclient", reason="NOTEBOOKS ARE NOT TESTED: no nbclient")
    pytest.importorskip("ipykernel", reason="NOTEBOOKS ARE NOT TESTED: no ipykernel")
    pytest.importorskip("statsmodels", reason="NOTEBOOKS ARE NOT TESTED: no statsmodels")
    import nbformat

    path = ROOT / "docs/notebooks/first_steps.ipynb"
    stored = json.loads(path.read_text("utf-8"))
    cells = [cell for cell in stored["cells"] if cell["cell_type"] == "code"]
    pictures = [
        out for cell in cells for out in cell["outputs"] if "image/png" in out.get("data", ())
    ]
    assert len(pictures) == 4
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    said = "".join(
        out.get("text", "") for cell in notebook.cells for out in cell.get("outputs", ())
    )
    assert "the best baseline" in said or "no better than" in said
