"""Lab of chapter 17: networks of steps and ramps against PyTorch, interpolation and bounds."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from d2lhelpers.labs import BuildAFunction
from d2lhelpers.labs.build_a_function import COUNTS, EXACT, RAMPS, STEPS, TARGETS, X
from d2lhelpers.labs.stage import Stage
from tests.lab_settings import check_words_and_picture, settings_of, values_of

LAB = BuildAFunction()
STAGE = Stage(LAB, density=0.5)
CURVE = "f of the chapter"
STEEP = values_of(LAB.controls["steepness"])
ANY = settings_of(LAB)


@given(ANY)
@example({"num_bumps": 1, "steepness": 1.0, "function": CURVE, "pieces": STEPS})
@example({"num_bumps": 1, "steepness": 1.0, "function": "root √x", "pieces": RAMPS})
@example({"num_bumps": 200, "steepness": 1e5, "function": "jump at 1/3", "pieces": STEPS})
@settings(max_examples=40, deadline=None)
def test_any_setting_is_computed_drawn_and_described(chosen):
    result, again = LAB.run(**chosen), LAB.run(**chosen)
    for name in ("wanted", "output", "places", "heights", "errors"):
        found = getattr(result, name)
        assert np.isfinite(found).all() and not found.flags.writeable
        np.testing.assert_array_equal(found, getattr(again, name))
    assert 0 <= result.mean <= result.largest
    text = check_words_and_picture(LAB, STAGE, result, again)
    assert "nan" not in text and "not a number" not in text and "infinity" not in text


@pytest.mark.filterwarnings("error")
@given(ANY)
@settings(max_examples=40, deadline=None)
def test_simulate_itself_warns_of_nothing(chosen):
    LAB.simulate(**chosen)


@given(
    count=st.integers(1, 200),
    steepness=STEEP,
    function=st.sampled_from(list(TARGETS)),
)
@settings(max_examples=40, deadline=None)
def test_steps_are_pairs_of_sigmoids_with_the_first_and_the_last_wall_far_away(
    count, steepness, function
):
    """N bumps with two neurons each are the network with N − 1 neurons and a bias."""
    result = LAB.run(num_bumps=count, steepness=steepness, function=function)
    x = torch.from_numpy(X)
    walls = torch.arange(count + 1, dtype=torch.float64) / count
    walls[0], walls[-1] = -1e4, 1e4
    total = torch.zeros_like(x)
    for i in range(count):
        middle = np.array([(i + 0.5) / count])
        height = float(TARGETS[function].function(middle)[0])
        up = torch.sigmoid(steepness * (x - walls[i]))
        total += height * (up - torch.sigmoid(steepness * (x - walls[i + 1])))
    np.testing.assert_allclose(result.output, total.numpy(), rtol=1e-9, atol=1e-9)
    assert result.num_neurons == count - 1


@given(count=st.integers(1, 200), function=st.sampled_from(list(TARGETS)))
@settings(max_examples=40, deadline=None)
def test_ramps_interpolate(count, function):
    result = LAB.run(num_bumps=count, function=function, pieces=RAMPS)
    knots = np.linspace(0, 1, count + 1)
    wanted = np.interp(X, knots, TARGETS[function].function(knots))
    # A knot at 1/3 is on either side of the jump by rounding.
    if function != "jump at 1/3" or count % 3:
        np.testing.assert_allclose(result.output, wanted, atol=1e-9)
    assert result.num_neurons == count


@given(count=st.integers(1, 200), steepness=STEEP)
@settings(max_examples=20, deadline=None)
def test_ramps_do_not_depend_on_the_steepness(count, steepness):
    one = LAB.run(num_bumps=count, steepness=steepness, pieces=RAMPS)
    other = LAB.run(num_bumps=count, steepness=1.0, pieces=RAMPS)
    np.testing.assert_array_equal(one.output, other.output)
    np.testing.assert_array_equal(one.errors, other.errors)
    assert LAB.describe(one) == LAB.describe(other)


@pytest.mark.parametrize("function", list(TARGETS))
def test_slopes_and_curvatures_are_those_of_the_functions(function):
    """By differences, where there are any; the lab has the largest ones as numbers."""
    target = TARGETS[function]
    x = np.linspace(0, 1, 200_001)
    y = target.function(x)
    step = x[1] - x[0]
    if math.isfinite(target.slope):
        assert np.abs(np.diff(y) / step).max() == pytest.approx(target.slope, rel=1e-4)
    else:
        assert np.abs(np.diff(y) / step).max() > 100
    if math.isfinite(target.curvature):
        bend = np.abs(np.diff(y, 2) / step**2).max()
        assert bend == pytest.approx(target.curvature, rel=1e-3)
    assert target.view[0] < y.min() and y.max() < target.view[1]


@pytest.mark.parametrize("function", [CURVE, "wave", "kink |x − 0.4|"])
@pytest.mark.parametrize("pieces", [STEPS, RAMPS])
def test_errors_keep_the_bound_and_fall_at_its_rate(function, pieces):
    results = [
        LAB.run(num_bumps=N, steepness=1e5, function=function, pieces=pieces)
        for N in (20, 40, 80, 160)
    ]
    for result in results:
        assert result.bound is None or result.largest <= result.bound * (1 + 1e-9)
    if results[0].bound is not None:
        power = 1 if pieces == STEPS else 2
        assert results[0].bound == pytest.approx(8**power * results[3].bound)
        assert results[1].largest / results[3].largest == pytest.approx(4**power, rel=0.2)


def test_the_bound_is_missing_where_slope_or_curvature_are_unbounded():
    for function, pieces in (
        ("root √x", STEPS),
        ("jump at 1/3", STEPS),
        ("root √x", RAMPS),
        ("kink |x − 0.4|", RAMPS),
    ):
        assert LAB.run(function=function, pieces=pieces).bound is None


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize(
    ("steepness", "pieces"), [(1e3, STEPS), (1e5, STEPS), (1.0, RAMPS)], ids=str
)
def test_no_network_gets_the_jump(count, steepness, pieces):
    """Half of the jump of 0.6 is missed on one side, also when a wall stands at the jump."""
    chosen = {"num_bumps": count, "steepness": steepness, "pieces": pieces}
    result = LAB.run(function="jump at 1/3", **chosen)
    assert result.largest >= 0.29 and result.errors.min() >= 0.29
    if count % 3 == 0 and pieces == STEPS:
        assert result.largest == pytest.approx(0.3, abs=1e-3)


@given(chosen=ANY)
@settings(max_examples=30, deadline=None)
def test_the_curve_of_errors_passes_through_what_is_shown(chosen):
    chosen["num_bumps"] = COUNTS[chosen["num_bumps"] % len(COUNTS)]
    result = LAB.run(**chosen)
    there = result.errors[COUNTS.index(result.num_bumps)]
    assert there == pytest.approx(result.largest, rel=1e-12)
    assert result.largest == np.abs(result.output - result.wanted).max()
    assert result.mean == pytest.approx(np.abs(result.output - result.wanted).mean())


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({}, "With 10 bumps and w = 1000, a hidden layer of 9 neurons stays within"),
        ({}, "steep, and the bound for ideal steps is 0.35."),
        ({"num_bumps": 1}, "With 1 bump and w = 1000, a hidden layer of 0 neurons stays"),
        ({"num_bumps": 1}, "; a single bump is a constant."),
        ({"num_bumps": 2}, "a hidden layer of 1 neuron stays within"),
        ({"steepness": 1.0}, "the steps are too soft and blur the curve."),
        ({"num_bumps": 20, "steepness": 100.0}, "soft steps that round the stairs off."),
        ({"function": "root √x"}, "steep, and the slope has no bound."),
        ({"function": "jump at 1/3"}, "and no continuous output can follow a jump."),
        ({"function": "jump at 1/3", "pieces": RAMPS}, "; no continuous output can follow"),
        ({"pieces": RAMPS}, "With 10 straight pieces, a hidden layer of 10 neurons"),
        ({"pieces": RAMPS}, "the bound max|f″|/(8N²) is 0.213."),
        ({"function": "kink |x − 0.4|", "pieces": RAMPS}, "gives the kink |x − 0.4| exactly;"),
        ({"function": "kink |x − 0.4|", "pieces": RAMPS}, "; the function itself is made of"),
        (
            {"function": "kink |x − 0.4|", "pieces": RAMPS, "num_bumps": 8},
            "stays within 0.04 of the kink |x − 0.4|, and within 0.0025 on average; no bound is",
        ),
        ({"function": "root √x", "pieces": RAMPS}, "no bound is known"),
    ],
)
def test_the_sentence_says_what_happened(chosen, words):
    assert words in LAB.describe(LAB.run(**chosen))


def test_soft_steps_beat_steep_and_very_soft_ones():
    very_soft, soft, steep = (
        LAB.run(num_bumps=20, steepness=w).largest for w in (12.0, 120.0, 12_000.0)
    )
    assert soft < steep / 2 and soft < very_soft / 3


def test_an_exact_network_is_drawn_on_the_floor_of_the_right_panel():
    result = LAB.run(function="kink |x − 0.4|", pieces=RAMPS)
    assert result.largest < EXACT
    STAGE.png(result)
    (here,) = [line for line in STAGE.figure.axes[1].get_lines() if line.get_markersize() == 9]
    assert here.get_ydata()[0] == STAGE.figure.axes[1].get_ylim()[0]


def test_only_another_function_draws_everything():
    stage = Stage(LAB, density=0.5)
    for chosen in ({}, {"num_bumps": 200}, {"steepness": 1.0}, {"pieces": RAMPS}):
        stage.png(LAB.run(**chosen))
    assert stage.full_draws == 1
    stage.png(LAB.run(function="wave"))
    assert stage.full_draws == 2
