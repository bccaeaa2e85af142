"""Finding the `#@save` marks in a cell, and the statements that they mark."""

import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from .notebooks import Cell
from .problems import Problem

_MARK = re.compile(r"#@save(?!\w)(.*)", re.DOTALL)

Savable = cst.FunctionDef | cst.ClassDef | cst.SimpleStatementLine


@dataclass(frozen=True)
class Marked:
    """A statement with a mark, and the comment lines above it. Lines count from 1 in the cell."""

    cell: Cell
    position: int
    statement: Savable
    module: str
    mark_line: int
    first_line: int
    last_line: int
    comments: tuple[str, ...]


@dataclass(frozen=True)
class _Mark:
    line: int
    rest: str


def split_mark(comment: str) -> tuple[bool, str, str]:
    """(whether the comment is a mark, what it says after `#@save`, the comment that remains)."""
    match = _MARK.fullmatch(comment)
    if match is None:
        return False, "", comment
    words, hash_sign, rest = match[1].partition("#")
    return True, words, (hash_sign + rest).rstrip()


def find_marked(cell: Cell) -> tuple[list[Marked], list[Problem]]:
    """The marked statements of a parsed cell, and the marks that stand where they mean nothing."""
    assert cell.module is not None
    wrapper = MetadataWrapper(cell.module, unsafe_skip_copy=True)
    positions = wrapper.resolve(PositionProvider)
    every = _Marks(positions)
    cell.module.visit(every)
    problems: list[Problem] = []
    if not every.found:
        return [], problems
    if cell.is_exercise:
        message = "a mark in an attempt or solution cell: only the chapter's own text saves"
        return [], [cell.problem(mark.line, message) for mark in every.found]

    marked: list[Marked] = []
    spent: set[int] = set()
    end_above = 0
    for position, statement in enumerate(cell.module.body):
        first, last = _extent(statement, positions)
        inside = _Marks(positions, opening_only=True)
        _visit_opening(statement, inside)
        marks = [mark for mark in inside.found if mark.line >= first]
        everything_inside = {mark.line for mark in every.found if first <= mark.line <= last}
        above = [m for m in every.found if m.line == first - 1 and m.line > end_above]
        above = [m for m in above if cell.lines[m.line - 1].startswith("#")]
        for mark in every.found:
            if mark.line in everything_inside - {m.line for m in marks}:
                name = _describe(statement)
                message = f"a mark inside {name}: only top-level statements can be saved"
                problems.append(cell.problem(mark.line, message))
        spent |= everything_inside | {mark.line for mark in above}
        marks = above + marks
        if marks:
            comments = _comments_above(cell, first, end_above)
            found = _check(cell, statement, marks, position, first, last, comments)
            if isinstance(found, Marked):
                marked.append(found)
            else:
                problems += found
        end_above = last
    for mark in every.found:
        if mark.line not in spent:
            message = (
                "a mark that belongs to no statement: put it on the line that opens a top-level "
                "definition, assignment or import, or alone on the line directly above"
            )
            problems.append(cell.problem(mark.line, message))
    return marked, problems


def _check(
    cell: Cell,
    statement: cst.BaseStatement,
    marks: Sequence[_Mark],
    position: int,
    first: int,
    last: int,
    comments: tuple[str, ...],
) -> Marked | list[Problem]:
    line = marks[0].line
    problems = []
    for mark in marks:
        name = mark.rest.strip()
        if mark.rest and (not mark.rest[0].isspace() or (name and not _is_module_name(name))):
            wanted = "write `#@save` or `#@save module_name`"
            problems.append(cell.problem(mark.line, f"{name!r} is not a module name: {wanted}"))
    named = {mark.rest.strip() for mark in marks if mark.rest.strip()}
    if len(named) > 1 and not problems:
        wanted = " and ".join(sorted(named))
        problems.append(cell.problem(line, f"two marks name different modules: {wanted}"))
    refusal = _refusal(statement)
    if refusal:
        problems.append(cell.problem(line, refusal))
    magics = sorted(number for number in cell.replaced if first <= number <= last)
    if magics:
        problems.append(cell.problem(magics[0], "a saved statement cannot contain a magic"))
    if problems:
        return problems
    assert isinstance(statement, Savable)
    module = named.pop() if named else cell.notebook.module
    return Marked(cell, position, statement, module, line, first, last, comments)


