"""What the tests of all labs ask of a lab's words."""

from __future__ import annotations

import re


def is_one_sentence(text: str) -> bool:
    """Whether `text` is a capital letter, words and one full stop; periods in numbers are none."""
    return bool(re.fullmatch(r"[A-Z](?:[^.\n]|\.(?=\d))*\.", text))
