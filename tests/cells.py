"""Cells run in a kernel of their own, for tests of what a notebook shows."""

from __future__ import annotations

import textwrap
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from tools.notebook import notebook_client

ROOT = Path(__file__).resolve().parent.parent


def run_cells(*sources: str, allow_errors: bool = False) -> list[list[NotebookNode]]:
    """Execute the cells in a kernel in the repository root; return their outputs."""
    cells = [new_code_cell(textwrap.dedent(source)) for source in sources]
    client = notebook_client(new_notebook(cells=cells), ROOT, timeout=120)
    client.allow_errors = allow_errors
    client.execute()
    return [cell.outputs for cell in cells]
