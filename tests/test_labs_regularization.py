"""Lab of chapter 16: the training in single precision against autograd in double precision."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings

from d2lhelpers.labs import Regularization
from d2lhelpers.labs import regularization as module
from d2lhelpers.labs.regularization import (
    EVERY,
    HIDDEN,
    LEARNING_RATE,
    UPDATES,
    all_digits,
    batches,
    digits,
    start,
)
from d2lhelpers.labs.stage import Stage
from tests.lab_sentences import is_one_sentence
from tests.lab_settings import check_words_and_picture, settings_of

LAB = Regularization()
STAGE = Stage(LAB, density=0.5)
ANY = settings_of(LAB)
CURVES = ("training_cost", "training_accuracy", "cost", "accuracy")


def train_with_autograd(updates, examples, lam, dropout, wrong, seed):
    """The same training the plain way, in float64, on the cost with its penalty."""
    data = digits(examples, wrong, seed)
    X, X_val = (torch.tensor(part, dtype=torch.float64) for part in (data.X, data.X_val))
    y, y_val = torch.tensor(data.y), torch.tensor(data.y_val)
    params = [torch.tensor(p, dtype=torch.float64, requires_grad=True) for p in start(seed)]
    W1, b1, W2, b2 = params
    rng = np.random.default_rng([seed, 3])
    for rows in torch.tensor(batches(examples, seed)[:updates]):
        H = torch.relu(X[rows] @ W1 + b1)
        if dropout:
            kept = torch.tensor(rng.random(tuple(H.shape), dtype=np.float32) >= dropout)
            H = H * kept / (1 - dropout)
        loss = torch.nn.functional.cross_entropy(H @ W2 + b2, y[rows])
        loss = loss + lam / (2 * examples) * (W1.square().sum() + W2.square().sum())
        grads = torch.autograd.grad(loss, params)
        with torch.no_grad():
            for param, grad in zip(params, grads, strict=True):
                param -= LEARNING_RATE * grad
    found = []
    with torch.no_grad():
        for images, labels in ((X[:300], y[:300]), (X_val, y_val)):
            logits = torch.relu(images @ W1 + b1) @ W2 + b2
            found.append(torch.nn.functional.cross_entropy(logits, labels).item())
            found.append((logits.argmax(1) == labels).double().mean().item())
    return found


@pytest.mark.parametrize(
    "chosen",
    [
        {"examples": 100, "lam": 0.0, "dropout": 0.0, "wrong": 20, "seed": 1},
        {"examples": 20, "lam": 2.0, "dropout": 0.5, "wrong": 0, "seed": 0},
        {"examples": 800, "lam": 20.0, "dropout": 0.3, "wrong": 40, "seed": 7},
        {"examples": 133, "lam": 0.5, "dropout": 0.0, "wrong": 10, "seed": 4},
    ],
)
def test_equals_autograd_on_the_penalized_cost(chosen):
    result = LAB.run(**chosen)
    for updates in (EVERY, 3 * EVERY):  # later on, rounding has grown too far for a comparison
        place = updates // EVERY
        found = [float(getattr(result, name)[place]) for name in CURVES]
        np.testing.assert_allclose(found, train_with_autograd(updates, **chosen), atol=0.011)
        costs = found[0], found[2]
        wanted = train_with_autograd(updates, **chosen)
        np.testing.assert_allclose(costs, (wanted[0], wanted[2]), rtol=1e-3)


@given(ANY)
@example({"examples": 20, "lam": 20.0, "dropout": 0.9, "wrong": 40, "seed": 0})
@example({"examples": 800, "lam": 0.0, "dropout": 0.0, "wrong": 0, "seed": 9})
@settings(max_examples=20, deadline=None)
def test_any_setting_is_computed_drawn_and_described(chosen):
    result, again = LAB.run(**chosen), LAB.run(**chosen)
    for name in CURVES:
        found = getattr(result, name)
        assert np.isfinite(found).all() and found.shape == result.updates.shape
        np.testing.assert_array_equal(found, getattr(again, name))
    assert result.lost or result.updates[-1] == UPDATES
    for name in ("training_accuracy", "accuracy"):
        assert getattr(result, name).min() >= 0 and getattr(result, name).max() <= 1
    check_words_and_picture(LAB, STAGE, result, again)


@pytest.mark.filterwarnings("error")
@given(ANY)
@settings(max_examples=10, deadline=None)
def test_simulate_itself_warns_of_nothing(chosen):
    for _ in LAB.simulate(**chosen):
        pass


def test_results_come_in_parts_that_grow_into_the_whole():
    parts = list(LAB.simulate())
    assert [len(part.cost) for part in parts] == [9, 17, 25, 26]
    for part in parts:
        np.testing.assert_array_equal(part.cost, parts[-1].cost[: len(part.cost)])
        assert is_one_sentence(LAB.describe(part))


def medians(name, **chosen):
    """The median of a curve's last value over the ten data sets."""
    return statistics.median(
        float(getattr(LAB.run(seed=seed, **chosen), name)[-1]) for seed in range(10)
    )


