"""Strict nbval that holds on another processor.

nbval finds the cells and reads their tags. Two classes that extend nbval's replace how it runs
cells and how it compares (so nbval is pinned, and `test_nbval_adapter.py` tests what follows):

- Cells run through nbclient, the engine behind `tools/notebook.py run`: with history, so that a
  final semicolon means what it means to a reader; `clear_output`, display updates and Output
  widgets do what they do in JupyterLab; one cell has `--nbval-cell-timeout` seconds. A cell asked
  for alone first runs the cells before it.
- Stored and new outputs are brought to the same normal form. Pictures and widget views are not
  compared, but a missing picture is an error. All else is text: numbers with a decimal point agree
  within a tolerance (see `close`), every other character must be the same.
- A kernel runs with one thread (`D2L_TEST_THREADS` asks for more) on the device `D2L_DEVICE` names.

A chapter with exercises gets one more item, `exercises`, after its cells: see `Exercises`.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from copy import deepcopy
from itertools import zip_longest
from pathlib import Path
from typing import Any

import nbval.plugin
import pytest
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from tests.chapters import checked_number, printed, tags
from tools.notebook import kernel_environment, normal_outputs, notebook_client, plain

# Float32 sums taken in another order differ by about 1e-5 of their value; some hundred optimizer
# steps multiply that by ten to a hundred.
RELATIVE = 1e-3
# A number printed with few digits may round either way: one unit of its last digit is no difference
# as long as that unit is a small part of the number ...
UNIT_SHARE = 0.05
# ... or, for numbers near zero in plain notation, small itself.
UNIT_NEAR_ZERO = 1e-3

NUMBER = re.compile(
    r"""(?<![\w.])(
        [-+]?(?:\d+\.\d+|\.\d+)(?:[eE][-+]?\d+)?(?!\d|\.\d)         # 0.31  -.5  1.2e-05, not 2.15.0
      | [-+]?\d+\.?[eE][-+]\d+(?!\d|\.\d)                           # 1e-05  1.e-05
      | [-+]?\d+\.(?=[,\])]|\ +[-+]?\d+\.|\n\ +[-+]?\d+\.)          # the "3." of arrays and tensors
    )""",
    re.VERBOSE,
)


# ---- Comparison ----------------------------------------------------------------------------------


def unit(number: str) -> float:
    """The value of one step of the last printed digit; 0 when no digit follows the point.

    >>> unit("0.25"), unit("1.2e-05"), unit("3.")
    (0.01, 1e-06, 0.0)
    """
    mantissa, _, exponent = number.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    return float(f"1e{int(exponent or 0) - decimals}") if decimals else 0.0


def close(stored: str, new: str) -> bool:
    """Whether two printed numbers stand for the same result."""
    x, y = float(stored), float(new)
    if x == y or not math.isfinite(x - y):
        return x == y
    scale, difference = max(abs(x), abs(y)), abs(x - y)
    if difference <= RELATIVE * scale:
        return True
    step = max(unit(stored), unit(new))
    plain_notation = "e" not in (stored + new).lower()
    counts = step <= UNIT_SHARE * scale or (plain_notation and step <= UNIT_NEAR_ZERO)
    return counts and difference <= step * (1 + 1e-6)


def text_difference(stored: str, new: str) -> str | None:
    """What the first difference between two texts is, with its surroundings; None if they agree."""
    old_pieces, new_pieces = NUMBER.split(stored), NUMBER.split(new)
    at_stored = at_new = 0
    for index, (old_piece, new_piece) in enumerate(zip_longest(old_pieces, new_pieces)):
        if old_piece is None or new_piece is None:
            what = "the rest differs"
        elif index % 2:
            what = "" if close(old_piece, new_piece) else number_difference(old_piece, new_piece)
        else:
            old_text = unpadded(old_piece, index > 0, index < len(old_pieces) - 1)
            new_text = unpadded(new_piece, index > 0, index < len(new_pieces) - 1)
            what = "" if old_text == new_text else "text differs"
            if what:
                step = len(os.path.commonprefix([old_piece, new_piece]))
                at_stored, at_new = at_stored + step, at_new + step
                old_piece, new_piece = old_piece[step : step + 1], new_piece[step : step + 1]
        if what:
            return (
                f"first difference: {what}\n"
                f"  stored  {marked(stored, at_stored, len(old_piece or ''))}\n"
                f"  new     {marked(new, at_new, len(new_piece or ''))}"
            )
        at_stored, at_new = at_stored + len(old_piece), at_new + len(new_piece)
    return None


def unpadded(text: str, after_number: bool, before_number: bool) -> str:
    """`text` without the blanks that align a number: "[ 0.9]" against "[-0.0]"."""
    text = text.lstrip(" ") if after_number else text
    return text.rstrip(" ") if before_number else text


def number_difference(stored: str, new: str) -> str:
    """Two numbers that do not agree, in words."""
    x, y = float(stored), float(new)
    relative = abs(x - y) / max(abs(x), abs(y)) if math.isfinite(x - y) else math.inf
    return f"{stored} became {new}, relative difference {relative:.1e} (allowed {RELATIVE:.0e})"


def marked(text: str, start: int, length: int) -> str:
    """The line of `text` around a position, with the differing piece between >>> and <<<."""
    before = text[:start].rsplit("\n", 1)[-1][-60:]
    after = text[start + length :].split("\n", 1)[0][:60]
    return f"{before}>>>{text[start : start + length]}<<<{after}".replace("\n", "\\n")


def fields(output: NotebookNode | None) -> dict[str, str]:
    """What is compared of one output: its kind of content, and the text of it."""
    if output is None:
        return {}
    if output.output_type == "stream":
        return {output.name: output.text}
    if output.output_type == "error":
        return {"exception": output.ename, "exception message": output.evalue}
    texts = {}
    for mime, value in output.data.items():
        if mime.startswith("image/"):
            texts[mime] = ""  # That there is a picture is compared, not what it shows.
        else:
            texts[mime] = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return texts


def in_order(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Outputs in normal form, stderr last: it reaches a page at no defined moment."""
    errors = [o for o in outputs if o.output_type == "stream" and o.name == "stderr"]
    others = [o for o in outputs if o not in errors]
    return normal_outputs([*others, *errors])


