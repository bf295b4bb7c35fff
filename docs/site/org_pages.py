"""A Sphinx extension that reads org pages: as Markdown, by ``packaging/org.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mdit_py_plugins.anchors.index import slugify
from myst_parser.sphinx_ import Parser
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from org import SOURCE, markdown

logger = logging.getLogger(__name__)


class OrgParser(Parser):  # type: ignore[misc]
    """Links between pages of the site stay in it, all others lead to the repository."""

    supported = ("org",)

    def parse(self, inputstring: str, document: Any) -> None:
        env = document.settings.env

        def link(target: str, label: str) -> str:
            return _link(env, target, label)

        super().parse(markdown(inputstring, link), document)


def _link(env: BuildEnvironment, target: str, label: str) -> str:
    if target.startswith("*"):
        return f"[{label or target[1:]}](#{slugify(target[1:])})"
    if not target.startswith("file:"):
        return f"[{label or target}]({target})"
    path, _, heading = target.removeprefix("file:").partition("::*")
    if path.endswith(".png"):
        return f"![{label or Path(path).stem.replace('_', ' ')}]({path})"
    root, here = Path(env.srcdir), Path(env.doc2path(env.docname)).parent
    absolute = (here / path).resolve()
    if not absolute.exists():
        logger.warning("link to %s, which is not there", target, location=env.docname)
    inside = env.path2doc(absolute)
    if inside in env.found_docs:
        anchor = f"#{slugify(heading)}" if heading else ""
        return f"[{label or path}]({path}{anchor})"
    return f"[{label or path}]({SOURCE}{absolute.relative_to(root).as_posix()})"


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_source_suffix(".org", "org")
    app.add_source_parser(OrgParser)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
