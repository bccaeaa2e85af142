"""Right answers other than the solutions: `RIGHT = {"08.2": [answer, ...]}` in `ch08.py`.

They go another way, compute in another dtype, or return another kind of collection than the
solution; each must be accepted.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any


def right_answers() -> dict[str, list[Any]]:
    """The right answers of all chapters that have some, by exercise number.

    Raises ValueError when a file holds an exercise of another chapter.
    """
    answers: dict[str, list[Any]] = {}
    for module in pkgutil.iter_modules(__path__):
        chapter = module.name.removeprefix("ch")
        for number, right in importlib.import_module(f"{__name__}.{module.name}").RIGHT.items():
            if not number.startswith(f"{chapter}."):
                raise ValueError(f"{module.name}.py holds answers to {number}")
            answers[number] = list(right)
    return answers
