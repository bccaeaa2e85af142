"""What the tests of all labs share: any settings that a lab takes, and what must hold for them."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

from hypothesis import strategies as st

from d2lhelpers import labs
from d2lhelpers.labs.stage import Stage
from tests.lab_sentences import is_one_sentence


def values_of(control: labs.Control) -> st.SearchStrategy[Any]:
    """Any value that a control takes; those where it stops are tried as often as all others."""
    if isinstance(control, labs.Toggle):
        return st.booleans()
    if isinstance(control, labs.Choice):
        return st.sampled_from(control.options)
    if isinstance(control, labs.Text):
        return st.sampled_from(control.examples) | st.text(max_size=40)
    if isinstance(control, labs.IntSlider):
        return st.integers(int(control.low), int(control.high))
    if isinstance(control, labs.Stops):
        low, high = control.values[0], control.values[-1]
        between = st.integers(int(low), int(high)) if control.whole else st.floats(low, high)
        return st.sampled_from(control.values) | between
    if isinstance(control, labs.LogSlider):
        low, high = control.low, control.high
        spread = st.floats(math.log(low), math.log(high)).map(
            lambda power: min(high, max(low, math.exp(power)))
        )
        return st.sampled_from(control.stops) | spread
    if isinstance(control, labs.Slider):
        steps = round((control.high - control.low) / control.step)
        stops = st.integers(0, steps).map(
            lambda n: min(control.high, float(f"{control.low + n * control.step:.6g}"))
        )
        return stops | st.floats(control.low, control.high)
    raise TypeError(f"no values are known for a {type(control).__name__}")


def settings_of(
    lab: labs.Lab[Any], without: Collection[str] = ()
) -> st.SearchStrategy[dict[str, Any]]:
    """Any settings of a lab, but those of the controls named in `without`."""
    return st.fixed_dictionaries(
        {name: values_of(c) for name, c in lab.controls.items() if name not in without}
    )


def check_words_and_picture(lab: labs.Lab[Any], stage: Stage, result: Any, again: Any) -> str:
    """One sentence, and the same picture for two results of the same settings.

    Returns:
        The sentence.
    """
    text = lab.describe(result)
    assert is_one_sentence(text), text
    assert lab.describe(again) == text
    assert stage.png(result) == stage.png(again)
    return text
