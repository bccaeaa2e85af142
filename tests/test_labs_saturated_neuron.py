"""Lab of chapter 15: the unlearning neuron against PyTorch's autograd and SGD."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch.nn import functional

from d2lhelpers.labs import SaturatedNeuron
from d2lhelpers.labs.saturated_neuron import (
    COSTS,
    MOST_EPOCHS,
    RIGHT_BELOW,
    SHOWN_EPOCHS,
    Z,
    sigmoid,
)
from d2lhelpers.labs.stage import Stage
from tests.lab_settings import check_words_and_picture, settings_of

LAB = SaturatedNeuron()
STAGE = Stage(LAB, density=0.5)
ANY = settings_of(LAB)
LOSSES = {
    "quadratic": lambda z: torch.sigmoid(z) ** 2 / 2,
    "cross-entropy": functional.softplus,  # −ln(1 − σ(z)) = ln(1 + e^z)
}


def by_autograd(cost: str, w: float, b: float, rate: float, num_epochs: int) -> list[float]:
    """The outputs of a neuron that PyTorch trains, from before the first epoch on."""
    params = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (w, b)]
    optimizer = torch.optim.SGD(params, lr=rate)
    outputs = []
    for _ in range(num_epochs + 1):
        z = params[0] * 1.0 + params[1]
        outputs.append(torch.sigmoid(z).item())
        optimizer.zero_grad()
        LOSSES[cost](z).backward()
        optimizer.step()
    return outputs


@given(ANY)
@example({"w": 6.0, "b": 6.0, "learning_rate": 0.005})
@example({"w": 6.0, "b": 6.0, "learning_rate": 5.0})
@example({"w": -3.0, "b": -3.0, "learning_rate": 5.0})
@example({"w": 0.0, "b": 0.0, "learning_rate": 1.0})
@settings(max_examples=40, deadline=None)
def test_any_setting_is_computed_drawn_and_described(chosen):
    result, again = LAB.run(**chosen), LAB.run(**chosen)
    for cost in COSTS:
        found = result.outputs[cost]
        assert found.shape == (SHOWN_EPOCHS + 1,) and not found.flags.writeable
        assert (found >= 0).all() and (found <= 1).all() and (np.diff(found) <= 0).all()
        np.testing.assert_array_equal(found, again.outputs[cost])
    text = check_words_and_picture(LAB, STAGE, result, again)
    assert "nan" not in text and "not a number" not in text and "a = 1," not in text


@pytest.mark.filterwarnings("error")
@given(ANY)
@settings(max_examples=20, deadline=None)
def test_simulate_itself_warns_of_nothing(chosen):
    LAB.simulate(**chosen)


@given(ANY, st.sampled_from(list(COSTS)))
@settings(max_examples=25, deadline=None)
def test_the_path_is_that_of_autograd(chosen, cost):
    wanted = by_autograd(cost, chosen["w"], chosen["b"], chosen["learning_rate"], 40)
    found = LAB.run(**chosen).outputs[cost][:41]
    np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("cost", list(COSTS))
def test_the_gradients_are_those_of_autograd(cost):
    z = torch.tensor(Z, requires_grad=True)
    LOSSES[cost](z).sum().backward()
    np.testing.assert_allclose(COSTS[cost](sigmoid(Z)), z.grad.numpy(), rtol=1e-9, atol=1e-12)


@given(ANY)
@settings(max_examples=40, deadline=None)
def test_the_epochs_are_those_at_which_the_output_passes_the_line(chosen):
    result = LAB.run(**chosen)
    for cost, outputs in result.outputs.items():
        epochs = result.epochs[cost]
        shown = np.flatnonzero(outputs < RIGHT_BELOW)
        if epochs is not None and epochs <= SHOWN_EPOCHS:
            assert shown[0] == epochs
        else:
            assert len(shown) == 0
    quadratic, entropy = result.epochs["quadratic"], result.epochs["cross-entropy"]
    # Its gradient is at least four times as large at every z.
    assert entropy is not None and (quadratic is None or entropy <= quadratic)


def test_the_epochs_beyond_the_picture_are_counted_too():
    epochs = LAB.run(w=2.0, b=2.0, learning_rate=0.15).epochs["quadratic"]
    outputs = by_autograd("quadratic", 2.0, 2.0, 0.15, epochs)
    assert epochs > SHOWN_EPOCHS
    assert outputs[epochs] < RIGHT_BELOW <= outputs[epochs - 1]


def test_too_many_epochs_are_given_up():
    assert LAB.run(w=6.0, b=6.0, learning_rate=0.15).epochs["quadratic"] is None
    w = b = 6.0
    for _ in range(MOST_EPOCHS):
        a = 1 / (1 + math.exp(-(w + b)))
        w, b = w - 0.15 * a * a * (1 - a), b - 0.15 * a * a * (1 - a)
    assert 1 / (1 + math.exp(-(w + b))) > RIGHT_BELOW


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({}, "From w = 2 and b = 2 the output starts at a = 0.982, where σ′(z) = 0.0177; with"),
        ({}, "with learning rate η = 0.15 the quadratic cost needs 469 epochs to bring it below"),
        ({}, "below 0.1, cross-entropy 50 epochs."),
        ({"w": 0.6, "b": 0.9}, "quadratic cost needs 273 epochs to bring it below 0.1, cross-"),
        ({"w": 0.6, "b": 0.9}, "cross-entropy 41 epochs."),
        ({"w": 6.0, "b": 6.0}, "starts at a = 1 − 6.1×10⁻⁶, where σ′(z) = 6.1×10⁻⁶;"),
        ({"w": 6.0, "b": 6.0}, "quadratic cost needs more than 10,000 epochs"),
        ({"w": 0.0, "b": 0.0, "learning_rate": 5.0}, "cross-entropy 1 epoch."),
        ({"w": -3.0}, "a = 0.269"),
        ({"w": -3.0, "b": -3.0}, "a = 0.00247, already below 0.1, where σ′(z) = 0.00247: there"),
    ],
)
def test_the_sentence_says_what_happened(chosen, words):
    assert words in LAB.describe(LAB.run(**chosen))


def test_weight_and_bias_count_alike():
    one, other = LAB.run(w=3.0, b=1.0), LAB.run(w=1.0, b=3.0)
    assert one.epochs == other.epochs and one.slope == other.slope


def test_nothing_ever_draws_everything_again():
    stage = Stage(LAB, density=0.5)
    for chosen in ({}, {"w": 6.0}, {"b": -3.0}, {"learning_rate": 5.0}, {"w": -3.0, "b": -3.0}):
        stage.png(LAB.run(**chosen))
    assert stage.full_draws == 1
