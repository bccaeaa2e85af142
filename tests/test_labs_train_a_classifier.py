"""The lab of chapter 24 against torch's own optimizer; steered, diverged, and in company."""

from __future__ import annotations

import asyncio
import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from d2lhelpers.labs import TrainAClassifier, live_run
from d2lhelpers.labs import train_a_classifier as module
from d2lhelpers.labs.stage import Stage
from d2lhelpers.labs.train_a_classifier import (
    CHECKS_PER_EPOCH,
    CONNECTED,
    CONVOLUTIONAL,
    digits,
    make_network,
    shown_marks,
)
from tests.lab_settings import check_words_and_picture, settings_of, values_of

LAB = TrainAClassifier()
STAGE = Stage(LAB, density=0.5)
SIZE = 1197
CURVES = ("rates", "batches", "place", "loss", "checked", "accuracy")


def same(one, other) -> bool:
    return all(np.array_equal(getattr(one, n), getattr(other, n)) for n in CURVES) and (
        (one.lost, one.network, one.epochs) == (other.lost, other.network, other.epochs)
    )


@pytest.fixture
def live(monkeypatch):
    """A live lab that trains as fast as it can, in short stretches."""
    monkeypatch.setattr(module, "EPOCHS_PER_SECOND", 1e9)
    monkeypatch.setattr(live_run, "STRETCH", 0.001)
    lab = TrainAClassifier()
    yield lab
    lab.close()


async def until(condition):
    while not condition():
        await asyncio.sleep(0.001)


@given(
    settings_of(LAB, without=["epochs", "batch_size"]),
    st.integers(1, 3),
    values_of(LAB.controls["batch_size"]).filter(lambda size: size >= 32),
)
@settings(max_examples=15, deadline=None)
def test_any_setting_is_computed_drawn_and_described(chosen, epochs, batch_size):
    chosen |= {"epochs": epochs, "batch_size": batch_size}
    result, again = LAB.run(**chosen), LAB.run(**chosen)
    assert same(result, again)
    assert (result.accuracy >= 0).all() and (result.accuracy <= 1).all()
    assert len(result.rates) == len(result.batches) == len(result.place) == len(result.loss)
    assert len(result.checked) == len(result.accuracy)
    assert result.checked[0] == 0.0 and (np.diff(result.checked) > 0).all()
    if not result.lost:
        assert len(result.loss) == epochs * math.ceil(SIZE / batch_size)
        assert result.place[-1] == result.checked[-1] == epochs
    check_words_and_picture(LAB, STAGE, result, again)


