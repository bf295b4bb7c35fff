"""A Sphinx extension for pages that are a Clojure file: its public functions, their docstrings.

It reads the file and runs nothing, so that the site needs neither Java nor Clojure. Docstrings are
Markdown already: indented examples, names in backticks, ``[[other-function]]``.
"""

from __future__ import annotations

import re
from textwrap import dedent
from typing import Any, NamedTuple

from myst_parser.sphinx_ import Parser
from sphinx.application import Sphinx

FUNCTION = re.compile(
    r'^\(defn (?P<name>[^\s^]+)\s+"(?P<doc>(?:[^"\\]|\\.)*)"\s*(?P<rest>.*?)(?=^\(|^;;|\Z)',
    re.DOTALL | re.MULTILINE,
)
NAMESPACE = re.compile(r'^\(ns (?P<name>\S+)\s+"(?P<doc>(?:[^"\\]|\\.)*)"', re.MULTILINE)


class Function(NamedTuple):
    """A public function; an argument list is text such as ``[network inputs]``."""

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
    """The text of a Clojure file as Markdown."""
    name, doc, functions = namespace(text)
    parts = [f"# {name}", _markdown(doc)]
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
        if kind == "text":
            # Nothing in it is marked up any more.
            part = text.replace("`", "")
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
            return text[:end]
    raise ValueError(f"no closing bracket in {text!r}")


def _words(arguments: str) -> list[str]:
    """What stands in an argument list; a map or a list that is taken apart is one word."""
    flat = re.sub(r"\^\S+ ", "", arguments[1:-1])
    flat = re.sub(r"\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}", "map", flat)
    return re.sub(r"\[[^]]*\]", "more", flat).split()


def _plain(doc: str) -> str:
    """A docstring without its escapes, and without the two spaces before its later lines."""
    return re.sub(r"\\(.)", r"\1", re.sub(r"(?m)^  ", "", doc))


class ClojureParser(Parser):  # type: ignore[misc]
    """Makes a page of a Clojure file."""

    supported = ("clojure",)

    def parse(self, inputstring: str, document: Any) -> None:
        super().parse(page(inputstring), document)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_source_suffix(".clj", "clojure")
    app.add_source_parser(ClojureParser)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
