"""Lab of chapter 05: difference quotients against exact arithmetic and error theory."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from d2lhelpers.labs import SecantToTangent
from d2lhelpers.labs.secant_to_tangent import CURVES, PRECISIONS, STEPS
from d2lhelpers.labs.stage import Stage
from tests.lab_settings import check_words_and_picture, settings_of

LAB = SecantToTangent()
STAGE = Stage(LAB, density=0.5)
KINK = "|w|, a kink"
ANY = settings_of(LAB)


@given(ANY)
@settings(max_examples=60, deadline=None)
def test_any_setting_is_computed_drawn_and_described(chosen):
    result, again = LAB.run(**chosen), LAB.run(**chosen)
    np.testing.assert_array_equal(result.errors, again.errors)
    assert math.isfinite(result.quotient) and np.isfinite(result.zoom).all()
    assert len(result.errors) == len(STEPS)
    check_words_and_picture(LAB, STAGE, result, again)


@pytest.mark.filterwarnings("error")
@given(ANY)
@settings(max_examples=60, deadline=None)
def test_simulate_itself_warns_of_nothing(chosen):
    LAB.simulate(**chosen)


def rounded(value: Fraction, precision: str) -> Fraction:
    """The nearest number of the precision, half to even."""
    digits = 24 if precision == "float32" else 53
    if value == 0:
        return value
    power = Fraction(2) ** (math.floor(math.log2(abs(value))) - digits + 1)
    return round(value / power) * power


@given(
    h=st.floats(1e-14, 1.0),
    precision=st.sampled_from(list(PRECISIONS)),
    point=st.floats(0.5, 3.0),
    formula=st.sampled_from(["central", "forward"]),
)
@settings(max_examples=60, deadline=None)
def test_the_cube_agrees_with_exact_fractions_rounded_after_each_operation(
    h, precision, point, formula
):
    def r(value):
        return rounded(value, precision)

    def cube(w):
        return r(r(w * w) * w)

    w, step = r(Fraction(point)), r(Fraction(h))
    left = r(w - step) if formula == "central" else w
    right = r(w + step)
    wanted = r(r(cube(right) - cube(left)) / (2 * step if formula == "central" else step))
    result = LAB.run(h=h, precision=precision, point=point, formula=formula)
    assert result.quotient == float(wanted)
    assert (result.left, result.right) == (float(left), float(right))


@pytest.mark.parametrize("name", CURVES)
def test_derivatives_agree_with_autograd(name):
    functions = {
        "w³": lambda w: w**3,
        "sin(w)": torch.sin,
        "exp(w)": torch.exp,
        "sigmoid(w)": torch.sigmoid,
        KINK: torch.abs,
    }
    f = functions[name]
    for derivative in CURVES[name].slopes:
        f = torch.func.grad(f)
        for w in (-2.9, -1.0, 0.3, 1.7, 3.0):
            wanted = f(torch.tensor(w, dtype=torch.float64)).item()
            assert float(derivative(w)) == pytest.approx(wanted, rel=1e-10, abs=1e-12)


def test_the_number_of_the_chapter():
    for formula in ("central", "forward"):
        result = LAB.run(h=1e-6, precision="float32", formula=formula)
        assert result.quotient == 11.444091796875
    text = LAB.describe(LAB.run(h=1e-6))
    assert "11.44409" in text and "the error 0.556 comes mostly from rounding" in text
    exact = LAB.run(h=1e-6, precision="float64")
    assert f"{exact.quotient:.7f}" == "12.0000000"


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("formula", ["central", "forward"])
@pytest.mark.parametrize("name", [name for name in CURVES if name != KINK])
def test_errors_stay_within_what_the_two_causes_explain(name, formula, precision):
    power = 2 if formula == "central" else 1
    for point in (-2.7, -0.7, 0.9, 2.3):
        result = LAB.run(h=1.0, function=name, formula=formula, precision=precision, point=point)
        assert result.errors[-1] == result.error
        # the next term of the series counts when h is large, and NumPy's functions are not rounded
        # perfectly
        truncation = result.truncation * STEPS**power + 5 * STEPS ** (power + 1)
        assert (result.errors <= truncation + 4 * result.rounding / STEPS).all()
        # and not far below either: at some steps they are nearly reached
        assert (result.errors >= 0.25 * result.rounding / STEPS).any()


@pytest.mark.parametrize(("formula", "power"), [("central", 2), ("forward", 1)])
def test_truncation_falls_with_the_power_of_the_formula(formula, power):
    large, small = (LAB.run(h=h, precision="float64", formula=formula) for h in (0.1, 0.01))
    assert large.error / small.error == pytest.approx(10**power, rel=0.06)
    assert large.truncation / small.truncation == pytest.approx(10**power)
    assert large.rounding * 10 == pytest.approx(small.rounding)


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({}, "12.25 and the slope is 12: the error 0.25 comes mostly from truncation"),
        ({"h": 1e-9}, "is 0 and the slope is 12: h is so small that w + h is stored as w"),
        ({"function": KINK, "point": 0.0}, "is 0, the mean of the slopes −1 on the left"),
        (
            {"function": KINK, "point": 0.0, "formula": "forward"},
            "the forward quotient of |w| at w = 0 is 1, and no slope there is the right one.",
        ),
        ({"function": KINK, "point": 0.2}, "from the kink, which lies between the two points"),
        ({"function": KINK, "point": 2.0, "h": 0.5}, "they agree in every digit"),
        ({"function": "sin(w)", "point": -3.0, "h": 1e-14}, "and the slope is −0.9899925"),
    ],
)
def test_the_sentence_says_what_happened(chosen, words):
    assert words in LAB.describe(LAB.run(**chosen))


def test_the_zoom_shows_stairs_only_where_the_numbers_are_too_coarse():
    heights = {h: len(set(LAB.run(h=h).zoom.tolist())) for h in (1e-3, 1e-6, 1e-9)}
    assert heights[1e-3] > 300 and 10 < heights[1e-6] < 50 and heights[1e-9] == 1


def test_only_a_new_function_draws_everything():
    stage = Stage(LAB, density=0.5)
    for chosen in ({}, {"h": 1e-5}, {"precision": "float64"}, {"point": -1.0}, {"h": 1e-14}):
        stage.png(LAB.run(**chosen))
    assert stage.full_draws == 1
    stage.png(LAB.run(function="sin(w)"))
    assert stage.full_draws == 2
