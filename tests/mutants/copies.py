"""Copies of the checkout to plant faults in: the checkout itself is never touched."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "mutants"


def tracked() -> list[Path]:
    """The files of the checkout, and the built extension."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    names = [Path(name.decode()) for name in listed.stdout.split(b"\0") if name]
    built = [path.relative_to(ROOT) for path in ROOT.glob("python/**/*.so")]
    return sorted({name for name in names + built if (ROOT / name).is_file()})


def fingerprint(test: str) -> str:
    """Of everything that decides how a file in ``tests/python`` ends."""
    own = (ROOT / "tests/python" / test).read_text()
    digest = hashlib.sha256(own.encode())
    for name in tracked():
        folder, _, rest = name.as_posix().partition("/")
        helper = rest.startswith("python/") and not name.stem.startswith("test_")
        used = helper and (name.stem in own or name.stem == "conftest")
        if folder in ("python", "spec") or (folder == "tests" and used):
            digest.update(name.as_posix().encode() + b"\0" + (ROOT / name).read_bytes())
    return digest.hexdigest()[:16]


def make(name: str) -> Path:
    """A fresh copy under this name."""
    copy = WORK / name
    if copy.exists():
        shutil.rmtree(copy)
    for each in tracked():
        (copy / each).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / each, copy / each)
    # Bytecode that is never compared with its source: what is planted has none.
    compiling = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([*compiling, str(copy / "python"), str(copy / "spec")], check=True)
    return copy


@contextmanager
def planted(copy: Path, file: Path, text: str) -> Iterator[None]:
    """``file`` of the copy has this text inside the block."""
    path = copy / file
    before = path.read_bytes()
    compiled = path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc"
    aside = compiled.with_suffix(".aside")
    if compiled.exists():
        compiled.replace(aside)
    path.write_text(text)
    try:
        yield
    finally:
        path.write_bytes(before)
        if aside.exists():
            aside.replace(compiled)
