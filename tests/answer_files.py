"""Reads the answers that stand in files like `ch08.py`, for right and for wrong ones alike."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import Any


def answers_in(package: ModuleType, name: str) -> dict[str, list[Any]]:
    """The dictionaries called `name` of all chapters' files in `package`, as one.

    Raises ValueError when a file holds an exercise of another chapter.
    """
    answers: dict[str, list[Any]] = {}
    for module in pkgutil.iter_modules(package.__path__):
        chapter = module.name.removeprefix("ch")
        file = importlib.import_module(f"{package.__name__}.{module.name}")
        for number, found in getattr(file, name).items():
            if not number.startswith(f"{chapter}."):
                raise ValueError(f"{module.name}.py holds answers to {number}")
            answers[number] = list(found)
    return answers
