"""The helpers of chapter 23, and its formula: PyTorch and d2l as references."""

import pytest
import torch
from d2l import torch as reference
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

import d2lhelpers as d2l

SEEDS = st.integers(0, 99)
MODES = ("max", "avg", "l2")
META = torch.ones(1, 3, 3, device="meta")  # on another device than the CPU


def pairs(low, high):
    """Two whole numbers, for rows and columns."""
    return st.tuples(st.integers(low, high), st.integers(low, high))


def randn(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


# The formula of the chapter, for each axis by itself.


def counted_places(n, k, p, s, d):
    """How many windows there are, one by one: the last number read must lie inside."""
    return sum(i + d * (k - 1) < n + 2 * p for i in range(0, n + 2 * p, s))


def predicted(*axes):
    """Height and width by the formula; None when the kernel fits nowhere."""
    sizes = tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, p, s, d in zip(*axes, strict=True)
    )
    places = tuple(counted_places(*axis) for axis in zip(*axes, strict=True))
    assert places == tuple(max(size, 0) for size in sizes)
    return sizes if min(sizes) > 0 else None


def found(layer, n):
    """Height and width of the layer's output for a map of n; None when PyTorch refuses."""
    try:
        return tuple(layer(torch.zeros(2, 3, *n)).shape[2:])
    except RuntimeError:
        return None


@settings(deadline=None)  # a busy machine is no error
@given(n=pairs(1, 20), k=pairs(1, 6), p=pairs(0, 5), s=pairs(1, 5), d=pairs(1, 4))
def test_the_formula_is_that_of_conv2d(n, k, p, s, d):
    layer = nn.Conv2d(3, 4, k, stride=s, padding=p, dilation=d)
    assert found(layer, n) == predicted(n, k, p, s, d)


@settings(deadline=None)
@given(n=pairs(1, 20), k=pairs(1, 6), p=pairs(0, 3), s=pairs(1, 5), d=pairs(1, 4))
def test_the_formula_is_that_of_max_pool2d(n, k, p, s, d):
    assume(all(2 * zeros <= size for zeros, size in zip(p, k, strict=True)))
    layer = nn.MaxPool2d(k, stride=s, padding=p, dilation=d)
    assert found(layer, n) == predicted(n, k, p, s, d)


@settings(deadline=None)
@given(n=pairs(1, 20), k=pairs(1, 6), p=pairs(0, 3), s=pairs(1, 5))
def test_the_formula_is_that_of_avg_pool2d(n, k, p, s):
    assume(all(2 * zeros <= size for zeros, size in zip(p, k, strict=True)))
    layer = nn.AvgPool2d(k, stride=s, padding=p)
    assert found(layer, n) == predicted(n, k, p, s, (1, 1))


# corr2d_multi_in_out


def test_channels_by_hand():
    X = torch.tensor([[[1.0, 2], [3, 4]], [[5, 6], [7, 8]]])
    K = torch.tensor([[[[1.0, 0], [0, 1]], [[0, 1], [1, 0]]], [[[0, 0], [0, 0]], [[0, 0], [2, 0]]]])
    assert d2l.corr2d_multi_in_out(X, K).tolist() == [[[18.0]], [[14.0]]]


@settings(deadline=None)
@given(
    channels=pairs(1, 4),
    n=pairs(1, 9),
    k=pairs(1, 5),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    seed=SEEDS,
)
def test_channels_are_those_of_conv2d(channels, n, k, dtype, seed):
    assume(all(size <= room for size, room in zip(k, n, strict=True)))
    c_in, c_out = channels
    X, K = randn(c_in, *n, seed=seed, dtype=dtype), randn(c_out, c_in, *k, seed=seed, dtype=dtype)
    kept = X.clone(), K.clone()
    Y = d2l.corr2d_multi_in_out(X, K)
    torch.testing.assert_close(Y, functional.conv2d(X, K), rtol=1e-4, atol=1e-5)
    assert torch.equal(X, kept[0]) and torch.equal(K, kept[1])


@settings(deadline=None)
@given(channels=pairs(1, 3), n=pairs(3, 6), k=pairs(1, 3), seed=SEEDS)
def test_channels_are_sums_and_stacks_of_d2ls_corr2d(channels, n, k, seed):
    c_in, c_out = channels
    X, K = randn(c_in, *n, seed=seed), randn(c_out, c_in, *k, seed=seed)
    wanted = [
        sum(reference.corr2d(x, part) for x, part in zip(X, kernel, strict=True)) for kernel in K
    ]
    torch.testing.assert_close(
        d2l.corr2d_multi_in_out(X, K).float(), torch.stack(wanted), rtol=1e-4, atol=1e-5
    )


