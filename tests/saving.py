"""Small books on disk for the tests of the exporter: chapters, a package, and the command."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

from d2lhelpers.save import Changes, ExportError, export

ROOT = Path(__file__).resolve().parents[1]


class Book:
    """A folder of notebooks beside the package `book_package`, which need not exist yet."""

    def __init__(self, folder: Path) -> None:
        self.notebooks = folder / "notebooks"
        self.package = folder / "book_package"
        self.notebooks.mkdir()

    def chapter(
        self,
        path: str,
        *cells: str | Mapping[str, Any],
        title: str | None = "Some title",
        chapter: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Path:
        """Write a notebook. A cell is code, or a mapping that is merged into a code cell."""
        written = []
        for number, cell in enumerate(cells, start=1):
            given: dict[str, Any] = {"source": cell} if isinstance(cell, str) else dict(cell)
            source = dedent(given.pop("source")).strip("\n")
            tags = given.pop("tags", [])
            written.append(
                {
                    "cell_type": "code",
                    "id": f"id-{number}",
                    "metadata": {"tags": tags} if tags else {},
                    "source": source.splitlines(keepends=True),
                    "outputs": [],
                    "execution_count": None,
                    **given,
                }
            )
        d2l = {} if title is None else {"title": title}
        if chapter is not None:
            d2l["chapter"] = chapter
        content = {
            "cells": written,
            "metadata": {"d2l": d2l, **(metadata or {})},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        file = self.notebooks / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content), encoding="utf-8")
        return file

    def handwritten(self, files: Mapping[str, str], stub: str = "") -> None:
        """Write modules of the package, and the hand-written part of `__init__.pyi`."""
        self.package.mkdir(exist_ok=True)
        for name, text in files.items():
            path = self.package / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text), encoding="utf-8")
        if stub:
            (self.package / "__init__.pyi").write_text(dedent(stub), encoding="utf-8")

    def export(self) -> Changes:
        return export(self.notebooks, self.package)

    def text(self, module: str) -> str:
        """Export, and return the text of one module."""
        self.export()
        return (self.package / f"{module}.py").read_text(encoding="utf-8")

    def problems(self) -> list[str]:
        """The messages of an export that must fail and write nothing."""
        before = snapshot(self.package)
        try:
            self.export()
        except ExportError as error:
            assert snapshot(self.package) == before
            return [str(problem) for problem in error.problems]
        raise AssertionError("the export found nothing wrong")

    def problem(self) -> str:
        """The message of an export that must fail for one reason."""
        (message,) = self.problems()
        return message

    def command(self, *options: str) -> subprocess.CompletedProcess[str]:
        """`python -m d2lhelpers.save` on this book."""
        folders = ["--notebooks", str(self.notebooks), "--package", str(self.package)]
        return run("-m", "d2lhelpers.save", *folders, *options, folder=ROOT)

    def python(self, code: str) -> str:
        """What a new Python prints that has the package on its path."""
        done = run("-c", dedent(code), folder=self.package.parent)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Content and modification time of every file."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