def _is_module_name(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("_")


def _refusal(statement: cst.BaseStatement) -> str:
    """Why this kind of statement cannot be saved; empty if it can."""
    allowed = "only top-level def, class, assignment and import can be saved"
    if isinstance(statement, (cst.FunctionDef, cst.ClassDef)):
        return ""
    if not isinstance(statement, cst.SimpleStatementLine):
        return f"{_describe(statement)} cannot be saved: {allowed}"
    for small in statement.body:
        if isinstance(small, (cst.Import, cst.ImportFrom)):
            if isinstance(small.names, cst.ImportStar):
                return "a star import cannot be saved: import the names that you need"
            if isinstance(small, cst.ImportFrom) and _is_future(small):
                return "a __future__ import goes into the saved modules by itself: remove the mark"
        elif isinstance(small, cst.Assign):
            if not all(_only_names(target.target) for target in small.targets):
                return "only assignments to names can be saved, not to attributes or items"
        elif isinstance(small, cst.AnnAssign):
            if not isinstance(small.target, cst.Name):
                return "only assignments to names can be saved, not to attributes or items"
            if small.value is None:
                return "an annotation without a value defines nothing that could be saved"
        else:
            return f"{_describe_small(small)} cannot be saved: {allowed}"
    return ""


def _is_future(node: cst.ImportFrom) -> bool:
    return isinstance(node.module, cst.Name) and node.module.value == "__future__"


def _only_names(target: cst.BaseExpression) -> bool:
    if isinstance(target, (cst.Tuple, cst.List)):
        return all(_only_names(element.value) for element in target.elements)
    return isinstance(target, cst.Name)


def _describe(statement: cst.BaseStatement) -> str:
    if isinstance(statement, cst.FunctionDef):
        return f"the function {statement.name.value}"
    if isinstance(statement, cst.ClassDef):
        return f"the class {statement.name.value}"
    words = {"If": "an if", "Try": "a try", "TryStar": "a try", "With": "a with", "For": "a for"}
    kind = type(statement).__name__
    return f"{words.get(kind, f'a {kind.lower()}')} statement"


def _describe_small(statement: cst.BaseSmallStatement) -> str:
    if isinstance(statement, cst.Expr):
        return "an expression"
    if isinstance(statement, cst.AugAssign):
        return "an assignment in place (`+=` and its like)"
    return f"a {type(statement).__name__.lower()} statement"


class _Marks(cst.CSTVisitor):
    """Collects marks; with `opening_only` those on the logical line that opens a statement."""

    def __init__(self, positions: object, opening_only: bool = False) -> None:
        super().__init__()
        self.positions = positions
        self.opening_only = opening_only
        self.found: list[_Mark] = []

    def visit_IndentedBlock(self, node: cst.IndentedBlock) -> bool:
        if self.opening_only:
            node.header.visit(self)
            return False
        return True

    def visit_Comment(self, node: cst.Comment) -> None:
        is_mark, rest, _ = split_mark(node.value)
        if is_mark:
            self.found.append(_Mark(self.positions[node].start.line, rest))  # type: ignore[index]


def _visit_opening(statement: cst.BaseStatement, visitor: _Marks) -> None:
    # The else and finally parts of a compound statement open lines of their own.
    for child in statement.children:
        if not isinstance(child, (cst.EmptyLine, cst.Else, cst.If, cst.Finally)):
            child.visit(visitor)
    for line in getattr(statement, "lines_after_decorators", ()):
        line.visit(visitor)


def _extent(statement: cst.BaseStatement, positions: object) -> tuple[int, int]:
    """First line (of the first decorator) and last line, without comments around them."""
    where = positions[statement]  # type: ignore[index]
    first = where.start.line
    for decorator in getattr(statement, "decorators", ()):
        first = min(first, positions[decorator].start.line)  # type: ignore[index]
    return first, where.end.line


def _comments_above(cell: Cell, first: int, end_above: int) -> tuple[str, ...]:
    comments: list[str] = []
    for number in range(first - 1, end_above, -1):
        line = cell.lines[number - 1]
        if not line.startswith("#") or number in cell.replaced:
            break
        _, _, kept = split_mark(line.rstrip())
        if kept:
            comments.append(kept)
    return tuple(reversed(comments))