def test_gradients_of_channels_are_those_of_conv2d():
    X, K = randn(2, 5, 6).requires_grad_(), randn(3, 2, 3, 2, seed=1).requires_grad_()
    weights = randn(3, 3, 5, seed=2)
    ours = torch.autograd.grad((weights * d2l.corr2d_multi_in_out(X, K)).sum(), (X, K))
    theirs = torch.autograd.grad((weights * functional.conv2d(X, K)).sum(), (X, K))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("first", [torch.float32, torch.float64])
def test_mixed_numbers_are_promoted(first):
    X = torch.arange(9, dtype=first).reshape(1, 3, 3)
    second = torch.float32 if first == torch.float64 else torch.float64
    K = torch.full((1, 1, 2, 2), 0.1, dtype=second)
    mixed = d2l.corr2d_multi_in_out(X, K)
    assert mixed.dtype == torch.float64
    torch.testing.assert_close(mixed, functional.conv2d(X.double(), K.double()))


@pytest.mark.parametrize(
    ("X", "K", "error", "message"),
    [
        ([[1.0]], torch.ones(1, 1, 1, 1), TypeError, "X must be a torch.Tensor, got list"),
        (torch.ones(1, 2, 2), 3.0, TypeError, "K must be a torch.Tensor, got float"),
        (torch.ones(1, 2, 2).byte(), torch.ones(1, 1, 1, 1), TypeError, "X must be floating point"),
        (torch.ones(1, 2, 2), torch.ones(1, 1, 1, 1).int(), TypeError, "floating .* torch.int32"),
        (torch.ones(2, 2), torch.ones(1, 1, 1, 1), ValueError, r"X has shape \(2, 2\), wanted"),
        (torch.ones(1, 1, 2, 2), torch.ones(1, 1, 1, 1), ValueError, r"wanted \(c_in, h, w\)"),
        (torch.ones(2, 4, 4), torch.ones(2, 3, 3), ValueError, r"wanted \(c_out, 2, k_h, k_w\)"),
        (torch.ones(4, 4, 3), torch.ones(5, 3, 2, 2), ValueError, r"wanted \(c_out, 4, k_h, k_w"),
        (torch.ones(1, 2, 5), torch.ones(1, 1, 3, 3), ValueError, "is 3×3, wanted 1×1 to 2×5"),
        (torch.ones(1, 5, 2), torch.ones(1, 1, 3, 3), ValueError, "is 3×3, wanted 1×1 to 5×2"),
        (torch.ones(1, 5, 2), torch.ones(1, 1, 0, 1), ValueError, "is 0×1, wanted 1×1 to 5×2"),
        (META, torch.ones(1, 1, 1, 1), ValueError, "X is on meta, K on cpu"),
        (torch.ones(1, 3, 3), META[None], ValueError, "X is on cpu, K on meta"),
    ],
)
def test_channels_refuse_what_does_not_fit(X, K, error, message):
    with pytest.raises(error, match=f"corr2d_multi_in_out: .*{message}"):
        d2l.corr2d_multi_in_out(X, K)


# pool2d


def test_pooling_by_hand():
    X = torch.tensor([[1.0, 2, 0], [2, 4, 3]])
    assert d2l.pool2d(X, (2, 2)).tolist() == [[4.0, 4.0]]
    assert d2l.pool2d(X, (2, 2), mode="avg").tolist() == [[2.25, 2.25]]
    assert d2l.pool2d(X, (2, 2), "l2")[0, 0] == 5
    assert d2l.pool2d(X, (1, 3)).tolist() == [[2.0], [4.0]]


def in_torch(X, k, mode, s):
    """The same by PyTorch's layers."""
    if mode == "max":
        return functional.max_pool2d(X[None], k, s)[0]
    if mode == "avg":
        return functional.avg_pool2d(X[None], k, s)[0]
    # lp_pool2d loses digits: it takes the mean, multiplies, and takes the root.
    return functional.lp_pool2d(X[None], 2, k, s)[0]


