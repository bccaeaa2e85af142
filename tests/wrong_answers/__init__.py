"""Typical wrong answers, one file a chapter: `WRONG = {"08.2": [answer, ...]}` in `ch08.py`."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any


def wrong_answers() -> dict[str, list[Any]]:
    """The wrong answers of all chapters, by exercise number.

    Raises ValueError when a file holds an exercise of another chapter.
    """
    answers: dict[str, list[Any]] = {}
    for module in pkgutil.iter_modules(__path__):
        chapter = module.name.removeprefix("ch")
        for number, wrong in importlib.import_module(f"{__name__}.{module.name}").WRONG.items():
            if not number.startswith(f"{chapter}."):
                raise ValueError(f"{module.name}.py holds answers to {number}")
            answers[number] = list(wrong)
    return answers
