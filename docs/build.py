"""Builds the web edition: python docs/build.py. Needs no network and runs no notebook.

The outputs on the pages are those stored in the notebooks, which the tests compare with a fresh
run. Steps: copy the notebooks, made ready for the page, to docs/_build/source; compute the states
of the labs they show; let Sphinx write docs/_build/html, any warning being an error.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat
from chapters import BookError, Chapter, contents, find_chapters, toctrees
from lab_states import find_lab, lab_html, render_lab
from notebook_pages import lab_names, prepare
from sphinx.cmd.build import build_main

DOCS = Path(__file__).resolve().parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the pages; returns 0 when there was nothing to complain about."""
    parser = argparse.ArgumentParser(description="Build the web edition, offline.")
    parser.add_argument("--notebooks", type=Path, default=DOCS.parent / "notebooks")
    parser.add_argument("--output", type=Path, default=DOCS / "_build")
    options = parser.parse_args(arguments)
    output = options.output.resolve()
    try:
        chapters = find_chapters(options.notebooks)
        write_source(chapters, output)
    except BookError as error:
        print(f"web edition: {error}", file=sys.stderr)
        return 1
    shutil.rmtree(output / "html", ignore_errors=True)
    failed = build_main(
        [
            *("-b", "html", "-W", "--keep-going", "-q", "-E", "-c", str(DOCS)),
            *("-d", str(output / "doctrees")),
            *("-D", f"html_static_path={DOCS / '_static'},{output / 'static'}"),
            str(output / "source"),
            str(output / "html"),
        ]
    )
    if failed:
        print("web edition: not built, see the warnings above", file=sys.stderr)
        return 1
    keep_original_notebooks(chapters, options.notebooks, output / "html" / "_sources")
    print(f"web edition: {output / 'html' / 'index.html'}")
    return 0


def write_source(chapters: list[Chapter], output: Path) -> None:
    """Fill `output`/source with pages for Sphinx, `output`/static with the pictures of labs."""
    for name in ("source", "static", "doctrees"):
        shutil.rmtree(output / name, ignore_errors=True)
    (output / "static").mkdir(parents=True)
    pages = {}
    for name in sorted({name for chapter in chapters for _, name in lab_names(chapter.notebook)}):
        lab = find_lab(name)
        pages[name] = lab_html(lab, render_lab(lab, output / "static" / "labs" / lab.slug))
    for chapter in chapters:
        page = output / "source" / chapter.path
        page.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(prepare(chapter, pages), page)
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    index = index.replace("<!-- contents -->", contents(chapters))
    index = index.replace("<!-- toctrees -->", toctrees(chapters))
    (output / "source" / "index.md").write_text(index, encoding="utf-8")


def keep_original_notebooks(chapters: list[Chapter], notebooks: Path, sources: Path) -> None:
    """The download button hands out what Sphinx keeps in _sources: let it be the real notebook."""
    for chapter in chapters:
        shutil.copyfile(notebooks / chapter.path, sources / chapter.path)


if __name__ == "__main__":
    sys.exit(main())
