"""Lab of chapter 11: one neuron against PyTorch's activations, autograd and exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from d2lhelpers.labs import OneNeuron
from d2lhelpers.labs.one_neuron import ACTIVATIONS, CORNERS, GATES, PLANE, X_RANGE
from d2lhelpers.labs.stage import Stage
from tests.lab_settings import check_words_and_picture, settings_of

LAB = OneNeuron()
STAGE = Stage(LAB, density=0.5)
REFERENCE = {
    "step": lambda z: (z > 0).to(z.dtype),
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "ReLU": torch.relu,
}
TENTHS = {
    name: st.integers(round(10 * LAB.controls[name].low), round(10 * LAB.controls[name].high))
    for name in ("w", "b", "w2")
}
ANY = settings_of(LAB)


def tensor(values) -> torch.Tensor:
    return torch.tensor(np.array(values), dtype=torch.float64)


@given(ANY)
@example({"w": 1e-310, "b": -10.0, "activation": "sigmoid", "w2": -1e-310})
@example({"w": -5e-324, "b": 8.0, "activation": "tanh", "w2": 0.0})
@example({"w": 0.0, "b": 0.0, "activation": "step", "w2": 0.0})
@example({"w": 0.0, "b": -10.0, "activation": "ReLU", "w2": 10.0})
@example({"w": 10.0, "b": 8.0, "activation": "ReLU", "w2": 10.0})
@settings(max_examples=60, deadline=None)
def test_any_setting_is_computed_drawn_and_described(chosen):
    result, again = LAB.run(**chosen), LAB.run(**chosen)
    for name in ("inputs", "outputs", "surface", "corners"):
        found = getattr(result, name)
        assert np.isfinite(found).all() and not found.flags.writeable
        np.testing.assert_array_equal(found, getattr(again, name))
    text = check_words_and_picture(LAB, STAGE, result, again)
    assert "nan" not in text and "not a number" not in text


@pytest.mark.filterwarnings("error")
@given(ANY)
@settings(max_examples=60, deadline=None)
def test_simulate_itself_warns_of_nothing(chosen):
    LAB.simulate(**chosen)


@given(ANY)
@settings(max_examples=60, deadline=None)
def test_outputs_are_those_of_pytorch(chosen):
    result = LAB.run(**chosen)
    f = REFERENCE[chosen["activation"]]
    w, b, w2 = chosen["w"], chosen["b"], chosen["w2"]
    close = {"rtol": 1e-9, "atol": 1e-12}

    away = np.abs(w * result.inputs + b) > 1e-9  # at the threshold a step has two values
    wanted = f(w * tensor(result.inputs[away]) + b)
    torch.testing.assert_close(tensor(result.outputs[away]), wanted, **close)
    assert (np.diff(result.inputs) >= 0).all()
    assert (result.inputs[0], result.inputs[-1]) == X_RANGE

    rows, columns = tensor(PLANE).reshape(-1, 1), tensor(PLANE).reshape(1, -1)
    z = w * columns + w2 * rows + b
    away = z.abs() > 1e-9
    torch.testing.assert_close(tensor(result.surface)[away], f(z)[away], **close)

    z = tensor(CORNERS) @ tensor([w, w2]) + b
    away = z.abs() > 1e-9
    torch.testing.assert_close(tensor(result.corners)[away], f(z)[away], **close)


@given(
    **TENTHS,
    activation=st.sampled_from(list(ACTIVATIONS)),
)
@settings(max_examples=100, deadline=None)
def test_what_fires_is_decided_as_with_exact_tenths(w, b, w2, activation):
    result = LAB.run(w=w / 10, b=b / 10, w2=w2 / 10, activation=activation)
    sums = [w * int(x1) + w2 * int(x2) + b for x1, x2 in CORNERS]
    assert result.fires == tuple(z > 0 for z in sums)
    middle = float(ACTIVATIONS[activation].function(0.0))
    assert [c == middle for c, z in zip(result.corners, sums, strict=True) if z == 0] == [
        True
    ] * sums.count(0)
    if w:
        assert result.threshold == pytest.approx(float(Fraction(-b, w)), rel=1e-12)


@given(
    w=st.floats(-8.0, 10.0).filter(lambda w: abs(w) > 0.01),
    b=st.floats(-10.0, 8.0),
    activation=st.sampled_from(list(ACTIVATIONS)),
)
@settings(max_examples=60, deadline=None)
def test_the_slope_at_the_threshold_is_that_of_autograd(w, b, activation):
    result = LAB.run(w=w, b=b, activation=activation)
    if activation in ("step", "ReLU"):
        assert result.slope is None
        return
    x = torch.tensor(-b / w, dtype=torch.float64, requires_grad=True)
    output = REFERENCE[activation](w * x + b)
    output.backward()
    assert result.slope == pytest.approx(x.grad.item(), rel=1e-9)
    assert output.item() == pytest.approx({"sigmoid": 0.5, "tanh": 0.0}[activation], abs=1e-9)


def test_the_fourteen_tables_and_no_exclusive_or():
    assert len(GATES) == 14 and len(set(GATES.values())) == 14
    missing = set(product((False, True), repeat=4)) - set(GATES)
    assert missing == {(False, True, True, False), (True, False, False, True)}
    words = {
        "AND": lambda p, q: p and q,
        "OR": lambda p, q: p or q,
        "NAND": lambda p, q: not (p and q),
        "x₁": lambda p, q: p,
        "x₂": lambda p, q: q,
        "NOT x₁": lambda p, q: not p,
        "NOT x₂": lambda p, q: not q,
        "NOT (x₁ OR x₂)": lambda p, q: not (p or q),
        "x₁ AND NOT x₂": lambda p, q: p and not q,
        "x₂ AND NOT x₁": lambda p, q: q and not p,
        "x₁ OR NOT x₂": lambda p, q: p or not q,
        "x₂ OR NOT x₁": lambda p, q: q or not p,
        "never": lambda p, q: False,
        "always": lambda p, q: True,
    }
    for fires, name in GATES.items():
        assert fires == tuple(words[name](bool(x1), bool(x2)) for x1, x2 in CORNERS), name


def test_a_jump_stands_at_the_threshold_and_is_closed_below():
    for w, ends in ((4.0, (0.0, 1.0)), (-4.0, (1.0, 0.0))):
        result = LAB.run(w=w, b=-w / 3, activation="step")
        at = np.flatnonzero(result.inputs == result.threshold)
        assert list(result.outputs[at]) == list(ends)
        assert set(result.outputs) == {0.0, 1.0}


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({}, "rises through 0.5 at the threshold x₁ = −b/w = 0.5, where its slope is w/4 = 1"),
        ({"w": -2.0}, "falls through 0.5 at the threshold x₁ = −b/w = −1"),
        ({"w": 0.0}, "has no threshold, since x₁ has no say: with x₂ = 0 its output is always"),
        ({"w": 0.1, "b": 8.0}, "x₁ = −b/w = −80 (outside the picture)"),
        (
            {"activation": "step"},
            "jumps up at the threshold x₁ = −b/w = 0.5, where it has no slope",
        ),
        ({"activation": "step", "w": -4.0}, "jumps down at the threshold x₁ = −b/w = −0.5"),
        (
            {"activation": "tanh"},
            "rises through 0 at the threshold x₁ = −b/w = 0.5, where its slope",
        ),
        ({"activation": "ReLU"}, "leaves 0 at the threshold"),
        ({"activation": "ReLU", "w": -4.0}, "where its slope changes from w = −4 to 0"),
        ({"b": 0.0}, "x₁ = −b/w = 0, where"),
        ({"b": -6.0, "w2": 4.0}, "With w = 4, b = −6 and w₂ = 4 the output"),
        ({"b": -6.0, "w2": 4.0}, "make the truth table of AND."),
        ({"w": -1.0, "b": 1.5, "w2": -1.0}, "make the truth table of NAND."),
        ({"b": -10.0}, "it fires (z > 0) at none of the four corners."),
        ({"b": 8.0}, "it fires (z > 0) at all four corners."),
    ],
)
def test_the_sentence_says_what_happened(chosen, words):
    assert words in LAB.describe(LAB.run(**chosen))


def test_scaling_weight_and_bias_keeps_the_threshold_and_steepens_the_slope():
    flat, steep = LAB.run(w=2.0, b=-1.0), LAB.run(w=8.0, b=-4.0)
    assert flat.threshold == steep.threshold == 0.5
    assert steep.slope == 4 * flat.slope == 2.0


def test_the_border_passes_through_points_whose_sum_is_zero():
    for w, b, w2 in ((4.0, -6.0, 4.0), (0.0, 1.0, -2.0), (3.0, 0.0, 0.0), (-8.0, 5.0, 10.0)):
        STAGE.png(LAB.run(w=w, b=b, w2=w2))
        (border,) = [
            line for line in STAGE.figure.axes[1].get_lines() if line.get_marker() == "None"
        ]
        x1, x2 = border.get_data()
        assert border.get_visible() and math.dist(*zip(x1, x2, strict=True)) > 10
        np.testing.assert_allclose(w * x1 + w2 * x2 + b, 0, atol=1e-9)


def test_only_another_activation_draws_everything():
    stage = Stage(LAB, density=0.5)
    for chosen in ({}, {"w": -3.0}, {"b": 8.0}, {"w2": 5.0}, {"w": 0.0}, {"activation": "step"}):
        stage.png(LAB.run(**chosen))
    assert stage.full_draws == 1
    stage.png(LAB.run(activation="tanh"))
    assert stage.full_draws == 2
