"""What the tests of all labs ask of a lab's words."""

from __future__ import annotations

import re


def is_one_sentence(text: str) -> bool:
    """Whether `text` is a capital letter, words and one full stop; periods in numbers are none.

    Powers of ten are written as in 1.9×10⁻⁶, neither as 1.9e-06 nor as 10^-6.
    """
    if re.search(r"\d[eE][-+\N{MINUS SIGN}]?\d|\^|10\*\*", text):
        return False
    return bool(re.fullmatch(r"[A-Z](?:[^.\n]|\.(?=\d))*\.", text))
