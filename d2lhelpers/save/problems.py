"""What can be wrong with the notebooks, and where."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Problem:
    """One reason not to export. Cells and lines count from 1; 0 means the whole file."""

    notebook: str
    cell: int
    line: int
    message: str
    cell_id: str = ""

    def __str__(self) -> str:
        where = self.notebook
        if self.cell:
            where += f", cell {self.cell}" + (f" (id {self.cell_id})" if self.cell_id else "")
        if self.line:
            where += f", line {self.line}"
        return f"{where}: {self.message}"


class ExportError(Exception):
    """Raised when anything is wrong, with all that was found; nothing has been written."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("\n".join(map(str, self.problems)))