@pytest.mark.parametrize("network", [CONVOLUTIONAL, CONNECTED])
@pytest.mark.parametrize("batch_size", [64, 100])
def test_equals_the_optimizer_of_torch(network, batch_size):
    result = LAB.run(network=network, batch_size=batch_size, epochs=2, learning_rate=0.1, seed=3)
    data = digits()
    net = make_network(network, 3)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=module.MOMENTUM)
    generator = torch.Generator().manual_seed(3)
    losses, accuracies = [], []
    for _ in range(2):
        for rows in torch.randperm(SIZE, generator=generator).split(batch_size):
            loss = nn.functional.cross_entropy(net(data.X[rows]), data.y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        with torch.no_grad():
            right = net(data.X_val).argmax(1) == data.y_val
        accuracies.append(right.double().mean().item())
    np.testing.assert_allclose(result.loss, losses, rtol=1e-3)
    np.testing.assert_allclose(
        result.accuracy[CHECKS_PER_EPOCH::CHECKS_PER_EPOCH], accuracies, atol=2 / 300
    )


def test_networks_and_data_are_what_they_say():
    data = digits()
    assert data.X.shape == (SIZE, 1, 8, 8) and data.X_val.shape == (300, 1, 8, 8)
    assert (data.X.min(), data.X.max()) == (0, 1)
    assert LAB.begin().result().parameters == 8 * 10 + 10 * 129
    assert LAB.begin(network=CONNECTED).result().parameters == 32 * 65 + 10 * 33
    for kind in (CONVOLUTIONAL, CONNECTED):
        assert make_network(kind, 0)(data.X_val[:7]).shape == (7, 10)
    one, other = (make_network(CONNECTED, seed)[1].weight for seed in (0, 1))
    assert not torch.equal(one, other)


def test_the_reader_s_random_numbers_and_threads_stay_as_they_are():
    before = torch.get_rng_state()
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        LAB.run(epochs=1, batch_size=256)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_default_learns_and_the_sentence_says_so():
    result = LAB.run()
    assert result.accuracy[-1] > 0.93
    assert result.smooth[-1] < 0.1
    assert LAB.describe(result).startswith("After 12 epochs (456 updates) the training loss is 0.0")
    assert "learning rate 0.05, batch size 32, convolutional network with 1,370" in LAB.describe(
        result
    )
    first = LAB.describe(LAB.begin(epochs=1, network=CONNECTED).result())
    assert first.startswith("Not trained yet: the fully connected network with 2,410 parameters")
    assert "Start gives it 1 epoch with learning rate 0.05 and batch size 32." in first


def test_the_smoothed_loss_is_the_mean_of_the_last_quarter_epoch():
    result = LAB.run(epochs=2, batch_size=50)
    for k in (0, 3, 11, 30, len(result.loss) - 1):
        last = result.loss[: k + 1][result.place[: k + 1] >= result.place[k] - 0.25 + 1e-9]
        assert result.smooth[k] == pytest.approx(last.mean())


def test_steps_too_large_kill_the_relus_and_the_training_ends_by_itself():
    result = LAB.run(learning_rate=2.0, batch_size=16)
    assert result.lost == "dead"
    assert len(result.loss) < 100, "not one step more than until the next check"
    assert result.accuracy[-1] < 0.2
    text = LAB.describe(result)
    assert text.startswith("Diverged after ") and "no ReLU answers" in text
    assert "learning rate 2, batch size 16" in text
    # What is dead stays dead: the hidden layer gets no gradient at all.
    training = LAB.begin(learning_rate=2.0, batch_size=16)
    while not training.over:
        training.step()
    data = digits()
    loss = nn.functional.cross_entropy(training._net(data.X_val), data.y_val)
    gradients = torch.autograd.grad(loss, list(training._net.parameters()))
    assert not gradients[0].any() and not gradients[1].any()


@pytest.mark.parametrize("bad", [math.nan, math.inf, 1e9])
def test_a_loss_that_is_no_number_ends_the_training_and_is_drawn(bad):
    training = LAB.begin()
    for _ in range(5):
        training.step()
    with torch.no_grad():
        training._params[-1].fill_(0.0)
        training._params[-1][0] = bad
    training.step()
    assert training.over and training.done < 0.02
    result = training.result()
    assert result.lost == "large"
    text = check_words_and_picture(LAB, STAGE, result, training.result())
    assert text.startswith("Diverged after 6 updates: the loss of a batch passed 1,000 or was no")


def test_a_live_training_that_nobody_touches_ends_as_simulate(live):
    async def main():
        live.set(epochs=2, batch_size=48)
        live.start()
        await live.view.settled()

    asyncio.run(main())
    assert same(live.result, live.simulate(epochs=2, batch_size=48))


def test_start_stop_continue_trains_the_same_network_on(live):
    async def main():
        live.set(epochs=3)
        live.start()
        await until(lambda: live.view._steps >= 7)
        live.stop()
        stopped = len(live.result.loss)
        assert f"After {live.result.place[-1]:.1f} of 3 epochs ({stopped} updates)" in (
            live.view.sentence.value
        )
        await asyncio.sleep(0.02)
        assert live.view._steps == stopped
        live.resume()
        await live.view.settled()
        assert same(live.result, live.simulate(epochs=3))

    asyncio.run(main())


def test_learning_rate_and_batch_size_change_in_flight(live):
    async def main():
        live.set(epochs=2, learning_rate=0.1)
        live.start()
        await until(lambda: live.view._steps >= 5)
        turned = live.view._steps
        live.view.controls["learning_rate"].value = 0.01
        await until(lambda: live.view._steps >= turned + 5)
        again = live.view._steps
        live.view.controls["batch_size"].value = 64
        await live.view.settled()
        return turned, again

    turned, again = asyncio.run(main())
    result = live.result
    assert result.changes == [turned, again]
    assert result.rates.tolist() == [0.1] * turned + [0.01] * (len(result.rates) - turned)
    assert set(result.batches[:again]) == {32} and set(result.batches[again:]) == {64}
    assert result.place[-1] == 2.0, "every epoch still goes through all examples once"
    assert "learning rate 0.01, batch size 64 (at first 0.1 and 32)" in LAB.describe(result)
    same_start = LAB.run(epochs=2, learning_rate=0.1)
    np.testing.assert_array_equal(result.loss[: turned + 1], same_start.loss[: turned + 1])
    assert [text for _, text in shown_marks(result, 0.0)] == ["η = 0.01", "batch 64"]
    assert [place for place, _ in shown_marks(result, 0.0)] == [
        result.place[turned - 1],
        result.place[again - 1],
    ]
    # Two changes as close as those of a drag count as one.
    assert [text for _, text in shown_marks(result, 9.0)] == ["η = 0.01, batch 64"]


def test_a_change_that_is_taken_back_within_a_drag_leaves_no_mark():
    training = LAB.begin(epochs=1)
    for rate in (0.05, 0.06, 0.08, 0.05, 0.05):
        training.steer(learning_rate=rate, batch_size=32, epochs=1)
        training.step()
    assert len(training.result().changes) == 3
    assert shown_marks(training.result(), 0.2) == []


def test_another_network_begins_anew_and_the_curve_before_turns_grey(live):
    async def main():
        live.set(epochs=1)
        live.start()
        await live.view.settled()
        live.view.controls["network"].value = CONNECTED
        assert not live.running
        assert live.view.sentence.value.count("Not trained yet: the fully connected")
        live.start()
        await live.view.settled()

    asyncio.run(main())
    assert same(live.result, LAB.run(epochs=1, network=CONNECTED))
    assert same(live.result.before, LAB.run(epochs=1))
    assert live.result.before.before is None, "a chain of all trainings would only grow"
    live._stage.png(live.result)
    drawn = live._stage._axes.accuracy_before.get_ydata()
    np.testing.assert_array_equal(drawn, live.result.before.accuracy)


def test_two_labs_one_training_at_a_time(live):
    async def main():
        second = TrainAClassifier()
        try:
            second.set(epochs=1)
            live.start()
            await until(lambda: live.view._steps >= 3)
            second.start()
            assert second.running and not live.running
            stopped = live.view._steps
            await second.view.settled()
            assert live.view._steps == stopped
            assert same(second.result, LAB.run(epochs=1))
        finally:
            second.close()

    asyncio.run(main())


def test_the_live_lab_trains_at_most_four_epochs_a_second():
    training = LAB.begin(batch_size=100)
    for _ in range(6):
        training.step()
    assert training.due == pytest.approx(600 / SIZE / 4)


def test_only_the_number_of_epochs_draws_everything():
    training = LAB.begin(epochs=3)
    STAGE.png(training.result())
    draws = STAGE.full_draws
    for _ in range(12):
        training.step()
        STAGE.png(training.result())
    training.steer(learning_rate=0.01, batch_size=8, epochs=3)
    training.step()
    STAGE.png(training.result())
    assert STAGE.full_draws == draws
    training.steer(learning_rate=0.01, batch_size=8, epochs=4)
    STAGE.png(training.result())
    assert STAGE.full_draws == draws + 1


def test_curves_are_thinned_and_results_do_not_grow_later():
    training = LAB.begin(batch_size=8, epochs=5)
    for _ in range(30):
        training.step()
    early = training.result()
    for _ in range(670):
        training.step()
    assert len(early.loss) == 30
    STAGE.png(training.result())
    places = STAGE._axes.loss.get_xdata()
    assert len(places) <= module.DRAWN_POINTS
    assert places[-1] == training.result().place[-1]
    assert all(a < b for a, b in pairwise(places))
