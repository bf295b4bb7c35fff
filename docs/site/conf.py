"""How Sphinx makes the site: ``make docs``. Pages are org files, read by ``org_pages``."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "packaging")]

from liquid_neural_networks import __version__  # noqa: E402

project = "Liquid Neural Networks"
author = "Aidan Pace"
release = version = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "myst_nb",
    "org_pages",
    "clojure_names",
]
include_patterns = [
    *("docs/*.org", "docs/*.md", "docs/notebooks/*.ipynb"),
    *("SETUP.org", "CONTRIBUTING.org", "CHANGELOG.org"),
    "clojure/src/liquid_neural_networks/core.clj",
    *("spec/README.org", "spec/lnn-format.org", "spec/fixed-point.org", "examples/README.org"),
]
root_doc = "docs/index"

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
nb_execution_mode = "off"  # outputs are in the notebook, which the tests run

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True  # attributes of named tuples are fields, each listed once
# A class of the same name in compat.ncps makes the annotation Wiring ambiguous.
suppress_warnings = ["ref.python"]

html_theme = "furo"
html_title = f"{project} {release}"
html_extra_path = ["root"]
html_static_path = ["static"]
html_js_files = ["keyboard.js"]
html_theme_options = {
    "source_repository": "https://github.com/aygp-dr/liquid-neural-networks/",
    "source_branch": "main",
    "source_directory": "",
    "light_css_variables": {"color-brand-primary": "#0060a0", "color-brand-content": "#0060a0"},
    "dark_css_variables": {"color-brand-primary": "#7cc4f0", "color-brand-content": "#7cc4f0"},
}