def differences(stored: list[NotebookNode], new: list[NotebookNode]) -> Iterator[str]:
    """What distinguishes the new outputs of a cell from the stored ones, in words."""
    pairs = zip_longest(in_order(stored), in_order(new))
    for number, (old_output, new_output) in enumerate(pairs, start=1):
        old_fields, new_fields = fields(old_output), fields(new_output)
        for kind in old_fields | new_fields:
            head = f"output {number}, {kind}: "
            if kind not in new_fields:
                yield f"{head}missing, the notebook has\n{shortened(old_fields[kind])}"
            elif kind not in old_fields:
                yield f"{head}not in the notebook, new:\n{shortened(new_fields[kind])}"
            elif found := text_difference(old_fields[kind], new_fields[kind]):
                yield (
                    f"{head}{found}\nstored:\n{shortened(old_fields[kind])}\n"
                    f"new:\n{shortened(new_fields[kind])}"
                )


def shortened(text: str, lines: int = 25) -> str:
    """`text` indented, its middle left out if it is long."""
    rows = text.splitlines() or [""]
    if len(rows) > lines:
        rows = [*rows[: lines - 5], f"... {len(rows) - lines} more lines ...", *rows[-5:]]
    return "\n".join(f"    {row[:200]}" for row in rows)


# ---- The names of a kernel, kept and put back ----------------------------------------------------

KEEP_NAMES = """
def _keep(names):
    import builtins, torch
    builtins._before_exercises = dict(names), torch.get_rng_state()
_keep(globals())
"""
PUT_BACK_NAMES = """
def _put_back(names):
    import builtins, torch
    before, state = builtins._before_exercises
    names.clear()
    names.update(before)
    torch.set_rng_state(state)
_put_back(globals())
"""


# ---- nbval's classes, extended -------------------------------------------------------------------


class CellFailed(Exception):
    """A cell raised, hung or printed something else; the message is the report."""


class Chapter(nbval.plugin.IPyNbFile):
    """A notebook: one kernel, cells in order."""

    def collect(self) -> Iterator[CodeCell | Exercises]:
        """nbval's cells as ours, with nbval's reading of their tags; then the exercises."""
        for found in super().collect():
            yield CodeCell.from_parent(
                self,
                name=found.name,
                cell_num=found.cell_num,
                cell=found.cell,
                options=found.options,
            )
        if self.first_attempt is not None:
            yield Exercises.from_parent(self, name="exercises")

    @property
    def first_attempt(self) -> int | None:
        """Index of the first cell that waits for an answer."""
        return next((i for i, cell in enumerate(self.nb.cells) if "attempt" in tags(cell)), None)

    def setup(self) -> None:
        """Start the kernel."""
        self.live = deepcopy(self.nb)
        self.done = 0
        self.stopped = ""
        self.closing = ExitStack()
        threads = os.environ.get("D2L_TEST_THREADS", "1")
        timeout = self.config.option.nbval_cell_timeout
        self.client = notebook_client(self.live, self.path.parent, timeout)
        kernel = self.client.setup_kernel(
            env=kernel_environment(threads), stderr=subprocess.DEVNULL
        )
        self.closing.enter_context(kernel)

    def teardown(self) -> None:
        """Stop the kernel."""
        self.closing.close()

    def run_to(self, index: int) -> None:
        """Run up to and including cell `index` of the notebook what has not run yet."""
        while self.done <= index:
            if self.done == self.first_attempt:
                self.run_besides(KEEP_NAMES)
            cell = self.live.cells[self.done]
            self.done += 1
            if cell.cell_type == "code":
                cell.outputs = []
                try:
                    self.client.execute_cell(cell, self.done - 1)
                except BaseException:
                    self.stopped = f"cell {self.done - 1} of the notebook stopped it"
                    raise

    def run_besides(self, source: str, **metadata: Any) -> str:
        """Run what is no cell of the notebook, or a cell once more: what it printed."""
        cell = new_code_cell(source, metadata=metadata)
        self.live.cells.append(cell)  # nbclient puts the result back at the cell's index
        self.client.execute_cell(cell, len(self.live.cells) - 1)
        return printed(cell)


