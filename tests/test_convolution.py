"""The helpers of chapter 22: values, properties, bad input, PyTorch and d2l as references."""

import pytest
import torch
from d2l import torch as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

import d2lhelpers as d2l


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@st.composite
def images_and_kernels(draw, largest=9):
    """Random float64 images and kernels that fit, of any shape up to `largest`."""
    n_h, n_w = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    k_h, k_w = draw(st.integers(1, n_h)), draw(st.integers(1, n_w))
    generator = seeded(draw(st.integers(0, 1000)))
    X = torch.randn(n_h, n_w, generator=generator, dtype=torch.float64)
    return X, torch.randn(k_h, k_w, generator=generator, dtype=torch.float64)


def test_four_sums_by_hand():
    X = torch.tensor([[1.0, 2, 0], [3, 1, 1], [0, 2, 4]])
    K = torch.tensor([[1.0, 2], [0, -1]])
    assert d2l.corr2d(X, K).tolist() == [[4, 1], [3, -1]]


def test_it_is_no_convolution_the_kernel_is_not_flipped():
    X = torch.zeros(3, 3)
    X[1, 1] = 1.0
    K = torch.tensor([[1.0, 2], [3, 4]])
    assert d2l.corr2d(X, K).tolist() == [[4, 3], [2, 1]]


@settings(deadline=None)
@given(images_and_kernels())
def test_the_size_is_n_minus_k_plus_1_along_each_axis(pair):
    X, K = pair
    sizes = tuple(n - k + 1 for n, k in zip(X.shape, K.shape, strict=True))
    assert d2l.corr2d(X, K).shape == sizes


@settings(deadline=None)
@given(images_and_kernels())
def test_pytorch_gives_the_same(pair):
    X, K = pair
    wanted = functional.conv2d(X[None, None], K[None, None])[0, 0]
    torch.testing.assert_close(d2l.corr2d(X, K), wanted, rtol=0, atol=1e-12)


@settings(deadline=None)
@given(images_and_kernels())
def test_d2l_gives_the_same(pair):
    X, K = (tensor.float() for tensor in pair)
    torch.testing.assert_close(d2l.corr2d(X, K), reference.corr2d(X, K))


@settings(deadline=None, max_examples=30)
@given(images_and_kernels(6), st.floats(-3, 3))
def test_it_is_linear_in_both(pair, factor):
    X, K = pair
    Y = d2l.corr2d(X, K)
    torch.testing.assert_close(d2l.corr2d(factor * X, K), factor * Y)
    both = d2l.corr2d(X, K + K.flip(0))
    torch.testing.assert_close(both, Y + d2l.corr2d(X, K.flip(0)))


@settings(deadline=None, max_examples=30)
@given(images_and_kernels(6))
def test_transposed_image_and_kernel_give_the_transposed_output(pair):
    X, K = pair
    assert torch.equal(d2l.corr2d(X.T, K.T), d2l.corr2d(X, K).T)


def test_autograd_follows_it():
    X = torch.randn(5, 4, generator=seeded(), dtype=torch.float64, requires_grad=True)
    K = torch.randn(2, 3, generator=seeded(1), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(d2l.corr2d, (X, K))


@pytest.mark.parametrize(
    ("image", "kernel", "wanted"),
    [
        (torch.float32, torch.float32, torch.float32),
        (torch.float64, torch.float32, torch.float64),
        (torch.float32, torch.float64, torch.float64),
        (torch.float16, torch.float16, torch.float16),
    ],
)
def test_the_wider_dtype_is_the_dtype_of_the_output(image, kernel, wanted):
    Y = d2l.corr2d(torch.ones(3, 3, dtype=image), torch.ones(2, 2, dtype=kernel))
    assert Y.dtype == wanted
    assert (Y == 4).all()


def test_the_output_is_on_the_device_of_the_image():
    X, K = torch.ones(4, 3, device="meta"), torch.ones(2, 2, device="meta")
    Y = d2l.corr2d(X, K)
    assert (Y.device.type, tuple(Y.shape)) == ("meta", (3, 2))


def test_arguments_stay_as_they_are_and_infinities_are_seen():
    X, K = torch.ones(3, 3), torch.ones(2, 2)
    X[0, 0] = float("inf")
    before = X.clone(), K.clone()
    Y = d2l.corr2d(X, K)
    assert Y[0, 0].isinf() and Y.isfinite().sum() == 3
    assert torch.equal(X, before[0]) and torch.equal(K, before[1])


@pytest.mark.parametrize(
    ("X", "K", "error", "words"),
    [
        ([[1.0]], torch.ones(1, 1), TypeError, "corr2d: X must be a torch.Tensor, got list"),
        (torch.ones(1, 1), 1.0, TypeError, "corr2d: K must be a torch.Tensor, got float"),
        (
            torch.ones(2, 2, dtype=torch.uint8),
            torch.ones(1, 1),
            TypeError,
            "corr2d: X must be floating point, got torch.uint8",
        ),
        (
            torch.ones(2, 2),
            torch.ones(1, 1, dtype=torch.int64),
            TypeError,
            "corr2d: K must be floating point, got torch.int64",
        ),
        (
            torch.ones(1, 2, 2),
            torch.ones(1, 1),
            ValueError,
            "corr2d: X has shape (1, 2, 2), wanted (rows, columns)",
        ),
        (
            torch.ones(2, 2),
            torch.ones(2),
            ValueError,
            "corr2d: K has shape (2,), wanted (rows, columns)",
        ),
        (
            torch.ones(2, 3),
            torch.ones(3, 2),
            ValueError,
            "corr2d: K has shape (3, 2), wanted from (1, 1) to (2, 3)",
        ),
        (
            torch.ones(3, 2),
            torch.ones(2, 3),
            ValueError,
            "corr2d: K has shape (2, 3), wanted from (1, 1) to (3, 2)",
        ),
        (
            torch.ones(3, 2),
            torch.ones(0, 1),
            ValueError,
            "corr2d: K has shape (0, 1), wanted from (1, 1) to (3, 2)",
        ),
        (torch.ones(0, 0), torch.ones(1, 1), ValueError, "corr2d: K has shape (1, 1)"),
        (
            torch.ones(3, 3),
            torch.ones(2, 2, device="meta"),
            ValueError,
            "corr2d: X is on cpu, K on meta; move one",
        ),
    ],
)
def test_bad_arguments_are_named_with_what_was_wanted(X, K, error, words):
    with pytest.raises(error) as caught:
        d2l.corr2d(X, K)
    assert str(caught.value).startswith(words)
