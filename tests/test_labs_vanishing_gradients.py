"""Lab of chapter 18: gradients of deep networks against PyTorch's layers and autograd."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from matplotlib.figure import Figure
from torch import nn

import d2lhelpers as d2l
from d2lhelpers.labs import VanishingGradients
from d2lhelpers.labs.base import number
from d2lhelpers.labs.stage import Stage
from d2lhelpers.labs.vanishing_gradients import (
    EXAMPLES,
    FLAT,
    GRADIENTS,
    WIDTH,
    Gradients,
    _digits,
    _draws,
)
from tests.lab_sentences import is_one_sentence
from tests.lab_settings import check_words_and_picture, settings_of

LAB = VanishingGradients()
STAGE = Stage(LAB, density=0.5)
FUNCTIONS = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "ReLU": torch.relu}
ANY = settings_of(LAB)


def by_autograd(depth, scale, activation, remedy):
    """Gradients' lengths, spreads, flat shares and loss, with PyTorch's own layers."""
    train = d2l.load_digits().train
    A = train.images[:EXAMPLES].flatten(1).double() / 255
    biases, spreads, flat = [], [], []
    for i, draw in enumerate(_draws()[:depth]):
        bias = torch.zeros(WIDTH, dtype=torch.float64, requires_grad=True)
        biases.append(bias)
        Z = nn.functional.linear(A, scale * torch.from_numpy(draw).T)
        if remedy in ("batch normalization", "both"):
            Z = nn.BatchNorm1d(WIDTH, affine=False, dtype=torch.float64)(Z)
        out = FUNCTIONS[activation](Z + bias)
        z = Z.detach().requires_grad_()
        (slopes,) = torch.autograd.grad(FUNCTIONS[activation](z).sum(), z)
        flat.append((slopes < FLAT).double().mean().item())
        A = A + out if remedy in ("residual connections", "both") and i > 0 else out
        spreads.append(A.detach().var(0, correction=0).mean().sqrt().item())
    logits = A @ torch.from_numpy(_draws()[-1])
    loss = nn.functional.cross_entropy(logits, train.labels[:EXAMPLES])
    norms = [grad.norm().item() for grad in torch.autograd.grad(loss, biases)]
    return norms, spreads, flat, loss.item()


@given(ANY)
@example({"depth": 20, "scale": 10.0, "activation": "ReLU", "remedy": "residual connections"})
@example({"depth": 20, "scale": 0.1, "activation": "sigmoid", "remedy": "none"})
@example({"depth": 1, "scale": 1.0, "activation": "tanh", "remedy": "both"})
@settings(max_examples=50, deadline=None)
def test_any_setting_is_computed_drawn_and_described(chosen):
    result, again = LAB.run(**chosen), LAB.run(**chosen)
    for name in ("norms", "spreads", "flat"):
        found = getattr(result, name)
        assert found.shape == (chosen["depth"],)
        assert np.isfinite(found).all() and (found >= 0).all() and not found.flags.writeable
        np.testing.assert_array_equal(found, getattr(again, name))
    assert (result.flat <= 1).all() and math.isfinite(result.loss)
    text = check_words_and_picture(LAB, STAGE, result, again)
    assert "nan" not in text and "not a number" not in text


@pytest.mark.filterwarnings("error")
@given(ANY)
@settings(max_examples=50, deadline=None)
def test_simulate_itself_warns_of_nothing(chosen):
    LAB.simulate(**chosen)


@given(ANY)
@settings(max_examples=50, deadline=None)
def test_gradients_are_those_of_autograd(chosen):
    result = LAB.run(**chosen)
    norms, spreads, flat, loss = by_autograd(**chosen)
    # A layer that saturates rounds its slopes differently here and there; the large ones count.
    np.testing.assert_allclose(result.norms, norms, rtol=1e-5, atol=1e-12 * max(norms))
    np.testing.assert_allclose(result.spreads, spreads, rtol=1e-6, atol=1e-12)
    # Of 1,500 slopes a few may lie so near the limit that rounding decides.
    np.testing.assert_allclose(result.flat, flat, rtol=0, atol=3.5 / (EXAMPLES * WIDTH))
    np.testing.assert_allclose(result.loss, loss, rtol=1e-9)


def test_the_digits_are_the_first_of_the_training_set():
    images, labels = _digits()
    train = d2l.load_digits().train
    np.testing.assert_array_equal(labels, train.labels[:EXAMPLES].numpy())
    assert images.shape == (EXAMPLES, 64) and images.max() == 1 and images.min() == 0


def test_weights_of_scale_one_have_the_variance_one_over_n():
    draws = _draws()
    assert [draw.shape for draw in draws] == [(64, WIDTH), *[(WIDTH, WIDTH)] * 19, (WIDTH, 10)]
    for draw in draws:
        assert abs(draw.std() * math.sqrt(len(draw)) - 1) < 0.15


def test_the_factor_is_the_mean_factor_of_the_steps_back():
    result = LAB.run(depth=6, scale=2.0)
    steps = result.norms[:-1] / result.norms[1:]
    assert math.isclose(result.factor, float(np.prod(steps)) ** (1 / 5), rel_tol=1e-12)
    assert LAB.run(depth=1).factor is None and LAB.run(depth=1).ratio == 1


def test_a_sigmoid_layer_passes_on_a_quarter_of_what_its_weights_do_and_these_at_most_double():
    # A square matrix with the spread 1/√n stretches no vector by more than about 2 (its largest
    # singular value); ¼ of 2 times the scale is scale/2.
    for draw in _draws()[1:-1]:
        assert np.linalg.norm(draw, 2) < 2.2
    for depth, scale in product((2, 10), (0.1, 0.5)):
        result = LAB.run(depth=depth, scale=scale)
        assert (result.norms[:-1] < scale / 2 * result.norms[1:]).all()


def test_normalized_layers_do_not_feel_the_scale():
    small, large = (LAB.run(scale=scale, remedy="batch normalization") for scale in (1.0, 10.0))
    np.testing.assert_allclose(small.norms, large.norms, rtol=0.05)


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({}, "Vanishes: in 10 hidden layers of sigmoid neurons at the weight scale 1 the first"),
        ({"depth": 1}, "Nothing to compare: in 1 hidden layer of sigmoid neurons at the weight"),
        ({"activation": "ReLU", "scale": 5.0}, "Explodes: in 10 hidden layers of ReLU neurons"),
        ({"activation": "tanh", "depth": 20}, "Steady: in 20 hidden layers of tanh neurons at"),
        ({"depth": 20, "scale": 0.1}, "Vanishes: in 20 hidden layers"),
        ({"remedy": "residual connections"}, "Steady: in 10 hidden layers of sigmoid neurons with"),
        ({"remedy": "both"}, "with batch normalization and residual connections at the weight"),
    ],
)
def test_the_sentence_says_what_happened(chosen, words):
    assert words in LAB.describe(LAB.run(**chosen))


def test_nothing_that_arrives_is_said_in_words():
    zeros = np.zeros(3)
    dead = Gradients(3, 1.0, "ReLU", "none", zeros, zeros, zeros + 1, 2.3)
    assert LAB.describe(dead).startswith("Nothing arrives: in 3 hidden layers of ReLU neurons")
    assert is_one_sentence(LAB.describe(dead))
    assert STAGE.png(dead)


def test_a_way_around_a_dead_last_layer_is_said_in_words():
    norms = np.array([0.5, 0.2, 0.0])
    around = Gradients(3, 1.0, "ReLU", "residual connections", norms, norms + 1, norms, loss=2.3)
    assert around.ratio == math.inf
    text = LAB.describe(around)
    assert text.startswith("Only a way around: in 3 hidden layers of ReLU neurons with residual")
    assert "the first one is 0.5" in text and is_one_sentence(text)
    assert drawn(around).head.get_text() == "Only a way around: the last gradient is 0"


def drawn(result):
    """The parts of the picture after `result` was drawn."""
    parts = LAB.layout(Figure())
    LAB.draw(result, parts)
    return parts


def test_bars_stop_at_the_edge_of_the_picture_and_a_note_counts_them():
    low, high = GRADIENTS
    norms = np.array([0.0, 1e-3, 1e12, 1e-20])
    result = Gradients(4, 1.0, "ReLU", "none", norms, np.ones(4), np.zeros(4), loss=2.3)
    parts = drawn(result)
    bottoms, tops = zip(
        *((path.vertices[:, 1].min(), path.vertices[:, 1].max())
          for path in parts.columns.get_paths()),
        strict=True,
    )  # fmt: skip
    assert bottoms == (low,) * 4 and tops == (low, 1e-3, high, low)
    assert parts.below.get_text() == "before any learning; loss 2.3; 3 outside the picture"
    assert list(parts.trend.get_xdata()) == [1, 4]
    assert drawn(LAB.run()).below.get_text().endswith(f"loss {number(LAB.run().loss)}")


def test_no_setting_draws_the_axes_again():
    stage = Stage(LAB, density=0.5)
    for chosen in ({}, {"depth": 20}, {"scale": 10.0}, {"activation": "ReLU"}, {"remedy": "both"}):
        stage.png(LAB.run(**chosen))
    assert stage.full_draws == 1
