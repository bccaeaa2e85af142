"""How an exercise is checked: a registry of checks, and the one line that a reader sees.

A check is a function of the reader's answer that states properties with `require`. It lives in
the file of its chapter (`ch08.py` for 08.1, 08.2, ...), which is imported when first asked for.
"""

import contextlib
import importlib
import io
import pkgutil
import random
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import FunctionType
from typing import Any, Literal

Check = Callable[[Any], None]
Status = Literal["right", "wrong", "not attempted"]

_checks: dict[str, Check] = {}
_MARKS: dict[Status, str] = {"right": "✓", "wrong": "✗", "not attempted": "…"}
_NUMBER = re.compile(r"[0-9a-z]{2}\.\d+")


class Wrong(Exception):
    """Raised by `require`: the answer is wrong, and the message is the reader's hint."""


@dataclass(frozen=True)
class Result:
    """What became of one answer.

    `status` is "right", "wrong" or "not attempted"; `hint` says what is wrong, else it is empty.
    """

    number: str
    status: Status
    hint: str = ""

    def __str__(self) -> str:
        text = f"{_MARKS[self.status]} {self.number}"
        if self.status == "not attempted":
            return f"{text}: not attempted"
        return f"{text}: {self.hint}" if self.hint else text


def exercise(number: str) -> Callable[[Check], Check]:
    """Register the decorated function as the check of exercise `number`, for instance "08.2".

    Raises ValueError when the number is malformed or taken.
    """
    if not _NUMBER.fullmatch(number):
        raise ValueError(f"an exercise is numbered like '08.2', not {number!r}")

    def register(check: Check) -> Check:
        if number in _checks:
            raise ValueError(f"exercise {number} has two checks")
        _checks[number] = check
        return check

    return register


def require(condition: Any, hint: str) -> None:
    """State that `condition` must hold of the answer; otherwise the reader sees `hint`."""
    if not condition:
        raise Wrong(hint)


def numbers() -> list[str]:
    """All exercise numbers of the book, in order."""
    package = importlib.import_module(__package__)
    for module in pkgutil.iter_modules(package.__path__):
        if module.name.startswith("ch"):
            _load(module.name)
    return sorted(_checks, key=lambda number: (number[:2], int(number[3:])))


def evaluate(number: str, answer: Any) -> Result:
    """Judge an answer to exercise `number` without printing.

    Whatever the answer does when it is called (raise, print, warn) ends in the result and nowhere
    else. Raises ValueError when there is no such exercise.
    """
    check = _find(number)
    try:
        if _is_blank(answer):
            return Result(number, "not attempted")
        with _nothing_leaves():
            check(answer)
    except Wrong as wrong:
        return Result(number, "wrong", str(wrong))
    except (Exception, SystemExit) as error:
        said = (str(error).strip().splitlines() or [""])[0]
        hint = f"checking your answer raised {type(error).__name__}" + (f": {said}" if said else "")
        return Result(number, "wrong", hint)
    return Result(number, "right")


def check(number: str, answer: Any) -> None:
    """Print one line on an answer to exercise `number`: right, wrong with a hint, or not attempted.

    Args:
        number: the exercise, as in its heading: "08.2".
        answer: what the exercise asks for: a value, a tensor or a function. `...`, a function whose
            body is only `...`, and a collection that holds `...` count as not attempted.

    Never raises: an unknown number is reported in the same line.
    """
    try:
        line = str(evaluate(number, answer))
    except ValueError as error:
        line = f"✗ {error}"
    # Windows' consoles and pipes do not know every character.
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(line.encode(encoding, "replace").decode(encoding))


@contextlib.contextmanager
def _nothing_leaves() -> Iterator[None]:
    """What happens inside is not printed, warns of nothing, and draws no random number outside.

    The global generators of Python, NumPy and PyTorch go on afterwards where they stood before, and
    gradients are recorded as they were: an answer may switch that off and forget it.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.callback(random.setstate, random.getstate())
        # No library is imported, and no GPU woken, just to keep its generator.
        if numpy_random := sys.modules.get("numpy.random"):
            stack.callback(numpy_random.set_state, numpy_random.get_state())
        if torch := sys.modules.get("torch"):
            gpus = torch.cuda.device_count() if torch.cuda.is_initialized() else 0
            stack.enter_context(torch.random.fork_rng(devices=range(gpus)))
            stack.callback(torch.set_grad_enabled, torch.is_grad_enabled())
        yield


def _find(number: str) -> Check:
    if isinstance(number, str) and _NUMBER.fullmatch(number):
        _load(f"ch{number[:2]}")
        if number in _checks:
            return _checks[number]
    known = numbers()
    chapter = [n for n in known if n[:2] == str(number)[:2]] or known
    raise ValueError(f"there is no exercise {number!r}; did you mean one of {', '.join(chapter)}?")


@cache
def _load(name: str) -> None:
    """Import the checks of one chapter; a chapter without checks is no error."""
    full_name = f"{__package__}.{name}"
    try:
        importlib.import_module(full_name)
    except ModuleNotFoundError as error:
        if error.name != full_name:
            raise


def _is_blank(answer: Any) -> bool:
    if answer is ...:
        return True
    if isinstance(answer, FunctionType):
        return answer.__code__.co_code == _blank_code(answer)
    if isinstance(answer, type):
        members = [getattr(value, "__func__", value) for value in vars(answer).values()]
        return any(_is_blank(member) for member in members if isinstance(member, FunctionType))
    if isinstance(answer, Mapping):
        return any(_is_blank(value) for value in answer.values())
    if isinstance(answer, list | tuple | set):
        return any(_is_blank(value) for value in answer)
    return False


def _blank_code(function: FunctionType) -> bytes:
    """The byte code of an empty function, with a docstring if `function` has one."""

    def plain() -> None: ...

    def documented() -> None:
        """."""

    template = documented if function.__doc__ is not None else plain
    return template.__code__.co_code
