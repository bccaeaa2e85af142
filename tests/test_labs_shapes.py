"""The lab Shapes: against PyTorch on random settings, and what it says and draws."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch.nn import functional

from d2lhelpers import labs
from d2lhelpers.labs import shapes as module
from tests.lab_sentences import is_one_sentence

LAB = labs.Shapes()
SETTINGS = st.fixed_dictionaries(
    {
        name: st.integers(int(control.low), int(control.high))
        for name, control in labs.Shapes.controls.items()
    }
)
EXTREMES = (
    {},
    {"kernel": 11},
    {"size": 12, "padding": 4, "kernel": 1, "stride": 1, "output": 19},
    {"size": 12, "padding": 4, "kernel": 7, "stride": 1, "dilation": 3},
    {"size": 1, "padding": 0, "kernel": 1, "stride": 5},
    {"size": 1, "padding": 0, "kernel": 11, "dilation": 3},
    {"size": 1, "padding": 4, "kernel": 1, "stride": 5},
)


def convolved(setting):
    """A convolution with ones, and its input, which requires a gradient."""
    X = torch.ones(1, 1, setting["size"], setting["size"], requires_grad=True)
    padded = functional.pad(X, 4 * [setting["padding"]])
    padded.retain_grad()
    K = torch.ones(1, 1, setting["kernel"], setting["kernel"])
    Y = functional.conv2d(padded, K, stride=setting["stride"], dilation=setting["dilation"])
    return X, padded, Y


@settings(deadline=None)
@given(SETTINGS)
def test_outputs_and_reads_are_those_of_pytorch(setting):
    found = LAB.run(**setting)
    try:
        X, padded, Y = convolved(setting)
    except RuntimeError:
        assert found.outputs == 0 and found.shown is None and found.begins == ()
        assert found.unread == setting["size"] ** 2
        assert found.reach > found.padded
        return
    assert tuple(Y.shape[2:]) == (found.outputs, found.outputs)
    # The gradient of the sum counts the windows that read a number.
    Y.sum().backward()
    assert torch.equal(torch.tensor(found.times_read).float(), padded.grad[0, 0])
    assert found.unread == int((X.grad == 0).sum())
    assert found.shown == min(setting["output"], found.outputs - 1)


@settings(deadline=None)
@given(SETTINGS, st.integers(0, 19))
def test_the_highlighted_output_reads_what_its_gradient_says(setting, output):
    found = LAB.run(**setting)
    if not found.outputs:
        return
    output %= found.outputs
    _, padded, Y = convolved(setting)
    (grad,) = torch.autograd.grad(Y[0, 0, output, output], padded)
    rows = grad[0, 0].nonzero().unique().tolist()
    assert rows == list(found.reads(output)) and len(rows) == setting["kernel"]


@settings(deadline=None)
@given(SETTINGS)
def test_every_setting_is_answered_with_one_sentence(setting):
    found = LAB.run(**setting)
    text = LAB.describe(found)
    assert is_one_sentence(text)
    assert text.startswith("Impossible") == (found.outputs == 0)
    if found.outputs:
        value = text.partition("⌊")[2].partition("⌋ + 1 = ")
        numerator, _, divisor = value[0].rpartition("/")
        numerator = numerator.replace("·", "*").replace("−", "-")
        assert eval(numerator) // int(divisor) + 1 == found.outputs
        assert value[2].startswith(f"{found.outputs} output")


def test_sentences():
    def say(**setting):
        return LAB.describe(LAB.run(**setting))

    assert say() == (
        "Along each axis there are ⌊(7 + 2·1 − 1·2 − 1)/2⌋ + 1 = 4 outputs, 16 in all; the "
        "highlighted one, row and column 1 (from 0), reads 9 numbers; every input is read."
    )
    assert "row and column 0 (from 0), reads 9 numbers, 5 of them padding; every" in say(output=0)
    assert "row and column 3 (from 0), reads 9" in say(output=19)
    assert say(kernel=11) == (
        "Impossible: a kernel of 11 with dilation 1 reaches over 1 · (11 − 1) + 1 = 11 numbers, "
        "but the padded row has only 7 + 2 · 1 = 9, so that with stride 2, as with any other, "
        "there is no output and PyTorch refuses."
    )
    assert say(size=8, padding=0).endswith("reads 9 numbers; 15 of 64 inputs are never read.")
    assert "all of them padding" in say(kernel=2, padding=4, size=3, stride=1, output=0)
    assert "reads 1 number, which is padding; every" in say(kernel=1, stride=1, output=0)
    one = say(size=1, padding=0, kernel=1)
    assert "there is ⌊(1 + 2·0 − 1·0 − 1)/2⌋ + 1 = 1 output, 1 in all" in one
    assert "reads 1 number; every" in one
    assert "1 of 1 input is never read" in say(size=1, padding=4, kernel=1, stride=5)


def test_boxes_stay_in_their_panels():
    for setting in EXTREMES:
        found = LAB.run(**setting)
        panels = (module._input_boxes, module._place_boxes, module._output_boxes)
        for left, panel in zip(module.LEFTS, panels, strict=True):
            for box in panel(found):
                assert left - 1e-9 <= box.x and box.x + box.width <= left + module.SIDE + 1e-9
                assert box.y >= module.LOW - 1e-9
                assert box.y + box.height <= module.LOW + module.SIDE + 1e-9
        for ends, _ in module._window_lines(found):
            for x, y in ends:
                assert module.LEFTS[1] <= x <= module.LEFTS[2] and y > module.LOW


def test_boxes_count_and_colors():
    found = LAB.run(size=8, kernel=3, padding=0, stride=2)
    boxes = module._input_boxes(found)
    assert len(boxes) == 64 and not any(box.dashed for box in boxes)
    white = [box for box in boxes if box.face == (1.0, 1.0, 1.0)]
    assert len(white) == found.unread == 15
    orange = module._tint(module.ORANGE, 0.85)
    assert sum(box.face == orange for box in boxes) == 9
    outputs = module._output_boxes(found)
    assert len(outputs) == 9 and sum(box.face == orange for box in outputs) == 1
    assert len(module._place_boxes(found)) == 8 + 3 * 3
    assert module._output_boxes(LAB.run(kernel=11)) == []
    padded = module._input_boxes(LAB.run(size=3, padding=2, kernel=1))
    assert sum(box.dashed for box in padded) == 49 - 9


@pytest.mark.parametrize("setting", EXTREMES, ids=str)
def test_nothing_is_cut_off(setting):
    pixels = np.asarray(Image.open(io.BytesIO(LAB.snapshot(**setting))).convert("L"))
    edge = np.concatenate([pixels[:4].ravel(), pixels[-4:].ravel()])
    assert edge.min() == pixels[:, :4].min() == pixels[:, -4:].min() == 255
    assert pixels.min() < 60


def test_pictures_are_the_same_whatever_was_shown_before():
    fresh = labs.Shapes().snapshot(kernel=2, size=5)
    LAB.snapshot(kernel=11)
    assert LAB.snapshot(kernel=2, size=5) == fresh
    assert LAB.snapshot("svg", kernel=11).startswith("<?xml")


def test_only_moving_artists_are_drawn_and_they_are_few():
    lab = labs.Shapes()
    lab.snapshot()
    draws = lab._stage.full_draws
    for setting in EXTREMES:
        lab.snapshot(**setting)
    assert lab._stage.full_draws == draws
    assert len(lab._stage._moving_artists()) == 6
