"""What `d2l.check` says about right, wrong, broken and missing answers."""

import os
import random
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch

from d2lhelpers.exercises import registry
from d2lhelpers.exercises.compare import agree, values
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


class EmptyStaticMethod:
    @staticmethod
    def backward(ctx, grad_output): ...


BLANKS = [..., empty, empty_with_docstring, empty_with_comment, EmptyMethod, EmptyStaticMethod]
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
        torch.manual_seed(3)
        np.random.seed(3)  # noqa: NPY002 - the global generator is what this is about
        random.seed(3)
        torch.set_grad_enabled(False)
        return x * 2

    def draw():
        of_numpy = np.random.rand(3).tolist()  # noqa: NPY002
        return torch.rand(3).tolist(), of_numpy, random.random()

    def seed():
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002
        random.seed(0)

    seed()
    wanted = draw()
    seed()
    assert evaluate(double, noisy).status == "right"
    assert draw() == wanted
    assert torch.is_grad_enabled()
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU with CUDA")
def test_checking_leaves_the_gpu_its_random_numbers(double):
    torch.cuda.manual_seed_all(0)
    wanted = torch.rand(3, device="cuda").tolist()
    torch.cuda.manual_seed_all(0)
    assert evaluate(double, lambda x: torch.manual_seed(3) and 2 * x).status == "right"
    assert torch.rand(3, device="cuda").tolist() == wanted


def test_a_check_wakes_no_library_that_sleeps():
    code = (
        "import sys; from d2lhelpers.exercises import registry\n"
        "@registry.exercise('99.1')\ndef check(answer): pass\n"
        "assert registry.evaluate('99.1', 1).status == 'right'\n"
        "print([name for name in ('numpy', 'torch') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, encoding="utf-8"
    )
    assert done.stdout.strip() == "[]"


SAME = {
    "float32": torch.tensor([1.0, 0.1]),
    "float64": torch.tensor([1.0, 0.1], dtype=torch.float64),
    "float16, nearly": torch.tensor([1.0, 0.1], dtype=torch.float16),
    "with a record": torch.tensor([1.0, 0.1], requires_grad=True),
    "array": np.array([1.0, 0.1]),
    "list": [1, 0.1],
    "tuple of tensors": (torch.tensor(1), torch.tensor(0.1)),
}


@pytest.mark.parametrize("found", SAME.values(), ids=SAME)
def test_equal_numbers_agree_whatever_holds_them(found):
    assert agree(found, torch.tensor([1.0, 0.1]), rtol=1e-3)
    assert agree(torch.tensor([1.0, 0.1]), found, rtol=1e-3)
    assert not agree(found, [1.0, 0.2], rtol=1e-3)
    assert values(found).dtype == torch.float64 and not values(found).requires_grad


def test_shapes_are_not_broadcast_and_nan_agrees_with_nothing():
    assert not agree(torch.ones(3, 1), torch.ones(3))
    assert not agree(torch.ones(1), 1.0)
    assert not agree([float("nan")], [float("nan")])
    assert agree([], [])


@pytest.mark.parametrize("found", [None, "1", object(), [1.0, None], {"a": 1}])
def test_what_holds_no_numbers_is_wrong(found):
    with pytest.raises(registry.Wrong, match="numbers are wanted, not"):
        values(found)


def test_parts_of_several_shapes_are_wrong():
    with pytest.raises(registry.Wrong, match="differ in shape"):
        values([torch.zeros(2), torch.zeros(3)])


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
