"""README.org as Markdown: what a package page can show.

Only what README.org uses: headings, lists, tables, blocks, links, pictures and emphasis.
"""

from __future__ import annotations

import re

SOURCE = "https://github.com/aygp-dr/liquid-neural-networks/blob/main/"
PICTURES = "https://raw.githubusercontent.com/aygp-dr/liquid-neural-networks/main/"

LINK = re.compile(r"\[\[([^]]+)\](?:\[([^]]*)\])?\]")
END = r"(?=[\s.,;:!?)\]|]|$)"
CODE = re.compile(rf"(?<![\w=])=(\S(?:[^\n]*?\S)?)={END}|(?<!\w)~(\S[^\n]*?)~{END}")
BOLD = re.compile(r"(?<![\w*])\*(?![\s*])([^*\n]+?)(?<!\s)\*(?![\w*])")
ITALIC = re.compile(r"(?<![\w/:.])/(?![\s/])([^/\n]+?)(?<!\s)/(?![\w/])")


def markdown(org: str) -> str:
    """The text of an org file as Markdown; links lead to the repository."""
    lines: list[str] = []
    in_block = False
    for line in org.splitlines():
        lower = line.lower()
        if in_block:
            in_block = not lower.startswith("#+end_")
            lines.append(line if in_block else "```")
        elif lower.startswith("#+begin_"):
            in_block = True
            language = line.split()[1:2] if lower.startswith("#+begin_src") else []
            lines.append("```" + "".join(language))
        elif lower.startswith("#+title:"):
            lines += ["# " + line.split(":", 1)[1].strip()]
        elif not line.startswith("#+"):
            lines.append(_line(line))
    text = "\n".join(lines).strip() + "\n"
    # A table is one only after an empty line, in some readers of Markdown.
    return re.sub(r"(?m)^([^|\n].*)\n(?=\|)", r"\1\n\n", text)


def _line(line: str) -> str:
    stars = re.match(r"(\*+) (.*)", line)
    if stars:
        return "#" * (len(stars[1]) + 1) + " " + _inline(stars[2])
    if line.startswith("|-"):
        return re.sub(r"-+", "---", line).replace("+", "|")
    return _inline(line)


def _inline(text: str) -> str:
    """One line; what stands in code and in links is not touched twice."""
    kept: list[str] = []

    def keep(piece: str) -> str:
        kept.append(piece)
        return f"\0{len(kept) - 1}\0"

    text = CODE.sub(lambda found: keep(f"`{found[1] or found[2]}`"), text)
    text = LINK.sub(lambda found: keep(_link(found[1], found[2])), text)
    text = ITALIC.sub(r"*\1*", BOLD.sub(r"**\1**", text))
    while "\0" in text:
        text = re.sub("\0(\\d+)\0", lambda found: kept[int(found[1])], text)
    return text


def _link(target: str, label: str | None) -> str:
    path = target.removeprefix("file:")
    if target.startswith("file:") and path.endswith(".png"):
        return f"![{path.rpartition('/')[2].removesuffix('.png')}]({PICTURES}{path})"
    return f"[{label or path}]({SOURCE + path if target.startswith('file:') else target})"
