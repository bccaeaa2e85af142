"""From a notebook of the book to the notebook that Sphinx renders: same text, same outputs.

Solutions and set-up are collapsed, pictures get their alternative texts, links to sections work,
and labs become interactive.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

from chapters import BookError, Chapter
from nbformat import NotebookNode

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
# Words on the bar of a collapsed cell, closed and open, and what the bar hides.
COLLAPSED = {
    "solution": ("hide-cell", "Solution", "Solution"),
    "setup": ("hide-input", "Show the set-up", "Set-up"),
}
_LINK = re.compile(r"\]\(([^()\s#]*)#([^()\s]+)\)")
_LAB = re.compile(r"(?:^|\.)labs\.(\w+)$")


def heading_slug(title: str) -> str:
    """The anchor of a heading: lower case, words joined by hyphens, punctuation dropped."""
    words = re.sub(r"[^\w\s-]", "", title).strip().lower()
    return re.sub(r"\s+", "-", words)


def lab_names(notebook: NotebookNode) -> Iterator[tuple[NotebookNode, str]]:
    """The code cells that end in a lab, each with the class name of the lab.

    A cell ends in a lab when its last line is `….labs.Name()` or a variable that was set to one.
    """
    variables: dict[str, str] = {}
    for cell in notebook.cells:
        if cell.cell_type != "code" or not ("labs." in cell.source or variables):
            continue
        try:
            statements = ast.parse(cell.source).body
        except SyntaxError:  # magics, or a mistake shown on purpose
            continue
        for statement in statements:
            if isinstance(statement, ast.Assign) and (name := made_lab(statement.value)):
                variables |= {ast.unparse(target): name for target in statement.targets}
        if statements and isinstance(last := statements[-1], ast.Expr):
            name = made_lab(last.value) or variables.get(ast.unparse(last.value))
            if name:
                yield cell, name


def made_lab(expression: ast.expr) -> str | None:
    """`Name` for the expression `….labs.Name(…)`."""
    if not isinstance(expression, ast.Call):
        return None
    found = _LAB.search(ast.unparse(expression.func))
    return found[1] if found else None


def prepare(chapter: Chapter, labs: Mapping[str, str]) -> NotebookNode:
    """A copy of the chapter's notebook made ready for Sphinx.

    Args:
        chapter: the chapter as stored.
        labs: by class name, the HTML text that stands in for a lab, with `{id}` where it needs a
            name that is unique on the page, and `{root}` for the way to the root of the site.

    Raises:
        BookError: a picture has no alternative text.
    """
    notebook = copy.deepcopy(chapter.notebook)
    notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
    notebook.metadata.pop("widgets", None)
    root = "../" * (len(chapter.path.parts) - 1)
    for number, (cell, name) in enumerate(list(lab_names(notebook))):
        html = labs[name].replace("{id}", f"lab{number}").replace("{root}", root)
        for output in filter(shows_picture, cell.outputs):
            output.data = NotebookNode({"text/html": html, "text/plain": output.data["text/plain"]})
            output.metadata = NotebookNode()
    cells = []
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            cell.source = _LINK.sub(link_with_slug, cell.source)
            cells.append(cell)
        elif cell.cell_type == "code":
            collapse(cell)
            for output in cell.outputs:
                output.get("data", {}).pop(WIDGET_VIEW, None)
            cells += one_picture_each(cell, f"{chapter.path}, cell {number}")
        else:
            cells.append(cell)
    notebook.cells = cells
    return notebook


def link_with_slug(link: re.Match[str]) -> str:
    """The link with its section as `heading_slug` has it; JupyterLab has `#Common-mistakes`."""
    target, section = link.groups()
    if target and not target.endswith(".ipynb"):
        return link[0]
    return f"]({target}#{heading_slug(unquote(section))})"


def collapse(cell: NotebookNode) -> None:
    """Collapse solutions, set-up and other cells whose source is hidden in JupyterLab too."""
    tags = list(cell.metadata.get("tags", []))
    kind = next((tag for tag in COLLAPSED if tag in tags), None)
    if kind is None and cell.metadata.get("jupyter", {}).get("source_hidden"):
        kind = "setup"
    if kind is not None:
        hide, closed, opened = COLLAPSED[kind]
        cell.metadata["tags"] = [*tags, hide]
        cell.metadata["mystnb"] = {"code_prompt_show": closed, "code_prompt_hide": opened}


def shows_picture(output: NotebookNode) -> bool:
    """Whether the page will show a picture for this output."""
    data = output.get("data", {})
    return "text/html" not in data and any(mime.startswith("image/") for mime in data)


def one_picture_each(cell: NotebookNode, where: str) -> list[NotebookNode]:
    """The cell, and one without source for every further picture.

    MyST-NB knows one alternative text for all pictures of a cell.
    """
    cells = [cell]
    outputs, cell.outputs = cell.outputs, []
    pictures = 0
    for output in outputs:
        if shows_picture(output):
            pictures += 1
            if pictures > 1:
                more = copy.deepcopy(cell)
                more.id = f"{cell.id[:60]}-{pictures}"
                more.metadata["tags"] = [*cell.metadata.get("tags", []), "remove-input"]
                more.outputs = []
                cells.append(more)
            cells[-1].metadata["mystnb"] = {
                **cell.metadata.get("mystnb", {}),
                "image": {"alt": alternative_text(output, where)},
            }
        cells[-1].outputs.append(output)
    return cells


def alternative_text(output: NotebookNode, where: str) -> str:
    """What the picture shows, from the output's metadata."""
    for mime, about in output.get("metadata", {}).items():
        if mime.startswith("image/") and str(about.get("alt", "")).strip():
            return " ".join(str(about["alt"]).split())
    raise BookError(f"{where}: a picture without alternative text; d2l.show_figure gives it one")
