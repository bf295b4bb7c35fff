"""Mutants of Python files, made by the operators of mutmut one at a time."""

from __future__ import annotations

import difflib
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Optional

import libcst as cst
from libcst import matchers as m
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

PACKAGE = Path("python/liquid_neural_networks")


@dataclass(frozen=True)
class Mutant:
    """One change to one file.

    Attributes:
        file: relative to the root.
        lines: the first and the last line that the change replaces, from 1.
        statement: those of the statement around.
        at_import: whether it runs when the module is imported, not in a call.
        before: the whole file.
        after: the whole file, changed.
    """

    file: Path
    lines: tuple[int, int]
    statement: tuple[int, int]
    at_import: bool
    before: str
    after: str

    def diff(self) -> str:
        """As ``diff -u`` has it, three lines around."""
        name = str(self.file)
        pair = (self.before.splitlines(keepends=True), self.after.splitlines(keepends=True))
        return "".join(difflib.unified_diff(*pair, name, name))

    def change(self) -> tuple[str, str]:
        """What was there and what is there now, without the space around; names the mutant."""
        lines = self.diff().splitlines()[2:]
        gone, come = ("\n".join(x[1:].strip() for x in lines if x[0] == sign) for sign in "-+")
        return gone, come


def files_of(modules: Sequence[str]) -> list[Path]:
    """The Python files of modules of the package, each named by a path without its ending.

    Raises:
        FileNotFoundError: there is none under one of the names.
    """
    found: list[Path] = []
    for name in modules:
        here = [PACKAGE / f"{name}.py"] if (PACKAGE / f"{name}.py").exists() else []
        here += sorted((PACKAGE / name).rglob("*.py"))
        if not here:
            raise FileNotFoundError(f"no module {name} in {PACKAGE}")
        found += here
    return sorted(set(found))


def sample(files: Iterable[Path], count: int, seed: int) -> list[Mutant]:
    """So many mutants of these files, each as likely as any other."""
    places = [(path, index) for path in files for index in range(len(_changes(path)[1]))]
    chosen = random.Random(seed).sample(places, min(count, len(places)))
    made: dict[Path, dict[int, Mutant]] = {}
    for path in {path for path, _ in chosen}:
        wanted = [index for each, index in chosen if each == path]
        made[path] = _made(path, wanted)
    return [made[path][index] for path, index in chosen]


def _made(path: Path, wanted: Sequence[int]) -> dict[int, Mutant]:
    wrapper, changes = _changes(path)
    positions = wrapper.resolve(PositionProvider)
    module, found = wrapper.module, {}
    for index in wanted:
        old, new, statement, at_import = changes[index]
        after = module.deep_replace(old, new).code  # type: ignore[arg-type]
        own, around = ((positions[each].start.line, positions[each].end.line)
                       for each in (old, statement))  # fmt: skip
        found[index] = Mutant(path, own, around, at_import, module.code, after)
    return found


Change = tuple[cst.CSTNode, cst.CSTNode, cst.CSTNode, bool]
"""A node, what replaces it, the statement it stands in, and whether that runs at import."""


@cache
def _changes(path: Path) -> tuple[MetadataWrapper, list[Change]]:
    wrapper = MetadataWrapper(cst.parse_module(path.read_text()))
    visitor = _Visitor()
    wrapper.module.visit(visitor)
    return wrapper, visitor.changes


SILENT = (cst.Annotation, cst.Import, cst.ImportFrom, cst.Decorator)
"""Nodes whose change is not one of behaviour, or fails at import."""


class _Visitor(cst.CSTVisitor):
    """Applies the operators wherever a change is one of behaviour."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[Change] = []
        self._raised: set[cst.CSTNode] = set()
        self._functions = 0
        self._bodies: set[cst.CSTNode] = set()
        self._inside = 0
        self._statement: Optional[cst.CSTNode] = None

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, SILENT) or _is_of_types(node, self._functions > 0):
            return False
        if isinstance(node, cst.FunctionDef):
            self._functions += 1
            self._bodies.add(node.body)
        if node in self._bodies:
            self._inside += 1
        if isinstance(node, cst.SimpleStatementLine):
            self._statement = node
        if isinstance(node, cst.Raise) and node.exc is not None:
            self._raised.add(node.exc)
        around = self._statement or node
        at_import = self._inside == 0
        self.changes += [(node, each, around, at_import) for each in self._mutations(node)]
        return True

    def on_leave(self, node: cst.CSTNode) -> None:
        if isinstance(node, cst.FunctionDef):
            self._functions -= 1
        if node in self._bodies:
            self._inside -= 1
        if node is self._statement:
            self._statement = None

    def _mutations(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        if isinstance(node, cst.SimpleString):
            yield from _of_string(node)
            return
        for kind, operator in mutation_operators:
            if not isinstance(node, kind):
                continue
            for each in operator(node):
                # The first argument of an error is prose, that of cast a type.
                words = node in self._raised or m.matches(node, m.Call(func=m.Name("cast")))
                if not (words and _first_argument_changed(node, each)):
                    yield each


def _of_string(node: cst.SimpleString) -> Iterator[cst.CSTNode]:
    """Names and keys; nothing depends on prose, and docstrings are prose."""
    text = node.raw_value
    if " " not in text and not node.quote.startswith(('"""', "'''")):
        yield node.with_changes(value=f"{node.prefix}{node.quote}XX{text}XX{node.quote}")


def _first_argument_changed(before: cst.CSTNode, after: cst.CSTNode) -> bool:
    if not (isinstance(before, cst.Call) and isinstance(after, cst.Call) and before.args):
        return False
    return not after.args or after.args[0] is not before.args[0]


def _is_of_types(node: cst.CSTNode, in_function: bool) -> bool:
    """Aliases of types, what only a type checker reads, and lists of public names."""
    if m.matches(node, m.If(test=m.Name("TYPE_CHECKING"))):
        return True
    names = m.Assign(targets=[m.AssignTarget(target=m.Name("__all__"))])
    alias = m.Assign(value=m.Subscript())
    calls = m.Call(func=m.Name("isinstance") | m.Name("TypeVar"))
    return m.matches(node, names | calls) or (not in_function and m.matches(node, alias))
