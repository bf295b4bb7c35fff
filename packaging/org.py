"""Org as Markdown: README.org for package pages, and every page for the documentation's site.

Only what these pages use: headings, lists, tables, blocks, results, links, pictures, emphasis.
"""

from __future__ import annotations

import re
from collections.abc import Callable

SOURCE = "https://github.com/aygp-dr/liquid-neural-networks/blob/main/"
PICTURES = "https://raw.githubusercontent.com/aygp-dr/liquid-neural-networks/main/"

LINK = re.compile(r"\[\[([^]]+)\](?:\[([^]]*)\])?\]")
END = r"(?=[\s.,;:!?)\]|]|$)"
CODE = re.compile(rf"(?<![\w=])=(\S|\S[^\n]*?\S)={END}|(?<!\w)~(\S[^\n]*?)~{END}")
BOLD = re.compile(r"(?<![\w*])\*(?![\s*])([^*\n]+?)(?<!\s)\*(?![\w*])")
ITALIC = re.compile(r"(?<![\w/:.])/(?![\s/])([^/\n]+?)(?<!\s)/(?![\w/])")
TERM = re.compile(r"(\s*[-+] )(.+?) :: (.*)")

Link = Callable[[str, str], str]
"""Target and label of a link to its Markdown; no label: an empty one."""


def in_repository(target: str, label: str) -> str:
    """A link to a file as one into the repository, a picture as one that shows itself."""
    if not target.startswith("file:"):
        return f"[{label or target}]({target})"
    path = target.removeprefix("file:")
    if path.endswith(".png"):
        return f"![{label or path.rpartition('/')[2].removesuffix('.png')}]({PICTURES}{path})"
    return f"[{label or path}]({SOURCE}{path})"


def markdown(org: str, link: Link = in_repository) -> str:
    """The text of an org file as Markdown."""
    lines: list[str] = []
    kind = "text"  # of the line before
    for line in org.splitlines():
        before, kind = kind, _kind(line, kind)
        if kind == "keyword":
            kind = "text"
            continue
        if "result" in (before, kind) and before != kind:
            lines.append("```" if before == "result" else "```text")
        elif before in ("table", "text") and kind in ("table", "text") and before != kind:
            lines.append("")  # in some readers of Markdown, tables need it on both sides
        if kind == "begin":
            lines.append("```" + _language(line))
        elif kind == "end":
            lines.append("```")
        elif kind == "title":
            lines.append("# " + _inline(line.split(":", 1)[1].strip(), link))
        elif kind == "result":
            lines.append(line[2:])
        elif kind == "block":
            lines.append(line)
        else:
            lines.append(_line(line, link))
    if kind == "result":
        lines.append("```")
    text = "\n".join(lines).strip() + "\n"
    return re.sub(r"\n{3,}(?=\|)", "\n\n", text)


def _kind(line: str, before: str) -> str:
    lower = line.lower()
    if before in ("begin", "block"):
        return "end" if lower.startswith("#+end_") else "block"
    for start, kind in (
        *(("#+begin_", "begin"), ("#+title:", "title"), ("#+", "keyword")),
        *((": ", "result"), ("|", "table")),
    ):
        if lower.startswith(start):
            return kind
    return "result" if line == ":" else "text"


def _language(begin: str) -> str:
    """What a block is written in, if it says so."""
    words = begin.split()
    return words[1] if len(words) > 1 and words[0].lower() == "#+begin_src" else ""


def _line(line: str, link: Link) -> str:
    stars = re.match(r"(\*+) (.*)", line)
    if stars:
        return "#" * (len(stars[1]) + 1) + " " + _inline(stars[2], link)
    if line.startswith("|-"):
        return re.sub(r"-+", "---", line).replace("+", "|")
    term = TERM.fullmatch(line)
    if term:
        return f"{term[1]}**{_inline(term[2], link)}**: {_inline(term[3], link)}"
    return _inline(line, link)


def _inline(text: str, link: Link) -> str:
    """One line; what stands in code and in links is not touched twice."""
    kept: list[str] = []

    def keep(piece: str) -> str:
        kept.append(piece)
        return f"\0{len(kept) - 1}\0"

    text = CODE.sub(lambda found: keep(f"`{found[1] or found[2]}`"), text)
    text = LINK.sub(lambda found: keep(link(found[1], found[2] or "")), text)
    text = ITALIC.sub(r"*\1*", BOLD.sub(r"**\1**", text))
    while "\0" in text:
        text = re.sub("\0(\\d+)\0", lambda found: kept[int(found[1])], text)
    return text