class CodeCell(nbval.plugin.IPyNbCell):
    """One code cell: it must run, and give what the notebook shows."""

    parent: Chapter

    def setup(self) -> None:
        """nbval expects failure after a timeout here; `runtest` skips instead."""

    def runtest(self) -> None:
        """Run the cell, compare its outputs unless it is tagged `nbval-ignore-output`."""
        index = next(i for i, cell in enumerate(self.parent.nb.cells) if cell is self.cell)
        if self.options["skip"]:
            pytest.skip("tagged nbval-skip")
        if self.parent.stopped:
            pytest.skip(self.parent.stopped)
        try:
            self.parent.run_to(index)
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            raise CellFailed(self.report(plain(str(error)), outputs=False)) from None
        if self.options["check"]:
            found = list(differences(self.cell.outputs, self.parent.live.cells[index].outputs))
            if found:
                raise CellFailed(self.report("\n\n".join(found), outputs=True))

    def report(self, what: str, outputs: bool) -> str:
        """What a person needs to see the failure and to mend it."""
        path = Path(os.path.relpath(self.path, self.config.rootpath))
        hint = f"\n\nIf the new output is right: make run NB={path}" if outputs else ""
        return (
            f"{path}, code cell [{self.cell_num + 1}], id {self.cell.get('id')}\n"
            f"source:\n{shortened(self.cell.source)}\n\n{what}{hint}"
        )

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *_: Any) -> Any:
        """The report alone, without the frames of the test machinery."""
        if isinstance(excinfo.value, CellFailed):
            return str(excinfo.value)
        return pytest.Item.repr_failure(self, excinfo)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the cell is, for the test summary."""
        return self.path, 0, f"code cell [{self.cell_num + 1}]"


class Exercises(pytest.Item):
    """The exercises done two more ways, in the kernel in which the chapter has run.

    Without solutions, every attempt must be reported as not attempted; without attempts, every
    check must be ✓: no solution leans on its attempt. Each time the kernel's names and random
    state first go back to what they were before the first attempt. What this cannot see: a cell
    below that point that changes, in place, an object that an exercise uses.
    """

    parent: Chapter

    def runtest(self) -> None:
        """Do the exercises both ways."""
        if self.parent.stopped:
            pytest.skip(self.parent.stopped)
        try:
            self.parent.run_to(len(self.parent.nb.cells) - 1)
            attempts, solutions = self.printed_by("attempt"), self.printed_by("solution")
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            raise CellFailed(f"{self.path}, exercises done anew\n{plain(str(error))}") from None
        assert attempts == {number: f"… {number}: not attempted\n" for number in attempts}
        assert {n: text.splitlines()[-1:] for n, text in solutions.items()} == {
            number: [f"✓ {number}"] for number in attempts
        }

    def printed_by(self, tag: str) -> dict[str, str]:
        """What attempts print without solutions, or solutions without attempts, by exercise."""
        self.parent.run_besides(PUT_BACK_NAMES)
        other = {"attempt": "solution", "solution": "attempt"}[tag]
        found = {}
        for cell in self.parent.nb.cells[self.parent.first_attempt :]:
            if cell.cell_type == "code" and other not in tags(cell):
                text = self.parent.run_besides(cell.source, tags=tags(cell))
                if tag in tags(cell):
                    found[checked_number(cell) or ""] = text
        return found

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *_: Any) -> Any:
        """The report alone, where a cell failed."""
        if isinstance(excinfo.value, CellFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int, str]:
        """What it is, for the test summary."""
        return self.path, 0, "exercises"


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(parent: pytest.Collector) -> Generator[None, Any, Any]:
    """Exchange nbval's collector of a notebook for ours."""
    collectors = yield
    return [
        Chapter.from_parent(parent, path=collector.path)
        if isinstance(collector, nbval.plugin.IPyNbFile)
        else collector
        for collector in collectors
    ]
