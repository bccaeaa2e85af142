"""Early stopping against a plain restatement of its rule; shifts against slices."""

import math

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

import d2lhelpers as d2l


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


# ---- Early stopping ------------------------------------------------------------------------------


def run(values, patience, **options):
    """Feed values until it stops; the step at which it did (None: never) and the stopper."""
    stopper, weight = d2l.EarlyStopping(patience, **options), torch.zeros(2)
    for step, value in enumerate(values, 1):
        weight.fill_(step)
        if stopper.step(value, [weight]):
            return step, stopper, weight
    return None, stopper, weight


def rule(values, patience, min_delta, mode):
    """What the docstring says, from the whole list at each step: (stop or None, best, its step)."""
    best, best_step = math.inf if mode == "min" else -math.inf, 0
    for step, value in enumerate(values, 1):
        gain = best - value if mode == "min" else value - best
        if gain > min_delta:
            best, best_step = value, step
        if step - best_step >= patience:
            return step, best, best_step
    return None, best, best_step


WHOLE = st.integers(-8, 8).map(float)  # with many equal ones, and exact differences


@settings(max_examples=200)
@given(
    values=st.lists(st.one_of(WHOLE, st.just(math.nan)), min_size=1, max_size=25),
    patience=st.integers(1, 6),
    min_delta=st.sampled_from([0.0, 1.0, 2.5]),
    mode=st.sampled_from(["min", "max"]),
)
@example(values=[math.nan, math.nan], patience=2, min_delta=0.0, mode="min")
@example(values=[3.0, 3.0, 2.0, 1.0], patience=1, min_delta=0.0, mode="min")
def test_it_follows_the_rule_and_restores_what_was_best(values, patience, min_delta, mode):
    stop, stopper, weight = run(values, patience, min_delta=min_delta, mode=mode)
    assert (stop, stopper.best, stopper.best_step) == rule(values, patience, min_delta, mode)
    if stopper.best_step == 0:
        assert math.isinf(stopper.best)
        with pytest.raises(ValueError, match="nothing was kept"):
            stopper.restore([weight])
    else:
        stopper.restore([weight])
        assert weight.tolist() == [stopper.best_step] * 2


def test_max_is_min_of_the_negated_values():
    values = [0.5, 0.7, 0.7, 0.6, 0.8, 0.1, 0.2, 0.3]
    up, down = run(values, 3, mode="max"), run([-value for value in values], 3)
    assert up[0] == down[0] == 8
    assert (up[1].best, up[1].best_step) == (0.8, 5) == (-down[1].best, down[1].best_step)


def test_it_goes_on_saying_stop_until_there_is_a_better_value():
    stopper = d2l.EarlyStopping(2)
    told = [stopper.step(value, []) for value in (1.0, 2.0, 2.0, 2.0, 0.5, 0.6)]
    assert told == [False, False, True, True, False, False]


def test_infinite_values():
    assert run([math.inf, math.inf], 2)[0] == 2
    stop, stopper, _ = run([-math.inf, 0.0], 1)
    assert (stop, stopper.best) == (2, -math.inf)


def test_a_module_comes_back_with_its_buffers_in_place():
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    with torch.no_grad():
        net[0].weight.fill_(1.0)
        net[1].running_mean.fill_(7.0)
    kept = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    parameters = list(net.parameters())
    stopper = d2l.EarlyStopping(1)
    assert not stopper.step(1.0, net)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    net(torch.rand(4, 3, generator=seeded())).sum().backward()
    optimizer.step()
    with torch.no_grad():
        net[0].weight.fill_(-5.0)
    assert stopper.step(2.0, net)
    stopper.restore(net)
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, kept[name]), name
    # The same tensors, so that an optimizer that holds them goes on with them.
    assert all(new is old for new, old in zip(net.parameters(), parameters, strict=True))
    assert net[0].weight.requires_grad and net[0].weight.is_leaf


