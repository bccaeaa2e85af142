"""Lab of chapter 07: paths of gradient descent against theory and torch.optim.SGD."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from d2lhelpers.labs import LearningRate
from d2lhelpers.labs.learning_rate import SURFACES, TOLERANCE
from d2lhelpers.labs.stage import Stage
from tests.lab_settings import check_words_and_picture, settings_of

LAB = LearningRate()
STAGE = Stage(LAB, density=0.5)
ANY = settings_of(LAB)


@given(ANY)
@settings(max_examples=40, deadline=None)
def test_any_setting_is_computed_drawn_and_described(chosen):
    result, again = LAB.run(**chosen), LAB.run(**chosen)
    np.testing.assert_array_equal(result.path, again.path)
    assert 1 <= len(result.path) - 1 <= chosen["steps"]
    assert len(result.path) == len(result.gap)
    check_words_and_picture(LAB, STAGE, result, again)


@pytest.mark.filterwarnings("error")
@given(ANY)
@settings(max_examples=40, deadline=None)
def test_simulate_itself_warns_of_nothing(chosen):
    LAB.simulate(**chosen)


@pytest.mark.parametrize("name", SURFACES)
def test_gradients_and_minima_agree_with_finite_differences(name):
    surface = SURFACES[name]
    rng = np.random.default_rng(7)
    h = 1e-5
    for x, y in rng.uniform([-4, -3], [4, 3], (50, 2)).tolist():
        y = y if surface.dimensions == 2 else 0.0
        slope_x = (surface.loss(x + h, y) - surface.loss(x - h, y)) / (2 * h)
        slope_y = (surface.loss(x, y + h) - surface.loss(x, y - h)) / (2 * h)
        np.testing.assert_allclose(surface.gradient(x, y), (slope_x, slope_y), atol=1e-6)
    assert surface.loss(*surface.minimum) == pytest.approx(0, abs=1e-15)
    grid_x, grid_y = np.meshgrid(np.linspace(-4, 4, 401), np.linspace(-3, 3, 301))
    assert surface.loss(grid_x, grid_y).min() >= -1e-15


@pytest.mark.parametrize("name", [n for n, s in SURFACES.items() if s.curvatures])
def test_curvatures_are_the_eigenvalues_of_the_hessian_at_the_minimum(name):
    surface, h = SURFACES[name], 1e-5
    x, y = surface.minimum
    columns = [
        (np.array(surface.gradient(x + dx, y + dy)) - surface.gradient(x - dx, y - dy)) / (2 * h)
        for dx, dy in ((h, 0), (0, h))
    ]
    hessian = np.array(columns)[: surface.dimensions, : surface.dimensions]
    np.testing.assert_allclose(surface.curvatures, np.linalg.eigvalsh(hessian), rtol=1e-4)


@pytest.mark.parametrize("name", SURFACES)
@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_path_equals_torch_sgd(name, momentum):
    surface = SURFACES[name]
    point = torch.tensor([-2.3, 1.7], dtype=torch.float64, requires_grad=True)
    start_y = 1.7
    if surface.dimensions == 1:
        with torch.no_grad():
            point[1] = 0.0
    optimizer = torch.optim.SGD([point], lr=0.07, momentum=momentum)
    path = [point.detach().numpy().copy()]
    for _ in range(30):
        x, y = point.detach().tolist()
        point.grad = torch.tensor(surface.gradient(x, y), dtype=torch.float64)
        optimizer.step()
        path.append(point.detach().numpy().copy())
    result = LAB.run(
        surface=name, learning_rate=0.07, momentum=momentum, steps=30, start_x=-2.3, start_y=start_y
    )
    np.testing.assert_allclose(result.path, path, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", [n for n, s in SURFACES.items() if s.quadratic])
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_the_limit_of_stability_separates_shrinking_from_growing(name, momentum):
    limit = LAB.run(surface=name, momentum=momentum).limit
    assert limit == pytest.approx(2 * (1 + momentum) / SURFACES[name].curvatures[-1])
    common = {"surface": name, "momentum": momentum, "steps": 200}
    below = LAB.run(learning_rate=limit * 0.97, **common)
    above = LAB.run(learning_rate=limit * 1.03, **common)
    assert below.gap[-1] < 0.2 * below.gap[0]
    assert above.outcome == "diverged"
    assert above.gap[-1] > 10 * above.gap[0]
    assert "above the stability limit" in LAB.describe(above)
    assert "within the stability limit" in LAB.describe(below)


@pytest.mark.parametrize(
    ("chosen", "outcome", "words"),
    [
        ({"learning_rate": 0.9, "steps": 200}, "arrived", "Arrived: from step"),
        ({"learning_rate": 0.001, "steps": 5}, "on its way", "On its way: after 5 steps"),
        ({"learning_rate": 10.0}, "diverged", "the path has left the picture"),
        ({"learning_rate": 1.0}, "swings", "Swings from side to side"),
        ({"surface": "parabola (1-D)", "learning_rate": 2.0}, "swings", "Swings"),
        (
            {"surface": "wavy curve (1-D)", "start_x": 3.5, "learning_rate": 0.1},
            "stuck",
            "the slope is zero here",
        ),
        ({"surface": "saddle (2-D)", "start_y": 0.0}, "stuck", "the slope is zero here"),
        ({"surface": "kink, |x| (1-D)", "learning_rate": 0.7}, "swings", "the step never shrinks"),
        ({"start_x": 0.0, "start_y": 0.0}, "arrived", "Starts at the minimum"),
        ({"steps": 1}, "on its way", "after 1 step "),
    ],
)
def test_outcomes_are_named(chosen, outcome, words):
    result = LAB.run(**chosen)
    assert result.outcome == outcome, LAB.describe(result)
    assert words in LAB.describe(result)


def test_arrival_step_is_the_first_from_which_the_gap_stays_small():
    result = LAB.run(surface="parabola (1-D)", learning_rate=0.5, momentum=0.8, steps=200)
    k = result.arrived_at
    assert result.gap[k - 1] > TOLERANCE
    assert (result.gap[k:] <= TOLERANCE).all()


def test_a_lost_path_ends_early_and_is_finite_in_the_picture():
    result = LAB.run(surface="curved valley (2-D)", learning_rate=10.0, steps=200)
    assert result.lost
    assert len(result.path) < 50
    LAB._stage.png(result)
    x, y = LAB._stage._axes.path.get_data()
    assert np.nanmax(np.abs([x, y])) <= 1e3
    assert LAB._stage._axes.gone.get_text() == "the path has left the picture"


def test_results_cannot_be_changed_afterwards():
    result = LAB.run()
    with pytest.raises(ValueError, match="read-only"):
        result.path[0, 0] = 1.0
    with pytest.raises(AttributeError):
        result.steps = 3


def test_lines_move_over_a_kept_background_until_surface_or_steps_change():
    lab = LearningRate()
    lab.snapshot()
    draws = lab._stage.full_draws
    for rate in (0.01, 0.3, 5.0):
        lab.snapshot(learning_rate=rate, momentum=0.5, start_x=1.0)
    assert lab._stage.full_draws == draws
    lab.snapshot(surface="round bowl (2-D)")
    assert lab._stage.full_draws == draws + 1
