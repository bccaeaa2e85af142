"""Saved in chapter 05: the gradient by central differences, and the guard around f."""

from __future__ import annotations

import math
import re
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from d2lhelpers.derivatives import numerical_gradient, scalar_value

SMOOTH = {
    "cubes": lambda x: (x**3).sum(),
    "exponentials": lambda x: x.exp().sum(),
    "waves": lambda x: (x.sin() * x.flip(0)).sum() if x.dim() else x.sin(),
    "mean of sigmoids": lambda x: torch.sigmoid(x).mean(),
    "logarithm of a sum": lambda x: x.exp().sum().log(),
    "one cube": lambda x: x.sum() ** 3,
}
SHAPES = st.lists(st.integers(0, 3), max_size=3).map(tuple)
SEEDS = st.integers(0, 2**20)


def by_autograd(f, x):
    x = x.detach().clone().requires_grad_()
    return torch.autograd.grad(f(x), x)[0]


def random(shape, seed, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def relative_error(found, wanted):
    return float(torch.dist(found, wanted) / torch.linalg.vector_norm(wanted))


def test_powers_by_hand():
    x = torch.tensor([[1.0, -2.0], [0.5, 3.0]], dtype=torch.float64)
    found = numerical_gradient(lambda x: (x**2).sum(), x, 0.25)
    # the central quotient of a square is exact, and a step of 1/4 is stored exactly
    assert torch.equal(found, torch.tensor([[2.0, -4.0], [1.0, 6.0]], dtype=torch.float64))
    cube = numerical_gradient(lambda x: x**3, torch.tensor(2.0, dtype=torch.float64), 1.0)
    assert cube == 13  # 12 + h²


@pytest.mark.parametrize("f", SMOOTH.values(), ids=SMOOTH)
@given(shape=SHAPES.filter(lambda shape: 0 not in shape), seed=SEEDS)
@settings(deadline=None, max_examples=50)
def test_agrees_with_autograd(f, shape, seed):
    x = random(shape, seed)
    found = numerical_gradient(f, x)
    assert found.shape == x.shape and found.dtype == x.dtype and not found.requires_grad
    # rounding is in proportion to f and truncation to h², so near a flat place neither is relative
    torch.testing.assert_close(found, by_autograd(f, x), rtol=1e-8, atol=1e-8)


def test_relative_error_at_a_typical_point():
    x = random((4, 3), seed=5)
    for f in SMOOTH.values():
        assert relative_error(numerical_gradient(f, x), by_autograd(f, x)) < 1e-8


def test_float32_is_good_to_about_four_digits():
    x = random((4, 3), seed=5, dtype=torch.float32)
    for f in SMOOTH.values():
        found = numerical_gradient(f, x)
        assert found.dtype == torch.float32
        error = relative_error(found, by_autograd(f, x))
        assert 1e-8 < error < 2e-3


@given(shape=SHAPES, seed=SEEDS, dtype=st.sampled_from([torch.float32, torch.float64]))
@settings(deadline=None)
def test_a_linear_function_has_its_weights_as_gradient(shape, seed, dtype):
    weights = random(shape, seed).to(dtype)
    found = numerical_gradient(lambda x: (weights * x).sum(), torch.ones_like(weights))
    assert found.shape == weights.shape
    size = float(weights.abs().sum()) if weights.numel() else 0.0
    tolerance = 20 * torch.finfo(dtype).eps ** (2 / 3) * (1 + size)
    torch.testing.assert_close(found, weights, rtol=0, atol=tolerance)


def test_a_scalar_and_an_empty_tensor():
    found = numerical_gradient(torch.exp, torch.tensor(0.0, dtype=torch.float64))
    assert found.shape == () and abs(found - 1) < 1e-9
    empty = numerical_gradient(torch.sum, torch.ones(0, 3))
    assert empty.shape == (0, 3) and empty.dtype == torch.float32


def test_the_stored_step_is_what_the_rise_is_divided_by():
    # 2 ± 1e-6 is rounded in float32: dividing by 2h would give 11.444
    found = numerical_gradient(lambda x: x**3, torch.tensor(2.0), 1e-6)
    assert found == 12


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3, 1e6])
def test_the_default_step_grows_with_the_entry(size):
    x = torch.tensor([size, -size], dtype=torch.float64)
    places = []
    numerical_gradient(lambda x: places.append(x.tolist()) or x.sum(), x)
    wanted = torch.finfo(torch.float64).eps ** (1 / 3) * max(1.0, size)
    moved = sorted(abs(p - q) for place in places for p, q in zip(place, x.tolist(), strict=True))
    np.testing.assert_allclose(moved, [0.0] * 4 + [wanted] * 4, rtol=1e-5)


