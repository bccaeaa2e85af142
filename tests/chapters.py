"""Where the chapters are, and how to ask a cell what it is."""

from __future__ import annotations

import re
from pathlib import Path

from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = sorted(
    path
    for path in (ROOT / "notebooks").rglob("*.ipynb")
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)
# The last line of an attempt and of a solution.
CHECK = re.compile(r'd2l\.check\("(?P<number>[^"]+)", (?P<answer>.+)\)')


def tags(cell: NotebookNode) -> list[str]:
    """The tags of a cell."""
    return list(cell.metadata.get("tags", []))


def printed(cell: NotebookNode) -> str:
    """What a code cell wrote to standard output."""
    return "".join(
        output.text
        for output in cell.outputs
        if output.output_type == "stream" and output.name == "stdout"
    )


def checked_number(cell: NotebookNode) -> str | None:
    """The exercise that the last line of a code cell checks."""
    match = CHECK.fullmatch(cell.source.rstrip().rsplit("\n", 1)[-1])
    return match["number"] if match else None