def test_what_is_kept_stays_apart_from_the_net_so_that_it_can_be_restored_again():
    stopper, weight = d2l.EarlyStopping(1), torch.ones(2)
    stopper.step(1.0, [weight])
    for _ in range(2):
        weight += 5  # training goes on, also after the first restore
        stopper.restore([weight])
        assert weight.tolist() == [1.0, 1.0]


def test_the_network_of_chapter_14_is_restored_through_its_tensors():
    net = d2l.Network([4, 3, 2], generator=seeded())
    tensors = net.weights + net.biases
    kept = [tensor.clone() for tensor in tensors]
    stopper = d2l.EarlyStopping(1, mode="max")
    stopper.step(0.9, tensors)
    X, y = torch.rand(10, 4, generator=seeded(1)), torch.arange(10) % 2
    net.fit(X, y, 2, 5, 1.0, generator=seeded(), progress=False)
    assert not torch.equal(net.weights[0], kept[0])
    stopper.restore(net.weights + net.biases)
    assert all(map(torch.equal, net.weights + net.biases, kept))


def test_tensors_may_come_from_an_iterator():
    net = nn.Linear(2, 1)
    stopper = d2l.EarlyStopping(1)
    stopper.step(1.0, net.parameters())
    before = net.weight.detach().clone()
    with torch.no_grad():
        net.weight += 1
    stopper.restore(net.parameters())
    assert torch.equal(net.weight, before)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: d2l.EarlyStopping(0), ValueError, "patience must be at least 1, got 0"),
        (lambda: d2l.EarlyStopping(2.0), TypeError, "patience must be an int, got float"),
        (
            lambda: d2l.EarlyStopping(1, min_delta=-0.1),
            ValueError,
            "0 or more and mode .*, got -0.1 and",
        ),
        (
            lambda: d2l.EarlyStopping(1, min_delta=math.nan),
            ValueError,
            "0 or more and mode .*, got nan and",
        ),
        (lambda: d2l.EarlyStopping(1, min_delta="0"), TypeError, "min_delta must be a number"),
        (
            lambda: d2l.EarlyStopping(1, mode="lowest"),
            ValueError,
            "'min' or 'max', got 0.0 and 'lowest'",
        ),
        (lambda: d2l.EarlyStopping(1).step(torch.tensor(1.0), []), TypeError, "got Tensor"),
        (lambda: d2l.EarlyStopping(1).step(1.0, [1.0]), TypeError, "tensor 0 must be a torch.T"),
    ],
)
def test_wrong_arguments_are_named(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_another_net_than_the_one_kept_is_refused_and_left_alone():
    stopper = d2l.EarlyStopping(1)
    stopper.step(1.0, nn.Linear(3, 2))
    other = nn.Linear(2, 2)
    before = other.weight.detach().clone()
    with pytest.raises(ValueError, match="of another net"):
        stopper.restore(other)
    assert torch.equal(other.weight, before)


# ---- Shifts --------------------------------------------------------------------------------------


def moved(image, down, right, fill=0.0):
    """One image (C, H, W), moved pixel by pixel."""
    result = torch.full_like(image, fill)
    _, height, width = image.shape
    for i in range(height):
        for j in range(width):
            if 0 <= i - down < height and 0 <= j - right < width:
                result[:, i, j] = image[:, i - down, j - right]
    return result


@settings(max_examples=30, deadline=None)
@given(
    height=st.integers(1, 5),
    width=st.integers(1, 5),
    max_shift=st.integers(0, 4),
    seed=st.integers(0, 1000),
    gray=st.booleans(),
    dtype=st.sampled_from([torch.uint8, torch.float32, torch.float64]),
)
def test_each_image_is_one_of_its_own_shifts(height, width, max_shift, seed, gray, dtype):
    shape = (4, height, width) if gray else (4, 2, height, width)
    images = torch.randint(1, 200, shape, generator=seeded(seed)).to(dtype)
    if max_shift >= min(height, width):
        with pytest.raises(ValueError, match=f"shift by {max_shift} may leave nothing"):
            d2l.random_shift(images, max_shift)
        return
    before = images.clone()
    shifted = d2l.random_shift(images, max_shift, fill=250, generator=seeded(seed))
    assert shifted.shape == images.shape and shifted.dtype == dtype
    assert torch.equal(images, before) and shifted.data_ptr() != images.data_ptr()
    span = range(-max_shift, max_shift + 1)
    for old, new in zip(images, shifted, strict=True):
        old, new = (image.reshape(-1, height, width) for image in (old, new))
        ways = [moved(old, down, right, 250) for down in span for right in span]
        assert any(torch.equal(new, way) for way in ways)


def test_all_shifts_are_equally_likely_and_each_image_has_its_own():
    images = torch.zeros(18_000, 5, 5)
    images[:, 2, 2] = 1
    mean = d2l.random_shift(images, 1, generator=seeded()).mean(0)
    expected = torch.zeros(5, 5)
    expected[1:4, 1:4] = 1 / 9
    assert torch.allclose(mean, expected, atol=0.01)


def test_a_seed_gives_the_same_shifts_again_and_in_other_shapes():
    images = torch.rand(20, 6, 6, generator=seeded())
    first = d2l.random_shift(images, 2, generator=seeded(5))
    assert torch.equal(first, d2l.random_shift(images, 2, generator=seeded(5)))
    assert torch.equal(first, d2l.random_shift(images[:, None], 2, generator=seeded(5))[:, 0])
    assert not torch.equal(first, d2l.random_shift(images, 2, generator=seeded(6)))


@pytest.mark.parametrize("device", ["meta"] + ["cuda"] * torch.cuda.is_available())
def test_other_devices_with_a_generator_for_the_cpu(device):
    images = torch.rand(9, 1, 4, 4, generator=seeded())
    shifted = d2l.random_shift(images.to(device), 1, generator=seeded(1))
    assert shifted.device.type == device and shifted.shape == images.shape
    if device == "cuda":
        assert torch.equal(shifted.cpu(), d2l.random_shift(images, 1, generator=seeded(1)))


def test_no_shift_and_no_images():
    images = torch.rand(3, 2, 2, generator=seeded())
    still = d2l.random_shift(images, 0)
    assert torch.equal(still, images)
    assert d2l.random_shift(torch.zeros(0, 4, 4), 1).shape == (0, 4, 4)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        (([[1.0]], 1), {}, TypeError, "images must be a torch.Tensor, got list"),
        ((torch.zeros(2, 64), 1), {}, ValueError, r"shape \(2, 64\), wanted \(n, H, W\) or"),
        ((torch.zeros(2, 4, 4), -1), {}, ValueError, "max_shift must be at least 0, got -1"),
        ((torch.zeros(2, 4, 4), 1.0), {}, TypeError, "max_shift must be an int, got float"),
        ((torch.zeros(2, 4, 4), 0.0), {}, TypeError, "max_shift must be an int, got float"),
        ((torch.zeros(2, 4, 4), False), {}, TypeError, "max_shift must be an int, got bool"),
        ((torch.zeros(2, 4, 4), 4), {}, ValueError, "shift by 4 may leave nothing"),
        ((torch.zeros(2, 4, 4, dtype=torch.int64), 1), {}, TypeError, "uint8 or floating"),
        ((torch.zeros(2, 4, 4, dtype=torch.uint8), 1), {"fill": 0.5}, ValueError, "whole number"),
        ((torch.zeros(2, 4, 4), 1), {"generator": 3}, TypeError, "torch.Generator, got int"),
    ],
)
def test_wrong_images_and_shifts_are_named(arguments, options, error, words):
    with pytest.raises(error, match=words):
        d2l.random_shift(*arguments, **options)
