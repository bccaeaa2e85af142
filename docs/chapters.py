"""The chapters of the book, in reading order, and the lists of them on the landing page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePosixPath

import nbformat


class BookError(Exception):
    """A notebook that cannot become a page; the text says which one and why."""


@dataclass(frozen=True)
class Chapter:
    """One notebook.

    path: relative to the folder of notebooks.
    promise: the question that the chapter opens with, or "".
    """

    path: PurePosixPath
    title: str
    promise: str
    run_time: str
    notebook: nbformat.NotebookNode

    @property
    def page(self) -> str:
        """Name of the page without its ending, as Sphinx calls it."""
        return str(self.path.with_suffix(""))

    @property
    def part(self) -> str:
        """Title of the part: "Part 2 Linear regression" for the folder part2_linear_regression."""
        if self.path.parent == PurePosixPath("."):
            return ""
        words = self.path.parts[0].replace("_", " ")
        words = re.sub(r"^part(\d+)", r"part \1", words)
        return re.sub(
            r"^(part \d+ )?(\w)",
            lambda found: (found[1] or "").capitalize() + found[2].upper(),
            words,
        )

    @property
    def place(self) -> tuple[int, int, str]:
        """Sorts into reading order: pages outside the parts, part 1, part 2, …, the appendix."""
        part = re.match(r"part(\d+)_", self.path.parts[0])
        if part:
            return 1, int(part[1]), str(self.path)
        return (0 if len(self.path.parts) == 1 else 2), 0, str(self.path)


def find_chapters(folder: Path) -> list[Chapter]:
    """The notebooks below `folder` in reading order; BookError without any, or without a title."""
    paths = [path for path in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts]
    if not paths:
        raise BookError(f"{folder}: no notebooks here")
    return sorted((read_chapter(folder, path) for path in paths), key=lambda c: c.place)


def read_chapter(folder: Path, path: Path) -> Chapter:
    """The chapter in the notebook `path` below `folder`."""
    relative = PurePosixPath(path.relative_to(folder).as_posix())
    notebook = nbformat.read(path, as_version=4)
    about = notebook.metadata.get("d2l", {})
    if not about.get("title"):
        raise BookError(f"{relative}: its metadata have no d2l.title")
    title = f"{about.get('chapter', '')} {about['title']}".strip()
    opening = notebook.cells[0].source if notebook.cells else ""
    bold = re.search(r"^\*\*(.+?)\*\*", opening, re.DOTALL | re.MULTILINE)
    promise = " ".join(bold[1].split()) if bold else ""
    return Chapter(relative, title, promise, about.get("run_time", ""), notebook)


def contents(chapters: list[Chapter]) -> str:
    """MyST text: a heading for every part, below it its chapters with their promises."""
    lines = []
    for part, members in groupby(chapters, key=lambda chapter: chapter.part):
        lines += [f"### {part}", ""] if part else []
        for chapter in members:
            details = [chapter.promise, f"Runs in {chapter.run_time}." if chapter.run_time else ""]
            about = " ".join(detail for detail in details if detail)
            lines.append(f"* [{chapter.title}]({chapter.path})" + (f": {about}" if about else ""))
        lines.append("")
    return "\n".join(lines)


def toctrees(chapters: list[Chapter]) -> str:
    """MyST text without anything to see: from it Sphinx makes sidebar and order."""
    lines = []
    for part, members in groupby(chapters, key=lambda chapter: chapter.part):
        lines += ["```{toctree}", ":hidden:", *([f":caption: {part}"] if part else []), ""]
        lines += [f"{chapter.title} <{chapter.page}>" for chapter in members]
        lines += ["```", ""]
    return "\n".join(lines)
