"""A Sphinx extension that lists the public functions of a Clojure file with their docstrings.

It reads the file and runs nothing, so that the site needs neither Java nor Clojure. Docstrings are
Markdown already: indented examples, names in backticks, ``[[other-function]]``.
"""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

from docutils.nodes import Node
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

FUNCTION = re.compile(
    r'^\(defn (?P<name>[^\s^]+)\s+"(?P<doc>(?:[^"\\]|\\.)*)"\s*(?P<rest>.*?)(?=^\(|^;;|\Z)',
    re.DOTALL | re.MULTILINE,
)
NAMESPACE = re.compile(r'^\(ns (?P<name>\S+)\s+"(?P<doc>(?:[^"\\]|\\.)*)"', re.MULTILINE)


class Function(NamedTuple):
    """A public function: its name, its argument lists such as ``[network inputs]``, its docstring."""

    name: str
    arguments: list[str]
    doc: str


def namespace(text: str) -> tuple[str, str, list[Function]]:
    """Name, docstring and public functions of the text of a Clojure file."""
    head = NAMESPACE.search(text)
    assert head is not None
    functions = [
        Function(found["name"], _arguments(found["rest"]), _plain(found["doc"]))
        for found in FUNCTION.finditer(text)
    ]
    return head["name"], _plain(head["doc"]), functions


def page(text: str) -> str:
    """The functions of a Clojure file as Markdown."""
    _, doc, functions = namespace(text)
    parts = [_markdown(doc)]
    for each in functions:
        calls = "\n".join(f"({' '.join([each.name, *_words(a)])})" for a in each.arguments)
        parts += [f"## {each.name}", f"```clojure\n{calls}\n```", _markdown(each.doc)]
    return "\n\n".join(parts) + "\n"


def _markdown(doc: str) -> str:
    """A docstring; its lists of options are indented by two and its examples by four spaces."""
    parts = []
    for part in doc.split("\n\n"):
        kinds = (("    ", "clojure"), ("  ", "text"))
        kind = next((kind for indent, kind in kinds if part.startswith(indent)), None)
        text = re.sub(r"\[\[([^\[\]\s]+)\]\]", r"`\1`", part)
        parts.append(text if kind is None else f"```{kind}\n{dedent(part)}\n```")
    return "\n\n".join(parts)


def _arguments(rest: str) -> list[str]:
    """The argument lists that follow a docstring: one, or one in each arity's parentheses."""
    rest = re.sub(r"\^\S+\s+(?=\[)", "", rest)
    arities = re.finditer(r"^ *\((?=\[)", rest, re.MULTILINE)
    starts = [0] if rest.startswith("[") else [each.end() for each in arities]
    return [_balanced(rest[start:]) for start in starts]


def _balanced(text: str) -> str:
    """The text up to the bracket that closes its first one."""
    depth = 0
    for end, character in enumerate(text, 1):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(character, 0)
        if depth == 0:
            break
    return text[:end]


def _words(arguments: str) -> list[str]:
    """What stands in an argument list; a map or a list that is taken apart is one word."""
    flat = re.sub(r"\^\S+ ", "", arguments[1:-1])
    flat = re.sub(r"\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}", "map", flat)
    return re.sub(r"\[[^]]*\]", "more", flat).split()


def _plain(doc: str) -> str:
    """A docstring without its escapes and without the indentation of its later lines."""
    first, _, rest = doc.partition("\n")
    text = f"{first}\n{dedent(rest)}".rstrip()
    return re.sub(r"\\(.)", r"\1", text)


class ClojureNames(SphinxDirective):
    """``clojure-names``: a page's worth of functions, from the file named."""

    required_arguments = 1

    def run(self) -> list[Node]:
        path = Path(self.env.srcdir) / self.arguments[0]
        self.env.note_dependency(str(path))
        text = page(path.read_text("utf-8"))
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("clojure-names", ClojureNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
