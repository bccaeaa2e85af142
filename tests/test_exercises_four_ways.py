"""Exercises verified four ways.

1. The stored lines of attempts and solutions are compared by nbval when it runs the chapter.
2. Without the solution cells nothing is ✓: every attempt is reported as not attempted.
3. Without the attempt cells every exercise is ✓: no solution leans on its attempt.
4. Every check refuses its wrong answers, with a hint, and accepts right ones that differ from the
   solution.

Ways 2 and 3 share one kernel, so that a chapter's training runs once for both: the chapter runs top
to bottom without solutions; then the kernel's names and random state go back to what they were
before the first attempt; then all that follows runs again, without attempts. What this cannot see:
an attempt that changes, in place, an object that a solution uses.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from d2lhelpers.exercises.registry import evaluate, numbers
from tests import right_answers, wrong_answers
from tests.answer_files import answers_in
from tests.chapters import CHAPTERS, checked_number, printed, tags
from tools.notebook import ChapterError, execute, kernel_environment, read

REMEMBER = """
def _remember(names):
    import builtins, torch
    builtins._before_exercises = dict(names), torch.get_rng_state()
_remember(globals())
"""
GO_BACK = """
def _go_back(names):
    import builtins, torch
    before, state = builtins._before_exercises
    names.clear()
    names.update(before)
    torch.set_rng_state(state)
_go_back(globals())
"""
WRONG, RIGHT = answers_in(wrong_answers, "WRONG"), answers_in(right_answers, "RIGHT")


def both_ways(notebook: NotebookNode, folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """What attempts print without solutions, and solutions without attempts, by exercise."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    first = next((i for i, cell in enumerate(cells) if "attempt" in tags(cell)), len(cells))
    without_solutions = [deepcopy(c) for c in cells if "solution" not in tags(c)]
    without_attempts = [deepcopy(c) for c in cells[first:] if "attempt" not in tags(c)]
    for cell in without_attempts:
        cell.id += "-again"
    begin = without_solutions[:first] if first < len(cells) else without_solutions
    rest = without_solutions[len(begin) :]
    remember, go_back = new_code_cell(REMEMBER), new_code_cell(GO_BACK)
    ordered = [*begin, remember, *rest, go_back, *without_attempts]
    execute(new_notebook(cells=ordered), folder, kernel_environment())
    attempts = {checked_number(c) or "": printed(c) for c in rest if "attempt" in tags(c)}
    solutions = {
        checked_number(c) or "": printed(c) for c in without_attempts if "solution" in tags(c)
    }
    return attempts, solutions


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_blank_attempts_are_no_success_and_solutions_need_none(path: Path) -> None:
    attempts, solutions = both_ways(read(path), path.parent)
    assert attempts == {number: f"… {number}: not attempted\n" for number in attempts}
    assert list(solutions) == list(attempts)
    for number, text in solutions.items():
        assert text.splitlines()[-1:] == [f"✓ {number}"], text


def test_there_are_exercises() -> None:
    assert numbers()
    assert set(WRONG) == set(numbers())
    assert set(RIGHT) <= set(numbers())


def each(answers: dict[str, list[Any]]) -> pytest.MarkDecorator:
    """Parametrize a test by number and answer; ids are "08.2-1", "08.2-2" and so on."""
    return pytest.mark.parametrize(
        ("number", "answer"),
        [
            pytest.param(number, answer, id=f"{number}-{index}")
            for number, several in answers.items()
            for index, answer in enumerate(several, start=1)
        ],
    )


@each(WRONG)
def test_a_wrong_answer_is_refused_with_a_hint(number: str, answer: Any) -> None:
    result = evaluate(number, answer)
    assert result.status == "wrong", f"{answer!r}: {result}"
    assert result.hint
    assert not result.hint.startswith("checking your answer raised"), result.hint


@each(RIGHT)
def test_a_right_answer_is_accepted_however_it_was_found(number: str, answer: Any) -> None:
    assert str(evaluate(number, answer)) == f"✓ {number}", repr(answer)


# ---- The machinery itself ------------------------------------------------------------------------

BODY = """
x = 3
def check(number, answer):
    print(f"… {number}: not attempted" if answer is ... else f"✓ {number}")
class d2l:
    check = staticmethod(check)
"""


def exercise_cells(attempt: str, solution: str) -> NotebookNode:
    """A chapter with one exercise and a cell below it."""
    last = '\nd2l.check("08.1", answer)'
    return new_notebook(
        cells=[
            new_code_cell(BODY),
            new_code_cell(attempt + last, metadata={"tags": ["attempt"]}),
            new_code_cell(solution + last, metadata={"tags": ["solution"]}),
            new_code_cell("y = x"),
        ]
    )


def test_a_sound_exercise(tmp_path: Path) -> None:
    notebook = exercise_cells("x = 4\nanswer = ...", "assert x == 3\nanswer = x")
    attempts, solutions = both_ways(notebook, tmp_path)
    assert attempts == {"08.1": "… 08.1: not attempted\n"}
    assert solutions == {"08.1": "✓ 08.1\n"}


def test_an_attempt_that_gives_the_answer_away_is_seen(tmp_path: Path) -> None:
    attempts, _ = both_ways(exercise_cells("answer = x", "answer = x"), tmp_path)
    assert attempts == {"08.1": "✓ 08.1\n"}


def test_a_solution_that_needs_its_attempt_is_seen(tmp_path: Path) -> None:
    with pytest.raises(ChapterError, match="NameError: name 'helper' is not defined"):
        both_ways(exercise_cells("helper = 1\nanswer = ...", "answer = helper"), tmp_path)
