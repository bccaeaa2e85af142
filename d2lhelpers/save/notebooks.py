"""Reading notebooks: chapters in reading order, and their code cells as libcst trees."""

import ast
import json
import re
import tokenize
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import libcst as cst

from .problems import Problem

# Cell magics whose body runs as ordinary Python in the notebook's namespace.
_PYTHON_MAGICS = {"time", "capture", "prun"}
# Cell magics whose body is another language: a mark there is text.
_FOREIGN_MAGICS = {
    *("bash", "cmd", "perl", "ruby", "script", "sh", "system"),
    *("html", "javascript", "js", "latex", "markdown", "svg", "writefile", "file"),
}
_MARK = re.compile(r"#@save(?!\w)")
_PREFIX = re.compile(r"(?=[A-Za-z]*\d)([A-Za-z0-9]+)_(?=.)")


@dataclass(eq=False)
class Cell:
    """A code cell. `module` is None when it is skipped; `replaced` are the lines with magics."""

    notebook: "Notebook"
    number: int
    id: str
    tags: frozenset[str]
    source: str
    module: cst.Module | None = None
    replaced: set[int] = field(default_factory=set)

    @property
    def is_exercise(self) -> bool:
        return bool(self.tags & {"attempt", "solution"})

    @property
    def lines(self) -> list[str]:
        return self.source.split("\n")

    def problem(self, line: int, message: str) -> Problem:
        return Problem(self.notebook.label, self.number, line, message, self.id)


@dataclass(eq=False)
class Notebook:
    """A chapter. `order` is its place in the book, `label` its path in messages and headers."""

    path: Path
    label: str
    order: int
    module: str
    chapter: str
    title: str
    cells: list[Cell] = field(default_factory=list)

    @property
    def name(self) -> str:
        """`chapter 08, Linear regression`, as docstrings cite it."""
        number = f"chapter {self.chapter}, " if self.chapter else "the chapter "
        return f"{number}{self.title}"


