"""Every check refuses its wrong answers, with a hint, and accepts right ones unlike the solution.

That attempts are no success, and that solutions need no attempt, nbval sees when it runs the
chapter: see `Exercises` in nbval_adapter.py.
"""

from __future__ import annotations

from typing import Any

import pytest

from d2lhelpers.exercises.registry import evaluate, numbers
from tests import right_answers, wrong_answers
from tests.answer_files import answers_in

WRONG, RIGHT = answers_in(wrong_answers, "WRONG"), answers_in(right_answers, "RIGHT")


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