@settings(deadline=None)
@given(n=pairs(1, 9), k=pairs(1, 5), s=st.integers(1, 3), mode=st.sampled_from(MODES), seed=SEEDS)
def test_pooling_is_that_of_pytorch(n, k, s, mode, seed):
    assume(all(size <= room for size, room in zip(k, n, strict=True)))
    X = randn(*n, seed=seed)
    kept, pooled = X.clone(), d2l.pool2d(X, k, mode)
    assert torch.equal(X, kept)
    torch.testing.assert_close(pooled[::s, ::s], in_torch(X, k, mode, s))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("k", [(2, 3), (3, 2), 1])
def test_gradients_of_pooling_are_those_of_pytorch(mode, k):
    X = randn(5, 6).requires_grad_()
    pooled = d2l.pool2d(X, k, mode)
    weights = randn(*pooled.shape, seed=1)
    (ours,) = torch.autograd.grad((weights * pooled).sum(), X)
    (theirs,) = torch.autograd.grad((weights * in_torch(X, k, mode, 1)).sum(), X)
    torch.testing.assert_close(ours, theirs)


def test_l2_pooling_of_nothing_has_a_gradient():
    X = torch.zeros(3, 3, requires_grad=True)
    (grad,) = torch.autograd.grad(d2l.pool2d(X, 2, "l2").sum(), X)
    assert torch.equal(grad, torch.zeros(3, 3))


def test_max_pooling_shares_the_gradient_among_equals():
    X = torch.tensor([[1.0, 5], [5, 0]], requires_grad=True)
    (grad,) = torch.autograd.grad(d2l.pool2d(X, 2).sum(), X)
    assert grad.tolist() == [[0, 0.5], [0.5, 0]]


@settings(deadline=None)
@given(n=pairs(2, 8), k=st.integers(1, 3), seed=SEEDS)
def test_the_three_summaries_are_ordered(n, k, seed):
    assume(k <= min(n))
    X = randn(*n, seed=seed).abs()
    largest, mean, root = (d2l.pool2d(X, k, mode) for mode in MODES)
    assert (mean <= largest + 1e-12).all() and (largest <= root + 1e-12).all()
    assert (root <= k * largest + 1e-12).all()


def test_a_number_is_a_square_and_integers_have_a_maximum():
    X = torch.arange(12).reshape(3, 4)
    assert d2l.pool2d(X, 2).tolist() == d2l.pool2d(X, (2, 2)).tolist() == [[5, 6, 7], [9, 10, 11]]
    assert d2l.pool2d(X, 2).dtype == torch.int64


@pytest.mark.parametrize(
    ("X", "size", "mode", "error", "message"),
    [
        ([[1.0]], 1, "max", TypeError, "X must be a torch.Tensor, got list"),
        (torch.ones(1, 3, 3), 2, "max", ValueError, r"shape \(1, 3, 3\), wanted \(h, w\)"),
        (torch.ones(3, 3), 2.0, "max", TypeError, "rows must be an int, got float"),
        (torch.ones(3, 3), (2, None), "max", TypeError, "columns must be an int, got NoneType"),
        (torch.ones(3, 3), (2, 2, 2), "max", ValueError, "pool_size has 3 numbers, wanted 2"),
        (torch.ones(3, 3), 0, "max", ValueError, "rows must be at least 1, got 0"),
        (torch.ones(3, 3), (2, -1), "max", ValueError, "columns must be at least 1, got -1"),
        (torch.ones(3, 2), (2, 3), "avg", ValueError, "is 2×3, wanted 1×1 to 3×2"),
        (torch.ones(2, 3), (3, 2), "avg", ValueError, "is 3×2, wanted 1×1 to 2×3"),
        (torch.ones(3, 3), 2, "mean", ValueError, "mode is 'mean', wanted 'max', 'avg' or 'l2'"),
        (torch.ones(3, 3), 2, ["max"], ValueError, "mode is .'max'., wanted"),
        (torch.ones(3, 3).int(), 2, "avg", TypeError, "torch.int32, mode 'avg' needs floating"),
        (torch.ones(3, 3).int(), 2, "l2", TypeError, "torch.int32, mode 'l2' needs floating"),
    ],
)
def test_pooling_refuses_what_does_not_fit(X, size, mode, error, message):
    with pytest.raises(error, match=f"pool2d: .*{message}"):
        d2l.pool2d(X, size, mode)
