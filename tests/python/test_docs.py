"""The documents: their code runs and prints what they say, their links lead somewhere."""

from __future__ import annotations

import importlib
import io
import pkgutil
import re
import shlex
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import liquid_neural_networks
from liquid_neural_networks import errors
from liquid_neural_networks.cli import main

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").glob("*.org"))
TEXTS = [*DOCS, *sorted(ROOT.glob("*.org")), *sorted((ROOT / "spec").glob("*.org"))]

BLOCK = re.compile(
    r"^#\+begin_src (?P<kind>python|sh :results output)(?: :needs (?P<needs>\w+))?[^\n]*\n"
    r"(?P<code>.*?)^#\+end_src\n"
    r"(?:\n#\+RESULTS:\n(?P<printed>(?:: ?[^\n]*\n)+))?",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)
LINK = re.compile(
    r"\[\[(?:file:|\./)(?P<path>[^]:]+?)(?:::\*?(?P<heading>[^]]+))?\](?:\[[^]]*\])?\]"
)

PATH = re.compile(r"=([\w./-]+(?:/|\.(?:py|org|txt|tsv|toml)))=")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", DOCS, ids=name_of)
def test_code_runs_in_order_and_prints_what_it_says(path: Path, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = path.read_text("utf-8")
    names: dict[str, Any] = {"__name__": path.stem}
    missing = []
    for block in BLOCK.finditer(text):
        if block["needs"] and find_spec(block["needs"]) is None:
            missing.append(block["needs"])
            continue
        expected = re.sub("^: ?", "", block["printed"] or "", flags=re.MULTILINE)
        if block["kind"] != "python":
            assert_commands_say(block["code"], expected.splitlines())
            continue
        # Line numbers in a traceback are those of the document.
        above = "\n" * text.count("\n", 0, block.start("code"))
        printed = io.StringIO()
        with redirect_stdout(printed):
            exec(compile(above + block["code"], str(path), "exec"), names)
        assert printed.getvalue() == expected, block["code"]
    if missing:
        pytest.skip(f"{path.name} IS TESTED IN PART: {', '.join(missing)} missing")


def assert_commands_say(commands: str, expected: list[str]) -> None:
    """Each command works, and among what they print are these lines, in this order."""
    said: list[str] = []
    for command in commands.splitlines():
        name, *arguments = shlex.split(command)
        assert name == "lnn", command
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.output
        said += result.output.splitlines()
    left = iter(said)
    assert all(line in left for line in expected), "\n".join(said)


@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    for link in LINK.finditer(path.read_text("utf-8")):
        target = (path.parent / link["path"]).resolve()
        assert target.exists(), link[0]
        if link["heading"]:
            headings = re.findall(r"^\*+ (.*?)\s*$", target.read_text("utf-8"), re.MULTILINE)
            assert link["heading"] in headings, link[0]


@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_paths_named_in_the_text_exist(path: Path) -> None:
    folders = (ROOT, ROOT / "python/liquid_neural_networks", path.parent)
    for line in path.read_text("utf-8").splitlines():
        if "coming" not in line:
            for name in PATH.findall(line):
                assert any((folder / name).exists() for folder in folders), line


def test_every_test_that_proves_a_claim_exists() -> None:
    text = (ROOT / "docs/comparison.org").read_text("utf-8")
    named = re.findall(r"\[\[file:\.\./(tests/python/\w+\.py)]\[(test_\w+)]]", text)
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    claimed = [row for row in rows if row.split("|")[2].strip() != "no"]
    assert len(named) == len(claimed) > 10
    for file, test in named:
        assert re.search(rf"^def {test}\(", (ROOT / file).read_text("utf-8"), re.MULTILINE), test


def public_names() -> list[tuple[str, str]]:
    """(module, name) for every error and every name in an ``__all__`` of a public module."""
    package = liquid_neural_networks
    modules = [package.__name__]
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not any(part.startswith("_") for part in found.name.split(".")):
            modules.append(found.name)
    named = [
        (module, name)
        for module in modules
        for name in getattr(importlib.import_module(module), "__all__", ())
    ]
    raised = [name for name, each in vars(errors).items() if isinstance(each, type)]
    return named + [("errors", name) for name in raised]


def test_every_public_name_is_in_the_api_document() -> None:
    text = (ROOT / "docs/api.org").read_text("utf-8")
    names = public_names()
    assert ("liquid_neural_networks", "LiquidNetwork") in names
    missing = [f"{m}.{n}" for m, n in names if not re.search(rf"[=.]{re.escape(n)}\b", text)]
    assert missing == []


def test_contributing_names_every_module() -> None:
    """Python modules and packages, and Clojure namespaces."""
    page = (ROOT / "CONTRIBUTING.org").read_text()
    package = ROOT / "python" / "liquid_neural_networks"
    modules = {path.stem for path in package.glob("*.py")} - {"__init__"}
    modules |= {f"{path.parent.name}/" for path in package.glob("*/__init__.py")} - {"cli/"} | {
        "cli"
    }
    clojure = ROOT / "clojure" / "src" / "liquid_neural_networks"
    modules |= {path.stem for path in clojure.glob("*.clj")}
    assert sorted(module for module in modules if f"={module}=" not in page) == []
