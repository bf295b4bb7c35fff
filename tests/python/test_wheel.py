"""The wheel: the same bytes from any folder, for any Linux; with vectors and without sources."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VECTORS = sorted(path.name for path in (ROOT / "spec" / "vectors").glob("*.msgpack"))

sys.path.insert(0, str(ROOT / "packaging"))
from org import markdown  # noqa: E402


def missing() -> str:
    """Why no wheel can be built here; empty if it can."""
    if sys.platform != "linux":
        return "no Linux"
    programs = [name for name in ("cc", "patchelf", "git") if not shutil.which(name, path=PATH)]
    tools = [name for name in ("build", "auditwheel") if find_spec(name) is None]
    return f"{', '.join(programs + tools)} missing" if programs + tools else ""


PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """One wheel from each of two folders, without optimisation: -O3 takes a minute."""
    if missing():
        pytest.skip(f"THE WHEEL IS NOT TESTED: {missing()}")
    place = tmp_path_factory.mktemp("wheels")
    folders = [place / "one", place / "another" / "folder"]
    environment = {**os.environ, "PATH": PATH, "CFLAGS": "-O0", "SOURCE_DATE_EPOCH": "1700000000"}
    environment.pop("PYTHONPATH", None)
    building = [_building(folder, environment) for folder in folders]
    for process in building:
        said, _ = process.communicate()
        assert process.returncode == 0, said
    return [next((folder / "dist").glob("*.whl")) for folder in folders]


def _building(folder: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("docs/", "examples/", "tests/")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return subprocess.Popen(
        ["packaging/wheel", "--wheel"],
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def test_it_has_the_same_bytes_from_any_folder(wheels: list[Path]) -> None:
    first, second = wheels
    assert first.name == second.name
    assert re.search(r"-cp39-abi3-manylinux_2_\d+_\w+\.whl$", first.name)
    assert first.read_bytes() == second.read_bytes()


def test_it_holds_the_vectors_and_no_sources_or_traces(wheels: list[Path], tmp_path: Path) -> None:
    with zipfile.ZipFile(wheels[0]) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path)
    vectors = [name for name in names if name.endswith(".msgpack")]
    assert sorted(Path(name).name for name in vectors) == VECTORS
    assert {name.split("/")[1] for name in vectors} == {"_vectors"}
    assert [name for name in names if "/_kernel/src/" in name or name.endswith(".org")] == []
    package = ROOT / "python" / "liquid_neural_networks"
    exported = {str(path.relative_to(package.parent)) for path in package.glob("export/*/*.*")}
    assert {"liquid_neural_networks/py.typed", *_sources(exported)} <= set(names)
    extension = tmp_path / "liquid_neural_networks" / "_kernel" / "_native.abi3.so"
    content = extension.read_bytes()
    for trace in (str(wheels[0].parents[1]), sys.base_prefix, "/src/", ".symtab", ".debug_info"):
        assert trace.encode() not in content, trace
    shown = subprocess.run(["patchelf", "--print-rpath", extension], capture_output=True, text=True,
                           env={**os.environ, "PATH": PATH}, check=True)  # fmt: skip
    assert shown.stdout.strip() == ""
    (metadata,) = tmp_path.glob("*.dist-info/METADATA")
    assert "Description-Content-Type: text/markdown\n" in metadata.read_text("utf-8")


def _sources(names: set[str]) -> set[str]:
    """Those that an export writes out: C and templates, which are no sources of this package."""
    return {name for name in names if not name.endswith((".py", ".pyc"))}


def test_installed_it_finds_its_vectors(wheels: list[Path], tmp_path: Path) -> None:
    with zipfile.ZipFile(wheels[0]) as archive:
        archive.extractall(tmp_path)
    program = (
        "from liquid_neural_networks import conformance, fused\n"
        "folder = conformance._own_vectors()\n"
        "print(fused.status().available, folder.parent.name, len(list(folder.iterdir())))"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                         cwd=tmp_path, env=environment, check=True)  # fmt: skip
    assert run.stdout == f"True liquid_neural_networks {len(VECTORS)}\n"


def test_the_package_page_is_markdown() -> None:
    page = markdown((ROOT / "README.org").read_text("utf-8"))
    assert page.startswith("# Liquid Neural Networks\n")
    outside = re.sub(r"(?s)```.*?\n```", "", page)
    assert re.findall(r"\[\[|^\*+ |^#\+|(?<!`)=\w+=(?!`)|\0", outside, re.MULTILINE) == []
    links = re.findall(r"\]\(([^)]*)\)", outside)
    assert len(links) > 20 and all(each.startswith("https://") for each in links)
    assert "```python\nfrom liquid_neural_networks import" in page
    assert page.count("```") % 2 == 0


@pytest.mark.parametrize(
    ("org", "expected"),
    [
        ("* Speed of =ncps=", "## Speed of `ncps`"),
        ('- =dynamics="closed_form"= is a /CfC/', '- `dynamics="closed_form"` is a *CfC*'),
        ("*Few*, =a=b= and ~c=d~.", "**Few**, `a=b` and `c=d`."),
        ("[[file:docs/time.org][Time]]", f"[Time]({'https://github.com/aygp-dr/'}"
         "liquid-neural-networks/blob/main/docs/time.org)"),
        ("5 * 3 = 15, a/b/c", "5 * 3 = 15, a/b/c"),
        ("text\n| a | b |\n|---+---|\n| 1 | 2 |", "text\n\n| a | b |\n|---|---|\n| 1 | 2 |"),
        ("| a |\n|---|\n| 1 |\ntext", "| a |\n|---|\n| 1 |\n\ntext"),
        ("text\n#+name: t\n| a |\n|---|", "text\n\n| a |\n|---|"),
        ("#+RESULTS:\n: 1\n:\n: 2\ntext", "```text\n1\n\n2\n```\ntext"),
        ("- =x= :: the /one/", "- **`x`**: the *one*"),
        ("| =c= | =d=", "| `c` | `d`"),
        ("#+begin_src bash\nls *x*\n#+end_src", "```bash\nls *x*\n```"),
        ("#+begin_src sh :results output\nls\n#+end_src", "```sh\nls\n```"),
        ("#+begin_example\n| a\n: b\n#+end_example", "```\n| a\n: b\n```"),
    ],
)  # fmt: skip
def test_org_becomes_markdown(org: str, expected: str) -> None:
    assert markdown(org) == f"{expected}\n"