def test_a_given_step_is_used_for_every_entry():
    places = []
    x = torch.tensor([1.0, 100.0], dtype=torch.float64)
    numerical_gradient(lambda x: places.append(x.tolist()) or x.sum(), x, h=0.5)
    assert places == [[1.5, 100.0], [0.5, 100.0], [1.0, 100.5], [1.0, 99.5]]


@pytest.mark.parametrize("half", [np.float64(0.5), np.float32(0.5), Fraction(1, 2)])
def test_any_kind_of_number_is_a_step_and_a_value_if_it_has_enough_digits(half):
    x = torch.ones(2)
    assert torch.equal(numerical_gradient(lambda x: half * x.sum().item(), x, half), 0.5 * x)
    assert torch.equal(numerical_gradient(lambda x: np.float32(x.sum()), x, half), x)
    x = x.double()
    assert torch.equal(numerical_gradient(lambda x: np.float64(x.sum()), x, half), x)
    assert torch.equal(numerical_gradient(lambda x: Fraction(x.sum().item()), x, half), x)


@given(seed=SEEDS)
@settings(deadline=None, max_examples=20)
def test_layout_and_history_of_x_do_not_matter(seed):
    whole = random((3, 4), seed)
    f = SMOOTH["waves"]
    plain = numerical_gradient(f, whole.t().contiguous())
    assert torch.equal(numerical_gradient(f, whole.t()), plain)
    assert torch.equal(numerical_gradient(f, whole.t().clone().requires_grad_()), plain)
    assert torch.equal(numerical_gradient(f, whole.clone().requires_grad_().t() * 1), plain)
    strided = random((6, 4), seed)[::2]
    assert torch.equal(numerical_gradient(f, strided), numerical_gradient(f, strided.clone()))
    expanded = torch.ones(1, dtype=torch.float64).expand(3)
    torch.testing.assert_close(numerical_gradient(torch.sum, expanded), expanded * 1.0)


def test_x_stays_as_it_is_also_when_f_writes_into_it_or_raises():
    x = random((2, 2), seed=1)
    before = x.clone()

    def writes(x):
        value = (x**2).sum()
        x.zero_()
        return value

    def fails(x):
        x.fill_(7)
        raise KeyError("on purpose")

    def writes_into_the_original(p):
        x.fill_(9)
        return (p**2).sum()

    torch.testing.assert_close(numerical_gradient(writes, x), 2 * before)
    torch.testing.assert_close(numerical_gradient(writes_into_the_original, x), 2 * before)
    x.copy_(before)
    with pytest.raises(KeyError, match="on purpose"):
        numerical_gradient(fails, x)
    assert torch.equal(x, before)
    parameter = torch.nn.Parameter(before.clone())
    numerical_gradient(lambda x: (x**2).sum(), parameter)
    assert parameter.grad is None and torch.equal(parameter.detach(), before)


def test_f_may_use_autograd_inside():
    def slope(x):
        x.requires_grad_()
        return torch.autograd.grad((x**3).sum(), x)[0].sum()

    x = random((3,), seed=2)
    torch.testing.assert_close(numerical_gradient(slope, x), 6 * x)


def test_f_may_depend_on_parameters_that_require_gradients():
    weight = random((3,), seed=3).requires_grad_()
    found = numerical_gradient(lambda x: weight @ x, torch.ones(3, dtype=torch.float64))
    torch.testing.assert_close(found, weight.detach())
    assert not found.requires_grad and weight.grad is None


def test_a_result_with_one_element_in_any_shape_is_a_number():
    x = random((2,), seed=4)
    plain = numerical_gradient(lambda x: x.prod(), x)
    assert torch.equal(numerical_gradient(lambda x: x.prod().reshape(1, 1), x), plain)
    assert torch.equal(numerical_gradient(lambda x: x.prod().item(), x), plain)
    single = x.float()  # a result more precise than x is welcome
    assert numerical_gradient(lambda x: x.double().prod(), single).dtype == torch.float32


