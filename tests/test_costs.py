"""The helpers of chapter 15: values, properties, bad input, PyTorch and d2l as references."""

import math

import pytest
import torch
from d2l import torch as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

import d2lhelpers as d2l

SIZES = st.floats(-200, 200)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def random_logits(n, k, size, seed):
    return size * torch.randn(n, k, generator=seeded(seed), dtype=torch.float64)


def one_hot(y, k):
    return torch.eye(k, dtype=torch.float64)[y]


# softmax


def test_softmax_by_hand():
    X = torch.tensor([[math.log(6), math.log(3), 0.0], [5.0, 5.0, 5.0]])
    wanted = torch.tensor([[0.6, 0.3, 0.1], [1 / 3] * 3])
    torch.testing.assert_close(d2l.softmax(X), wanted)


@settings(deadline=None)
@given(
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    size=st.sampled_from([1e-3, 1.0, 30.0, 1e4]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    seed=st.integers(0, 99),
)
def test_softmax_is_that_of_pytorch(shape, size, dtype, seed):
    X = size * torch.randn(shape, generator=seeded(seed), dtype=dtype)
    kept, found = X.clone(), d2l.softmax(X)
    torch.testing.assert_close(found, functional.softmax(X, -1))
    assert torch.equal(X, kept) and found.dtype == dtype


@given(n=st.integers(1, 4), rows=st.integers(1, 4), k=st.integers(1, 5), seed=st.integers(0, 99))
def test_softmax_is_that_of_d2l(n, rows, k, seed):
    X = torch.randn(n, rows, k, generator=seeded(seed))
    torch.testing.assert_close(d2l.softmax(X), reference.masked_softmax(X, None))


@given(k=st.integers(1, 8), shift=SIZES, size=st.sampled_from([1.0, 1e3]), seed=st.integers(0, 99))
def test_softmax_gives_probabilities_keeps_the_order_and_ignores_a_shift(k, shift, size, seed):
    X = random_logits(3, k, size, seed)
    found = d2l.softmax(X)
    assert (found >= 0).all() and (found <= 1).all()
    torch.testing.assert_close(found.sum(1), torch.ones(3, dtype=torch.float64))
    torch.testing.assert_close(d2l.softmax(X + shift), found, rtol=1e-9, atol=1e-12)
    assert torch.equal(found.argmax(1), X.argmax(1))


@given(a=SIZES, b=SIZES)
def test_softmax_of_two_is_the_sigmoid_of_the_difference(a, b):
    found = d2l.softmax(torch.tensor([a, b], dtype=torch.float64))
    wanted = torch.sigmoid(torch.tensor(a - b, dtype=torch.float64))
    torch.testing.assert_close(found[0], wanted, rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize("high", [1e3, 1e30, -1e30])
def test_softmax_does_not_overflow(high):
    found = d2l.softmax(torch.tensor([[high, high, -1e38]]))
    torch.testing.assert_close(found, torch.tensor([[0.5, 0.5, 0.0]]))


def test_softmax_of_infinities_and_nan():
    inf, nan = math.inf, math.nan
    X = torch.tensor([[0.0, -inf], [inf, 0.0], [nan, 0.0], [-inf, -inf], [1.0, 1.0]])
    found = d2l.softmax(X)
    assert found[0].tolist() == [1.0, 0.0] and found[4].tolist() == [0.5, 0.5]
    assert found[1:4].isnan().any(1).all()
    assert torch.equal(found.isnan(), functional.softmax(X, 1).isnan())


def test_softmax_of_no_examples():
    assert d2l.softmax(torch.zeros(0, 3)).shape == (0, 3)


def test_autograd_goes_through_softmax():
    X = random_logits(3, 4, 1.0, 1).requires_grad_()
    assert torch.autograd.gradcheck(d2l.softmax, X)
    tied = torch.tensor([[2.0, 2.0, 1.0]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(d2l.softmax, tied)


@pytest.mark.parametrize(
    ("X", "error", "word"),
    [
        ([1.0, 2.0], TypeError, "X must be a torch.Tensor, got list"),
        (torch.tensor([1, 2]), TypeError, "X must be floating point, got torch.int64"),
        (torch.tensor(1.0), ValueError, r"X has shape \(\), wanted \(\.\.\., classes\)"),
        (torch.zeros(3, 0), ValueError, r"X has shape \(3, 0\)"),
    ],
)
def test_softmax_refuses(X, error, word):
    with pytest.raises(error, match=f"softmax: {word}"):
        d2l.softmax(X)


# cross_entropy


def test_cross_entropy_by_hand():
    y_hat = torch.tensor([[0.6, 0.3, 0.1], [0.2, 0.3, 0.5]])
    found = d2l.cross_entropy(y_hat, torch.tensor([1, 2]))
    torch.testing.assert_close(found, torch.tensor([-math.log(0.3), math.log(2)]))


@settings(deadline=None)
@given(
    n=st.integers(1, 8),
    k=st.integers(1, 6),
    kind=st.sampled_from([torch.int64, torch.int32, torch.uint8, torch.uint16]),
    seed=st.integers(0, 99),
)
def test_cross_entropy_is_that_of_pytorch_and_d2l(n, k, kind, seed):
    logits = random_logits(n, k, 3.0, seed)
    y = torch.randint(k, (n,), generator=seeded(seed + 1))
    found = d2l.cross_entropy(d2l.softmax(logits), y.to(kind))
    assert found.shape == (n,)
    torch.testing.assert_close(found, functional.cross_entropy(logits, y, reduction="none"))
    # Each example as a sequence of one word, which is valid.
    masked = reference.MaskedSoftmaxCELoss()(logits[:, None], y[:, None], torch.ones(n))
    torch.testing.assert_close(found, masked)


@given(p=st.floats(0, 1), label=st.integers(0, 1))
def test_cross_entropy_of_two_classes_is_binary_cross_entropy(p, label):
    y_hat = torch.tensor([[1 - p, p]], dtype=torch.float64)
    found = d2l.cross_entropy(y_hat, torch.tensor([label])).item()
    share = p if label else 1 - p
    assert found == (math.inf if share == 0 else pytest.approx(-math.log(share), abs=1e-15))
    assert found >= 0


def test_a_probability_of_zero_costs_infinity_and_nan_stays_nan():
    y_hat = torch.tensor([[0.0, 1.0], [math.nan, 0.5], [0.5, 0.5]])
    found = d2l.cross_entropy(y_hat, torch.tensor([0, 0, 1]))
    assert found[0] == math.inf and found[1].isnan()
    assert found[2].item() == pytest.approx(math.log(2))


def test_a_nan_hides_no_logits_from_the_check():
    y_hat = torch.tensor([[math.nan, 0.5], [2.0, -7.0]])
    with pytest.raises(ValueError, match="y_hat holds 2, wanted 0 to 1"):
        d2l.cross_entropy(y_hat, torch.tensor([1, 0]))


def test_rounding_above_one_is_forgiven():
    above = 1 + torch.finfo(torch.float32).eps
    found = d2l.cross_entropy(torch.tensor([[above, 0.0]]), torch.tensor([0]))
    assert abs(found.item()) < 1e-6


@settings(deadline=None)
@given(n=st.integers(1, 5), k=st.integers(1, 5), seed=st.integers(0, 99))
def test_the_gradient_by_the_logits_is_a_minus_y(n, k, seed):
    logits = random_logits(n, k, 3.0, seed).requires_grad_()
    y = torch.randint(k, (n,), generator=seeded(seed + 1))
    d2l.cross_entropy(d2l.softmax(logits), y).sum().backward()
    wanted = d2l.softmax(logits.detach()) - one_hot(y, k)
    torch.testing.assert_close(logits.grad, wanted, rtol=1e-9, atol=1e-12)


def test_autograd_goes_through_cross_entropy():
    y_hat = torch.tensor([[0.6, 0.3, 0.1], [0.2, 0.3, 0.5]], dtype=torch.float64).requires_grad_()
    y = torch.tensor([1, 2])
    assert torch.autograd.gradcheck(lambda p: d2l.cross_entropy(p, y), y_hat)


GOOD = torch.tensor([[0.5, 0.5], [0.9, 0.1]])


@pytest.mark.parametrize(
    ("y_hat", "y", "error", "word"),
    [
        ([[0.5, 0.5]], torch.tensor([0]), TypeError, "y_hat must be a torch.Tensor, got list"),
        (GOOD, [0, 1], TypeError, "y must be a torch.Tensor, got list"),
        (GOOD[0], torch.tensor([0, 1]), ValueError, r"y_hat has shape \(2,\), wanted \(n, cl"),
        (GOOD, torch.tensor([0]), ValueError, "y_hat has 2, y has 1"),
        (GOOD, torch.eye(2), ValueError, r"y has shape \(2, 2\), wanted \(2,\)"),
        (GOOD[:0], torch.zeros(0, dtype=torch.int64), ValueError, "y_hat is empty"),
        (GOOD, torch.tensor([0.0, 1.0]), TypeError, "y integers, got torch.float32 and torch.fl"),
        (GOOD, torch.tensor([True, False]), TypeError, "y integers, got torch.float32 and torch.b"),
        (GOOD, torch.tensor([0j, 1j]), TypeError, "y integers, got torch.float32 and torch.c"),
        (GOOD.long(), torch.tensor([0, 1]), TypeError, "must be floating point, y integers, got"),
        (GOOD, torch.tensor([0, -1]), ValueError, "y has labels -1 to 0, wanted 0 to 1"),
        (GOOD, torch.tensor([1, 2]), ValueError, "y has labels 1 to 2, wanted 0 to 1"),
        (GOOD - 0.2, torch.tensor([0, 1]), ValueError, "holds -0.1, wanted 0 to 1; softmax"),
        (2 * GOOD, torch.tensor([0, 1]), ValueError, "y_hat holds 1.8, wanted 0 to 1"),
    ],
)
def test_cross_entropy_refuses(y_hat, y, error, word):
    with pytest.raises(error, match=f"cross_entropy: .*{word}"):
        d2l.cross_entropy(y_hat, y)


# CrossEntropyNetwork


def double_network(sizes, seed):
    net = d2l.CrossEntropyNetwork(sizes, generator=seeded(seed))
    net.weights = [W.double() for W in net.weights]
    net.biases = [b.double() for b in net.biases]
    return net


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(1, 5), min_size=2, max_size=4),
    n=st.integers(1, 7),
    seed=st.integers(0, 99),
)
def test_a_step_is_the_one_along_autograds_gradient_of_the_cross_entropy(sizes, n, seed):
    net = double_network(sizes, seed)
    X = torch.rand(n, sizes[0], generator=seeded(seed), dtype=torch.float64)
    Y = torch.rand(n, sizes[-1], generator=seeded(seed + 1), dtype=torch.float64).round()
    leaves = [tensor.clone().requires_grad_() for tensor in net.weights + net.biases]
    A, half = X, len(net.weights)
    for W, b in zip(leaves[:half], leaves[half:], strict=True):
        Z = functional.linear(A, W, b)
        A = torch.sigmoid(Z)
    loss = functional.binary_cross_entropy_with_logits(Z, Y, reduction="none").sum(1).mean()
    loss.backward()
    wanted = [leaf.detach() - 0.7 * leaf.grad for leaf in leaves]
    d2l.backprop_step(net.weights, net.biases, X, Y, 0.7, net.output_error)
    torch.testing.assert_close(net.weights + net.biases, wanted, rtol=1e-9, atol=1e-12)


def test_the_error_does_not_change_what_it_is_given():
    Z = torch.randn(3, 2, generator=seeded())
    A, Y = Z.sigmoid(), torch.eye(3, 2)
    kept = A.clone(), Y.clone()
    assert torch.equal(d2l.CrossEntropyNetwork([4, 2]).output_error(Z, A, Y), kept[0] - kept[1])
    assert torch.equal(A, kept[0]) and torch.equal(Y, kept[1])


def saturated(network):
    """A network of one neuron a class, both outputs near 1, whose right answers are 0 and 1."""
    net = network([1, 2], generator=seeded())
    net.weights, net.biases = [torch.zeros(2, 1)], [torch.tensor([8.0, 8.0])]
    return net


def test_a_saturated_output_learns_and_with_the_quadratic_cost_it_does_not():
    X, y = torch.ones(10, 1), torch.ones(10, dtype=torch.int64)
    outputs = {}
    for network in (d2l.Network, d2l.CrossEntropyNetwork):
        net = saturated(network)
        net.fit(X, y, 50, 10, 0.5, generator=seeded(), progress=False)
        outputs[network] = net(X)[0, 0].item()
    assert outputs[d2l.Network] > 0.99 and outputs[d2l.CrossEntropyNetwork] < 0.1


def test_it_is_made_and_trained_like_a_network():
    y = torch.arange(300) % 3
    centers = torch.tensor([[0.0, 3.0], [3.0, 0.0], [-3.0, -3.0]])
    X = centers[y] + torch.randn(300, 2, generator=seeded())
    net = d2l.CrossEntropyNetwork([2, 6, 3], generator=seeded(1))
    assert isinstance(net, d2l.Network)
    start = d2l.Network([2, 6, 3], generator=seeded(1))
    assert torch.equal(net.weights[0], start.weights[0])
    history = net.fit(X, y, 20, 10, 0.5, generator=seeded(2), progress=False)
    assert len(history) == 20 and history[-1] > 0.95


def test_a_softmax_network_steps_along_autograds_gradient_with_the_same_error():
    net = double_network([3, 4, 3], 2)
    X = torch.rand(5, 3, generator=seeded(3), dtype=torch.float64)
    y = torch.tensor([0, 2, 1, 1, 0])
    leaves = [tensor.clone().requires_grad_() for tensor in net.weights + net.biases]
    V, W, c, b = leaves
    nn.CrossEntropyLoss()(torch.sigmoid(X @ V.T + c) @ W.T + b, y).backward()
    wanted = [leaf.detach() - 0.7 * leaf.grad for leaf in leaves]

    def output_error(Z, A, Y):
        return d2l.softmax(Z) - Y

    d2l.backprop_step(net.weights, net.biases, X, one_hot(y, 3), 0.7, output_error)
    torch.testing.assert_close(net.weights + net.biases, wanted, rtol=1e-9, atol=1e-12)
