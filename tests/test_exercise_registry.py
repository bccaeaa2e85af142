"""What `d2l.check` says about right, wrong, broken and missing answers."""

import os
import subprocess
import sys
import warnings

import pytest
import torch

from d2lhelpers.exercises import registry
from d2lhelpers.exercises.registry import check, evaluate, exercise, numbers, require


@pytest.fixture
def double(monkeypatch):
    """An exercise 99.1 that wants a function which doubles its argument."""
    monkeypatch.setattr(registry, "_checks", dict(registry._checks))

    @exercise("99.1")
    def doubles(answer):
        require(answer(2) != 2, "the value came back unchanged")
        require(answer(3) == 6, f"3 became {answer(3)}")

    return "99.1"


def test_right_wrong_and_hint(double):
    assert str(evaluate(double, lambda x: 2 * x)) == "✓ 99.1"
    assert str(evaluate(double, lambda x: x)) == "✗ 99.1: the value came back unchanged"
    assert str(evaluate(double, lambda x: x + 2)) == "✗ 99.1: 3 became 5"


def empty(x): ...


def empty_with_docstring(x):
    """Double x."""


def empty_with_comment(x):
    # your code
    ...


class EmptyMethod:
    def forward(self, x): ...


BLANKS = [..., empty, empty_with_docstring, empty_with_comment, EmptyMethod]
BLANKS += [(1, ...), [..., ...], {"a": ...}, (empty, 3)]


@pytest.mark.parametrize("blank", BLANKS)
def test_blank_answers_are_not_attempted(double, blank):
    assert str(evaluate(double, blank)) == "… 99.1: not attempted"


def test_a_documented_function_that_does_something_is_an_attempt(double):
    def documented(x):
        """Double x."""
        return x * 2

    assert evaluate(double, documented).status == "right"


def test_an_answer_that_raises_is_reported_and_not_raised(double):
    def broken(x):
        raise KeyError("first line\nsecond line")

    result = evaluate(double, broken)
    assert result.status == "wrong"
    assert result.hint.startswith("checking your answer raised KeyError")
    assert "\n" not in str(result)
    assert evaluate(double, 3).hint.endswith("TypeError: 'int' object is not callable")


def test_what_an_answer_prints_stays_out_of_the_line(double, capsys):
    def chatty(x):
        print("debugging")
        return 2 * x

    check(double, chatty)
    assert capsys.readouterr().out == "✓ 99.1\n"


def test_an_answer_that_exits_or_contains_itself_is_reported(double):
    def leaves(x):
        raise SystemExit(3)

    assert evaluate(double, leaves).hint == "checking your answer raised SystemExit: 3"
    endless: list = []
    endless.append(endless)
    assert evaluate(double, endless).status == "wrong"


def test_checking_leaves_no_trace_outside(double, capsys):
    def noisy(x):
        print("error", file=sys.stderr)
        warnings.warn("careful", stacklevel=1)
        return x * (2 + 0 * int(torch.randint(9, ())))

    torch.manual_seed(0)
    wanted = torch.rand(3)
    torch.manual_seed(0)
    assert evaluate(double, noisy).status == "right"
    assert torch.equal(torch.rand(3), wanted)
    assert capsys.readouterr().err == ""


def test_check_prints_on_a_console_that_knows_few_characters():
    code = 'import d2lhelpers as d2l; d2l.check("00.1", 366)'
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONIOENCODING": "cp1252"},
        capture_output=True,
        check=True,
    )
    assert done.stdout.strip() == b"? 00.1"


def test_check_prints_one_line_and_returns_nothing(double, capsys):
    assert check(double, lambda x: x) is None
    assert capsys.readouterr().out == "✗ 99.1: the value came back unchanged\n"


def test_an_unknown_number_names_the_known_ones_of_its_chapter(capsys):
    check("08.99", 1)
    line = capsys.readouterr().out
    assert line.startswith("✗ there is no exercise '08.99'") and "08.1" in line
    check(8.2, 1)
    assert "there is no exercise 8.2" in capsys.readouterr().out


def test_numbers_must_be_well_formed_and_unique(double):
    with pytest.raises(ValueError, match="numbered like '08.2'"):
        exercise("8.2")
    with pytest.raises(ValueError, match="two checks"):
        exercise(double)(lambda answer: None)


def test_all_numbers_come_in_the_order_of_the_book():
    found = numbers()
    assert "08.1" in found
    assert found == sorted(found, key=lambda n: (n[:2], int(n[3:])))
