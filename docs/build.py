"""Build the documentation site.

    pip install ".[docs]"
    npm install --no-package-lock --prefix docs
    python docs/build.py [FOLDER]

writes it to FOLDER, by default build/site; open index.html there. Warnings are errors.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

DOCS = Path(__file__).parent
ROOT = DOCS.parent


def main() -> int:
    """Build the site; 0 if all is well."""
    parser = argparse.ArgumentParser(description="Build the documentation site.")
    parser.add_argument("folder", nargs="?", default=ROOT / "build/site", help="(build/site)")
    folder = Path(parser.parse_args().folder)
    try:
        from sphinx.cmd.build import main as sphinx
    except ImportError:
        print('the site is built by Sphinx: pip install ".[docs]"', file=sys.stderr)
        return 1
    if not (DOCS / "node_modules/mathjax/es5/tex-svg.js").is_file():
        hint = "npm install --no-package-lock --prefix docs"
        print(f"formulas are set by MathJax, from npm: {hint}", file=sys.stderr)
        return 1
    if folder.exists() and not (folder / "objects.inv").is_file():
        print(f"{folder} is there, and no earlier site: name another folder", file=sys.stderr)
        return 1
    options = ["--builder", "html", "--fail-on-warning", "--keep-going", "--fresh-env", "--quiet"]
    with TemporaryDirectory() as work:  # what Sphinx keeps for itself stays out of the site
        made = Path(work, "site")
        options += ["--conf-dir", str(DOCS), "--doctree-dir", str(Path(work, "doctrees"))]
        failed = sphinx([*options, str(ROOT), str(made)])
        if not failed:
            if folder.exists():
                shutil.rmtree(folder)
            folder.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(made, folder)
            print(folder / "index.html")
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