def test_what_the_chapter_says_holds_over_ten_data_sets():
    plain = medians("accuracy")
    assert medians("training_accuracy") > 0.97 > 0.8 > plain
    assert medians("accuracy", examples=400) > plain + 0.08
    assert medians("cost", lam=1.0) < medians("cost") - 0.1
    assert medians("cost", dropout=0.6) < medians("cost") - 0.1
    assert medians("accuracy", wrong=0) > plain + 0.08
    assert medians("training_accuracy", lam=20.0) < 0.6
    overfits = [LAB.run(seed=seed).overfits for seed in range(10)]
    assert overfits == [True] * 10


def test_sentences_name_the_verdict():
    assert "it overfits: the validation cost was lowest" in LAB.describe(LAB.run())
    assert "so much regularization forbids learning" in LAB.describe(LAB.run(lam=20.0, examples=20))
    calm = LAB.describe(LAB.run(examples=800, wrong=0, seed=9))
    assert calm.startswith("With 800 examples, λ = 0 and p = 0 the network answers")
    assert "has not risen clearly" in calm


def test_a_training_that_diverges_is_cut_off_told_and_drawn(monkeypatch):
    monkeypatch.setattr(module, "LEARNING_RATE", 1e4)
    result = LAB.run(dropout=0.5)
    assert result.lost and np.isfinite(result.cost).all()
    text = LAB.describe(result)
    assert is_one_sentence(text) and "the training diverged after" in text
    STAGE.png(result)
    assert STAGE._axes.head.get_text() == "diverged"


@pytest.mark.parametrize("place", range(4))
def test_a_measurement_that_is_no_number_ends_the_training(monkeypatch, place):
    measure = module._measure
    calls = []

    def broken(*args):
        calls.append(1)
        found = list(measure(*args))
        if len(calls) == 5:
            found[place] = float("nan")
        return tuple(found)

    monkeypatch.setattr(module, "_measure", broken)
    result = LAB.run()
    assert result.lost and len(calls) == 5
    assert all(np.isfinite(getattr(result, name)).all() for name in CURVES)


def test_digits_wrong_labels_and_batches_are_what_they_say():
    few, many = digits(100, 20, 3), digits(400, 20, 3)
    np.testing.assert_array_equal(few.X, many.X[:100])
    right = digits(100, 0, 3)
    np.testing.assert_array_equal(few.X, right.X)
    assert few.wrong.sum() == 20 and not right.wrong.any()
    np.testing.assert_array_equal(few.y != right.y, few.wrong)
    X, y, X_val, y_val = all_digits()
    assert X.shape == (1197, 64) and X.min() == 0 and X.max() == 1
    assert all((row == X).all(axis=1).any() for row in few.X[:5])
    np.testing.assert_array_equal(few.y_val, y_val)
    with pytest.raises(ValueError, match="read-only"):
        few.X[0, 0] = 1.0
    rows = batches(150, 0)
    assert rows.shape == (UPDATES, 100)
    assert (np.bincount(rows.ravel()[:300], minlength=150) == 2).all()
    assert batches(20, 0).shape == (UPDATES, 20)
    assert start(0)[0].shape == (64, HIDDEN)


def test_lines_move_over_a_kept_background_until_the_cost_leaves_the_axis():
    lab = Regularization()
    lab.snapshot()
    draws = lab._stage.full_draws
    for lam in (0.1, 1.0, 10.0):
        lab.snapshot(lam=lam, dropout=0.3, wrong=10)
    assert lab._stage.full_draws == draws
    lab.snapshot(examples=20, wrong=40)
    assert lab._stage.full_draws == draws + 1