def read_notebooks(folder: Path) -> tuple[list[Notebook], list[Problem]]:
    """All chapters below `folder` in reading order, and what is wrong with their files or cells.

    Only notebooks that hold a mark are parsed; the others have no cells.
    """
    paths = [
        path
        for path in folder.rglob("*.ipynb")
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    paths.sort(key=lambda path: _reading_order(path.relative_to(folder)))
    notebooks: list[Notebook] = []
    problems: list[Problem] = []
    root = folder.resolve().name
    for order, path in enumerate(paths):
        label = f"{root}/{path.relative_to(folder).as_posix()}"
        try:
            content = json.loads(path.read_text(encoding="utf-8-sig"))
            notebook = _read(content, path, label, order)
        except (AttributeError, TypeError):
            message = "not a readable notebook: its parts are not those of notebook format 4"
            problems.append(Problem(label, 0, 0, message))
            continue
        except (OSError, ValueError, RecursionError) as error:
            problems.append(Problem(label, 0, 0, f"not a readable notebook: {error}"))
            continue
        if any(_MARK.search(cell.source) for cell in notebook.cells):
            for cell in notebook.cells:
                problems += _parse(cell)
        else:
            notebook.cells.clear()
        notebooks.append(notebook)
    return notebooks, problems


def _reading_order(path: Path) -> tuple[bool, list[tuple[int, str]]]:
    """By path, numbers by value; chapters of the appendix (a1, a2, ...) come last."""
    pieces = [
        (int(piece), "") if piece.isdecimal() else (-1, piece)
        for part in path.with_suffix("").parts
        for piece in [*re.split(r"(\d+)", part), "/"]
    ]
    # Digits sort before letters, like in a plain sort by path.
    keys = [
        (0, f"{number:012d}") if number >= 0 else (1, text)
        for number, text in pieces
        if text or number >= 0
    ]
    prefix = _PREFIX.match(path.name)
    return bool(prefix and prefix[1][0].isalpha()), keys


def _read(content: Any, path: Path, label: str, order: int) -> Notebook:
    cells = content.get("cells") if isinstance(content, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise ValueError("it has no list of cells (notebook format 4 is needed)")
    metadata = content.get("metadata") or {}
    d2l = metadata.get("d2l", {})
    prefix = _PREFIX.match(path.stem)
    stem = path.stem[prefix.end() :] if prefix else path.stem
    chapter = str(d2l.get("chapter") or (prefix[1] if prefix else ""))
    sources = ["".join(cell.get("source", "")) for cell in cells]
    for source in sources:
        source.encode()  # half a surrogate pair, which JSON allows, is no text
    title = (
        d2l.get("title") or _heading(cells, sources, chapter) or stem.replace("_", " ").capitalize()
    )
    notebook = Notebook(path, label, order, stem, chapter, " ".join(str(title).split()))
    language = metadata.get("language_info", metadata.get("kernelspec", {})).get("name", "python")
    if (
        language.startswith(("python", "ipython"))
        or metadata.get("kernelspec", {}).get("language") == "python"
    ):
        notebook.cells = [
            Cell(
                notebook,
                number,
                str(cell.get("id", "")),
                frozenset(cell.get("metadata", {}).get("tags", [])),
                re.sub(r"\r\n?", "\n", source),
            )
            for number, (cell, source) in enumerate(zip(cells, sources, strict=True), start=1)
            if cell.get("cell_type") == "code"
        ]
    return notebook


def _heading(cells: list[dict[str, Any]], sources: list[str], chapter: str) -> str:
    for cell, source in zip(cells, sources, strict=True):
        heading = re.search(r"^# +(.+?)[ #]*$", source, re.MULTILINE)
        if cell.get("cell_type") == "markdown" and heading:
            return (
                re.sub(rf"^{re.escape(chapter)}[.:]?\s+", "", heading[1]) if chapter else heading[1]
            )
    return ""


def _parse(cell: Cell) -> list[Problem]:
    """Fills in the cell's tree; the problems if it holds a mark that cannot be read."""
    marked = _MARK.search(cell.source) is not None
    if "raises-exception" in cell.tags:
        lines = mark_lines(cell.source) if marked else []
        return [cell.problem(n, "a mark in a cell tagged raises-exception") for n in lines]
    source = cell.source
    if magic := re.match(r"\s*%%(\w*)[^\n]*", source):
        if magic[1] not in _PYTHON_MAGICS:
            foreign = not marked or magic[1] in _FOREIGN_MAGICS
            lines = [] if foreign else mark_lines(source)
            return [
                cell.problem(n, f"a mark in a %%{magic[1]} cell is not exported") for n in lines
            ]
        # Comments keep the line numbers. Leading blank lines may stand above the magic.
        source = re.sub(r"%%", "##", source, count=1)
        cell.replaced.update(range(1, magic[0].count("\n") + 2))
    try:
        cell.module = cst.parse_module(source)
    except cst.ParserSyntaxError:
        try:
            source = _without_magics(source, cell.replaced)
            cell.module = cst.parse_module(source)
        except (cst.ParserSyntaxError, SyntaxError) as error:
            lines = mark_lines(source) if marked else []
            if not lines:
                return []
            line, reason = _reason(source, error)
            return [cell.problem(line, f"syntax error in a cell with a mark: {reason}")]
    # A mark behind a magic is part of the magic's text, and would be lost.
    swallowed = [
        cell.problem(number, "a saved statement cannot contain a magic")
        for number in sorted(cell.replaced)
        if re.search(r"\s#@save(?!\w)[^'\"]*$", cell.lines[number - 1])
    ]
    cell.source = source
    return swallowed


def _reason(source: str, error: Exception) -> tuple[int, str]:
    """Line and reason of a syntax error. CPython explains it better than libcst, if it agrees."""
    try:
        compile(source, "cell", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except (SyntaxError, ValueError) as better:
        error = better
    line = getattr(error, "raw_line", None) or getattr(error, "lineno", None) or 1
    text = getattr(error, "message", None) or getattr(error, "msg", None) or str(error)
    return line, " ".join(str(text).split())


def _without_magics(source: str, replaced: set[int]) -> str:
    """The source with IPython's own syntax turned into calls, line for line."""
    # Imported here because few cells need it.
    from IPython.core import inputtransformer2 as ipython

    lines = ipython.leading_indent((source + "\n").splitlines(keepends=True))
    transformers = (
        ipython.MagicAssign,
        ipython.SystemAssign,
        ipython.EscapedCommand,
        ipython.HelpEnd,
    )
    # A transformer that changes nothing would be found again for ever.
    for _ in range(len(lines) + 1):
        tokens = ipython.make_tokens_by_line(lines)
        found = [match for kind in transformers if (match := kind.find(tokens))]
        if not found:
            break
        first = min(found, key=lambda match: (match.start_line, match.start_col))
        new = first.transform(lines)
        joined = len(lines) - len(new)
        at = first.start_line + 1
        replaced.update(range(at, at + joined + 1))
        lines = [*new[:at], *["\n"] * joined, *new[at:]]
    return "".join(lines).removesuffix("\n")


def mark_lines(source: str) -> list[int]:
    """Lines with a comment that is a mark, as far as the text can be split into tokens.

    For cells that have no tree; the rest of a text that cannot be split is searched without regard
    to strings, so that no mark is lost.
    """
    found = []
    reached = 0
    try:
        for token in tokenize.generate_tokens(StringIO(source).readline):
            reached = token.end[0]
            if token.type == tokenize.COMMENT and _MARK.match(token.string):
                found.append(token.start[0])
    except (tokenize.TokenError, SyntaxError):
        rest = list(enumerate(source.split("\n"), start=1))[reached:]
        found += [number for number, line in rest if re.search(r"(?:^|\s)#@save(?!\w)", line)]
    return found
