"""Lab of chapter 08: the fast training loop against autograd, closed form and theory."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from d2lhelpers.labs import LearningRateAndBatchSize
from d2lhelpers.labs.learning_rate_and_batch_size import (
    EXAMPLES,
    UPDATES_PER_RESULT,
    regression_data,
    start_and_orders,
)
from d2lhelpers.labs.stage import Stage
from tests.lab_sentences import is_one_sentence
from tests.lab_settings import check_words_and_picture, settings_of

LAB = LearningRateAndBatchSize()
STAGE = Stage(LAB, density=0.5)
ANY = settings_of(LAB)


def train_with_autograd(learning_rate, batch_size, epochs, noise, features, seed):
    """The same training the plain way: shuffled batches, autograd, a step; float64."""
    data = regression_data(features, noise, seed)
    X, y = torch.tensor(data.X[:, :features]), torch.tensor(data.y)
    start, orders = start_and_orders(features, epochs, seed)
    w = torch.tensor(start[:features], dtype=torch.float64, requires_grad=True)
    b = torch.tensor(start[2], dtype=torch.float64, requires_grad=True)

    def training_loss():
        with torch.no_grad():
            return float(((X @ w + b - y) ** 2).mean() / 2)

    losses = [training_loss()]
    for order in torch.tensor(orders):
        for batch in order.split(batch_size):
            loss = ((X[batch] @ w + b - y[batch]) ** 2 / 2).mean()
            loss.backward()
            with torch.no_grad():
                for parameter in (w, b):
                    parameter -= learning_rate * parameter.grad
                    parameter.grad.zero_()
            losses.append(training_loss())
    weights = w.detach().tolist() + [0.0] * (2 - features)
    return np.array([*weights, b.item()]), np.array(losses)


@pytest.mark.parametrize(
    "chosen",
    [
        {"learning_rate": 0.03, "batch_size": 10, "epochs": 3, "noise": 0.01, "features": 2},
        {"learning_rate": 0.1, "batch_size": 64, "epochs": 2, "noise": 0.5, "features": 1},
        {"learning_rate": 0.5, "batch_size": 1000, "epochs": 5, "noise": 2.0, "features": 2},
        {"learning_rate": 0.01, "batch_size": 1, "epochs": 1, "noise": 0.1, "features": 1},
        {"learning_rate": 0.05, "batch_size": 333, "epochs": 4, "noise": 0.0, "features": 2},
    ],
)
def test_equals_autograd_with_a_short_last_batch_too(chosen):
    result = LAB.run(seed=3, **chosen)
    theta, losses = train_with_autograd(seed=3, **chosen)
    np.testing.assert_allclose(result.theta[-1], theta, atol=1e-6)
    assert result.updates == len(losses) - 1
    shown = np.linspace(0, result.updates, len(result.loss)).round().astype(int)
    np.testing.assert_allclose(result.loss, losses[shown], rtol=1e-6, atol=1e-12)


@given(ANY)
@settings(max_examples=40, deadline=None)
def test_any_setting_is_computed_drawn_and_described(chosen):
    result, again = LAB.run(**chosen), LAB.run(**chosen)
    np.testing.assert_array_equal(result.theta, again.theta)
    assert result.loss.shape == result.seen.shape == (len(result.theta),)
    assert result.lost or result.updates == result.planned
    assert result.planned == chosen["epochs"] * -(-EXAMPLES // chosen["batch_size"])
    check_words_and_picture(LAB, STAGE, result, again)


@pytest.mark.filterwarnings("error")
@given(ANY)
@settings(max_examples=25, deadline=None)
def test_simulate_itself_warns_of_nothing(chosen):
    for _ in LAB.simulate(**chosen):
        pass


def test_the_book_s_setting_reaches_the_noise_floor_and_the_parameters():
    result = LAB.run(learning_rate=0.03, batch_size=10, epochs=3, noise=0.01, features=2)
    assert result.updates == 300
    assert result.loss[-1] == pytest.approx(5e-5, rel=0.1)
    assert result.error < 1e-3
    np.testing.assert_array_equal(result.data.theta, [2.0, -3.4, 4.2])
    assert "at the noise floor σ²/2 = 0.00005" in LAB.describe(result)


def test_full_batch_approaches_least_squares():
    result = LAB.run(learning_rate=1.0, batch_size=1000, epochs=20, noise=0.5, features=2)
    data = result.data
    best = torch.linalg.lstsq(torch.tensor(data.X), torch.tensor(data.y).unsqueeze(1)).solution
    np.testing.assert_allclose(data.best, best.squeeze(1), atol=1e-10)
    np.testing.assert_allclose(result.theta[-1], data.best, atol=1e-6)
    assert result.loss[-1] == pytest.approx(data.floor)


@pytest.mark.parametrize("features", [1, 2])
def test_full_batch_diverges_exactly_above_two_over_lambda_max(features):
    limit = LAB.run(features=features).limit
    common = {"features": features, "batch_size": 1000, "epochs": 20, "noise": 0.1}
    below, above = (
        LAB.run(learning_rate=0.95 * limit, **common),
        LAB.run(learning_rate=3.0, **common),
    )
    assert below.loss[-1] < below.loss[0]
    assert above.loss[-1] > above.loss[0]
    assert limit < 3.0
    assert "above" in LAB.describe(above) or "diverges" in LAB.describe(above)


@pytest.mark.parametrize("batch_size", [1, 10, 1000])
def test_divergence_is_cut_off_described_and_drawn(batch_size):
    result = LAB.run(learning_rate=3.0, batch_size=batch_size, epochs=20)
    assert np.isfinite(result.theta).all()
    text = LAB.describe(result)
    if result.lost:
        assert text.startswith("Diverged: after")
        assert f"of {result.planned:,}" in text
    LAB._stage.png(result)
    assert LAB._stage._axes.gone.get_text() == ("diverged" if result.lost else "")
    assert np.abs(LAB._stage._axes.path.get_data()).max() <= 1e4


def test_predictions_outside_the_picture_are_told():
    for rate, words in ((3.0, "predictions far outside"), (0.03, "")):
        STAGE.png(LAB.run(learning_rate=rate, features=2))
        assert STAGE._axes.far.get_text() == words


def test_small_batches_diverge_at_rates_that_the_full_batch_bears():
    small = LAB.run(learning_rate=1.2, batch_size=1, epochs=3, features=2)
    full = LAB.run(learning_rate=1.2, batch_size=1000, epochs=3, features=2)
    assert small.lost
    assert not full.lost
    assert "although the full batch would bear" in LAB.describe(small)


def test_20000_updates_come_in_parts_that_grow_into_the_whole():
    parts = list(LAB.simulate(batch_size=1, epochs=20, learning_rate=0.003))
    assert [part.updates for part in parts] == list(range(2000, 20001, UPDATES_PER_RESULT))
    assert parts[-1].planned == parts[-1].updates
    assert all(len(part.theta) <= 1500 for part in parts)
    assert is_one_sentence(LAB.describe(parts[0]))
    assert "2 of 20 epochs" in LAB.describe(parts[0])


def test_noise_moves_the_labels_and_nothing_else():
    quiet, loud = regression_data(2, 0.0, 5), regression_data(2, 1.0, 5)
    np.testing.assert_array_equal(quiet.X, loud.X)
    np.testing.assert_allclose(quiet.y, quiet.X @ quiet.theta)
    assert np.std(loud.y - quiet.y) == pytest.approx(1.0, rel=0.1)
    with pytest.raises(ValueError, match="read-only"):
        quiet.X[0, 0] = 1.0


def test_lines_move_over_a_kept_background_until_epochs_or_features_change():
    lab = LearningRateAndBatchSize()
    lab.snapshot()
    draws = lab._stage.full_draws
    for rate in (1e-4, 0.1, 3.0):
        lab.snapshot(learning_rate=rate, batch_size=50, seed=4)
    assert lab._stage.full_draws == draws
    lab.snapshot(features=2)
    assert lab._stage.full_draws == draws + 1


def test_time_taken_is_said_in_the_live_lab_and_kept_out_of_the_stored_sentence():
    lab = LearningRateAndBatchSize()
    data, _ = lab._repr_mimebundle_()
    assert "Computed in" in lab.view.sentence.value
    assert " ms" not in data["text/plain"]
    assert data["text/plain"] == LearningRateAndBatchSize()._repr_mimebundle_()[0]["text/plain"]
    lab.close()
