"""Sphinx settings of the web edition; docs/build.py calls Sphinx with them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent))

project = "Deep learning you can run"
author = "the d2lhelpers contributors"
language = "en"

extensions = ["myst_nb", "sphinx_copybutton"]
root_doc = "index"
nitpicky = True

# Notebooks: what is stored is shown. docs/build.py replaces widgets, so no script for them.
nb_execution_mode = "off"
nb_merge_streams = True
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 4
myst_heading_slug_func = "notebook_pages.heading_slug"

html_theme = "sphinx_book_theme"
html_title = project
html_theme_options: dict[str, Any] = {
    "home_page_in_toc": False,
    "show_navbar_depth": 2,
    "show_toc_level": 2,
    "use_download_button": True,
    "use_fullscreen_button": False,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "footer_content_items": ["extra-footer.html"],
    "extra_footer": "<p>MIT License. The results on these pages are the stored outputs of "
    "notebooks; the tests run the notebooks again and compare.</p>",
    "navbar_persistent": [],
}
html_context = {"default_mode": "auto"}
html_css_files = ["book.css"]
html_js_files = [("lab.js", {"defer": "defer"})]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = True
# Summaries of search results are fetched page by page, which browsers refuse for files: without
# them the search works from a folder too.
html_show_search_summary = False

# Formulas: one local file with all of TeX's packages in it (_static/vendor/mathjax/README.md). The
# menu is off because its tools would be further files; screen readers get MathML without it.
mathjax_path = "vendor/mathjax/tex-svg-full.js"
mathjax3_config = {"options": {"enableMenu": False}}


def name_collapsed_cells(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """MyST-NB names every collapsed cell "Toggle hidden content": let its visible text name it."""
    if "body" in context:
        context["body"] = context["body"].replace(' aria-label="Toggle hidden content"', "")


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("html-page-context", name_collapsed_cells)
