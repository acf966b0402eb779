"""Settings of Sphinx for the documentation site; `python docs/build.py` builds it.

The source folder is that of the whole project, so that a link that works in the repository works on
the site. Pages with code cells are executed when the site is built; notebooks are shown with the
outputs that they store, which tests/test_notebooks.py holds to what the package says.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

DOCS = Path(__file__).parent
ROOT = DOCS.parent
RATIO = "\N{RATIO}"  # stands for a colon
sys.path[:0] = [str(ROOT), str(DOCS / "extensions")]
os.environ["MICROGRUNDERSCORE_PURE"] = "1"  # compiled modules have no docstrings
paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
os.environ["PYTHONPATH"] = os.pathsep.join(paths)  # for the code cells

from microgrunderscore.version import __version__  # noqa: E402

project = "microgrunderscore"
release = version = __version__
copyright = "the microgrunderscore developers; MIT licence"
language = "en-GB"
root_doc = "docs/index"
include_patterns = ["docs/**", "notebooks/[0-9]*.ipynb", "CHANGELOG.md"]
exclude_patterns = ["docs/node_modules", "docs/_*", "**/.ipynb_checkpoints"]

extensions = [
    "myst_nb",  # Markdown, and notebooks
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",  # docstrings with Args:, Returns:, Raises:
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "operations",  # the table of operations
]

myst_heading_anchors = 3  # the links to headings that GitHub makes
myst_enable_extensions = ["amsmath", "dollarmath"]
nb_execution_mode = "force"
nb_execution_excludepatterns = ["notebooks/*"]
nb_execution_raise_on_error = True
nb_execution_timeout = 60
nb_ipywidgets_js: dict[str, object] = {}  # there are no widgets, and theirs come from elsewhere

default_role = "py:obj"  # `MLP` in a docstring is a link
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the texts say it
napoleon_use_ivar = True
napoleon_use_rtype = False
add_module_names = False
python_maximum_signature_line_length = 80

# The component with the fonts inside: one file, from the page's own host.
mathjax_path = "tex-svg.js"
html_static_path = ["_static", "node_modules/mathjax/es5/tex-svg.js"]
html_css_files = ["site.css"]
html_theme = "furo"
html_title = "microgrunderscore"
html_show_sourcelink = False
html_copy_source = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def _plain_docstring(
    app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    """Docstrings are prose: their bars are absolute values, and `.grad` is an attribute."""
    is_example = False
    for i, line in enumerate(lines):
        is_example = bool(line.strip()) and (is_example or line.lstrip().startswith(">>>"))
        if not is_example:
            literal = re.sub(r"(?<!`)`(\.[^`]+)`(?!`)", r"``\1``", line)
            lines[i] = literal if "`" in line else literal.replace("|", r"\|")
    if what == "property" and lines:
        lines[0] = lines[0].replace(":", RATIO)


def _colons_again(
    app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    """Napoleon takes what is before a colon in the docstring of a property for its type."""
    if what == "property" and lines:
        lines[0] = lines[0].replace(RATIO, ":")


def _lead_in(app: Sphinx, error: Exception | None) -> None:
    """The address of the site itself leads to its first page."""
    if error is None and app.builder.format == "html":
        page = (
            '<!doctype html>\n<meta charset="utf-8">\n<title>microgrunderscore</title>\n'
            '<meta http-equiv="refresh" content="0; url=docs/index.html">\n'
            '<a href="docs/index.html">microgrunderscore</a>\n'
        )
        Path(app.outdir, "index.html").write_text(page, "utf-8")


def setup(app: Sphinx) -> None:
    """What Sphinx calls when it reads this file."""
    app.connect("autodoc-process-docstring", _plain_docstring, priority=100)
    app.connect("autodoc-process-docstring", _colons_again, priority=900)
    app.connect("build-finished", _lead_in)
