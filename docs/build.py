"""Build the documentation site.

    pip install ".[docs]"
    npm install --no-package-lock --prefix docs
    python docs/build.py [FOLDER]

writes it to FOLDER, by default build/site; open index.html there. Warnings are errors.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

DOCS = Path(__file__).parent
ROOT = DOCS.parent


def main() -> int:
    """Build the site; 0 if all is well."""
    parser = argparse.ArgumentParser(description="Build the documentation site.")
    parser.add_argument("folder", nargs="?", default=str(ROOT / "build/site"), help="(build/site)")
    folder = parser.parse_args().folder
    try:
        from sphinx.cmd.build import main as sphinx
    except ImportError:
        print('the site is built by Sphinx: pip install ".[docs]"', file=sys.stderr)
        return 1
    if not (DOCS / "node_modules/mathjax/es5/tex-svg.js").is_file():
        hint = "npm install --no-package-lock --prefix docs"
        print(f"formulas are set by MathJax, from npm: {hint}", file=sys.stderr)
        return 1
    options = ["--builder", "html", "--fail-on-warning", "--keep-going", "--fresh-env", "--quiet"]
    failed = sphinx([*options, "--conf-dir", str(DOCS), str(ROOT), folder])
    if not failed:
        print(Path(folder, "index.html"))
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