def test_kinks_give_the_mean_of_both_sides_and_nan_is_passed_on():
    zero = torch.tensor(0.0, dtype=torch.float64)
    assert numerical_gradient(torch.abs, zero) == 0
    assert numerical_gradient(torch.relu, zero) == 0.5
    assert math.isnan(numerical_gradient(torch.log, zero))
    near = torch.tensor([1e-6, 1.0], dtype=torch.float64)
    found = numerical_gradient(lambda x: x.log().sum(), near)
    assert math.isnan(found[0]) and abs(found[1] - 1) < 1e-9


@pytest.mark.parametrize(
    ("f", "x", "h", "error", "words"),
    [
        (torch.sum, [1.0, 2.0], None, TypeError, "x must be a torch.Tensor, got list"),
        (torch.ones(2), torch.sum, None, TypeError, "x must be a torch.Tensor, got builtin"),
        (torch.ones(2), torch.ones(2), None, TypeError, "f must be a function of a tensor"),
        (torch.sum, torch.arange(3), None, TypeError, "torch.int64; x.double() makes it float64"),
        (torch.sum, torch.ones(2, dtype=torch.bool), None, TypeError, "holds torch.bool"),
        (torch.sum, torch.ones(2, dtype=torch.float16), None, TypeError, "holds torch.float16"),
        (torch.sum, torch.ones(2, dtype=torch.complex64), None, TypeError, "torch.complex64"),
        (torch.sum, torch.ones(2), "small", TypeError, "h must be a number, got str"),
        (torch.sum, torch.ones(2), True, TypeError, "h must be a number, got bool"),
        (torch.sum, torch.ones(2), 0, ValueError, "entry 0 is 1.0; no room for h = 0"),
        (torch.sum, torch.ones(2), -0.1, ValueError, "no room for h = -0.1"),
        (torch.sum, torch.ones(2), math.nan, ValueError, "no room for h = nan"),
        (torch.sum, torch.ones(2), math.inf, ValueError, "no room for h = inf"),
        (torch.sum, torch.ones(2), 1e-9, ValueError, "no room for h = 1e-09"),
        # downward 2 − 1e-7 differs from 2, upward 2 + 1e-7 does not
        (torch.sum, torch.tensor([2.0]), 1e-7, ValueError, "no room for h = 1e-07"),
        (torch.sum, torch.tensor([1.0, math.nan]), None, ValueError, "entry 1 is nan"),
        (torch.sum, torch.tensor([math.inf]), None, ValueError, "entry 0 is inf"),
        (lambda x: x, torch.ones(2), None, ValueError, "one number, got a tensor of shape (2,)"),
        (lambda x: x[:0], torch.ones(2), None, ValueError, "got a tensor of shape (0,)"),
        (lambda x: None, torch.ones(2), None, TypeError, "f returns: value must be a number"),
        (lambda x: [1.0], torch.ones(2), None, TypeError, "got list"),
        (lambda x: True, torch.ones(2), None, TypeError, "got bool"),
        (lambda x: 1j, torch.ones(2), None, TypeError, "got complex"),
        (lambda x: (x > 0).sum(), torch.ones(2), None, TypeError, "got torch.int64"),
        (lambda x: (x > 0).all(), torch.ones(2), None, TypeError, "got torch.bool"),
        (lambda x: x.sum() + 1j, torch.ones(2), None, TypeError, "got torch.complex64"),
        (lambda x: x.sum().half(), torch.ones(2), None, TypeError, "got torch.float16"),
        (
            lambda x: x.float().sum(),
            torch.ones(2, dtype=torch.float64),
            None,
            TypeError,
            "f must return torch.float64 when x is torch.float64, got torch.float32",
        ),
        (
            lambda x: np.float32(x.sum()),
            torch.ones(2, dtype=torch.float64),
            None,
            TypeError,
            "f must return torch.float64 when x is torch.float64, got float32",
        ),
        (lambda x: np.float16(1), torch.ones(2), None, TypeError, "got float16"),
    ],
)
def test_bad_input_is_named(f, x, h, error, words):
    with pytest.raises(error, match=re.escape(words)):
        numerical_gradient(f, x, h)


def test_scalar_value_is_the_number_itself():
    x = torch.tensor([0.25, 0.5])
    assert scalar_value(torch.sum, x) == 0.75
    assert isinstance(scalar_value(lambda x: 3, x), float)
    with pytest.raises(TypeError, match="f must be a function of a tensor, got float"):
        scalar_value(1.0, x)
