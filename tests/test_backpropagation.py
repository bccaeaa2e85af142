"""Saved in chapter 13: the sigmoid, its derivative, and gradients by the four equations."""

from __future__ import annotations

import math
import re
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from d2lhelpers.backpropagation import (
    backprop,
    quadratic_error,
    require_network,
    require_tensor_lists,
    sigmoid,
    sigmoid_prime,
)
from d2lhelpers.derivatives import numerical_gradient

SEEDS = st.integers(0, 2**20)
SIZES = st.lists(st.integers(1, 7), min_size=2, max_size=6)
BATCHES = st.integers(1, 9)


def network(sizes, n, seed, dtype=torch.float64):
    """Weights, biases and a batch of n examples for layers of the given sizes."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)

    pairs = list(zip(sizes, sizes[1:], strict=False))
    weights, biases = [draw(out, into) for into, out in pairs], [draw(out) for _, out in pairs]
    return weights, biases, draw(n, sizes[0]), torch.sigmoid(draw(n, sizes[-1]))


def quadratic_cost(Z, Y):
    return ((torch.sigmoid(Z) - Y) ** 2).sum() / 2


def by_autograd(weights, biases, X, Y, cost=quadratic_cost):
    """Gradients of cost(Z of the last layer, Y) over the number of examples."""
    params = [param.detach().clone().requires_grad_() for param in (*weights, *biases)]
    A = X
    for W, b in zip(params[: len(weights)], params[len(weights) :], strict=True):
        Z = nn.functional.linear(A, W, b)
        A = torch.sigmoid(Z)
    grads = torch.autograd.grad(cost(Z, Y) / len(X), params)
    return list(grads[: len(weights)]), list(grads[len(weights) :])


def relative_error(found, wanted):
    """Of two pairs of lists of tensors, whose shapes must be the same."""
    found, wanted = [*found[0], *found[1]], [*wanted[0], *wanted[1]]
    assert [part.shape for part in found] == [part.shape for part in wanted]
    difference = torch.cat([(f - w).flatten() for f, w in zip(found, wanted, strict=True)])
    return (difference.norm() / torch.cat([w.flatten() for w in wanted]).norm()).item()


# the sigmoid and its derivative


def test_sigmoid_at_known_places():
    z = torch.tensor([0.0, math.log(3), -math.log(3)], dtype=torch.float64)
    torch.testing.assert_close(sigmoid(z), torch.tensor([0.5, 0.75, 0.25]).double())
    torch.testing.assert_close(sigmoid_prime(z), torch.tensor([0.25, 3 / 16, 3 / 16]).double())


@given(z=st.floats(-700, 700))
@settings(deadline=None)
def test_sigmoid_and_its_derivative_keep_their_digits(z):
    tensor = torch.tensor(z, dtype=torch.float64)
    e = Fraction(math.exp(-abs(z)))  # exact arithmetic from here on
    larger, smaller = float(1 / (1 + e)), float(e / (1 + e))
    assert sigmoid(tensor).item() == pytest.approx(larger if z >= 0 else smaller, rel=1e-12)
    assert sigmoid_prime(tensor).item() == pytest.approx(float(e / (1 + e) ** 2), rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_far_out_the_sigmoid_is_0_or_1_and_never_nan(dtype):
    z = torch.tensor([-math.inf, -1e30, -1000, 1000, 1e30, math.inf], dtype=dtype)
    assert sigmoid(z).tolist() == [0, 0, 0, 1, 1, 1]
    assert sigmoid_prime(z).tolist() == [0] * 6
    assert sigmoid(z).dtype == sigmoid_prime(z).dtype == dtype


def test_a_saturated_neuron_keeps_a_slope():
    assert sigmoid_prime(torch.tensor(30.0)) > 0  # σ(1 − σ) is 0 here in float32
    assert sigmoid_prime(torch.tensor(30.0)) == sigmoid_prime(torch.tensor(-30.0))


@given(seed=SEEDS, shape=st.lists(st.integers(0, 4), max_size=3).map(tuple))
@settings(deadline=None, max_examples=50)
def test_sigmoid_prime_is_the_derivative(seed, shape):
    generator = torch.Generator().manual_seed(seed)
    z = 3 * torch.randn(shape, generator=generator, dtype=torch.float64)
    before = z.clone()
    measured = numerical_gradient(lambda z: sigmoid(z).sum(), z)
    torch.testing.assert_close(sigmoid_prime(z), measured, rtol=1e-7, atol=1e-9)
    assert sigmoid(z).shape == sigmoid_prime(z).shape == shape and torch.equal(z, before)


def test_sigmoid_can_be_differentiated():
    z = torch.tensor([-2.0, 0.5], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(sigmoid(z).sum(), z)
    torch.testing.assert_close(slope, sigmoid_prime(z).detach())
    assert torch.autograd.gradgradcheck(sigmoid, z)


@pytest.mark.parametrize("function", [sigmoid, sigmoid_prime])
@pytest.mark.parametrize("z", [0.5, [0.0], None, torch.tensor([1]), torch.tensor([True]),
                               torch.tensor([1j])])  # fmt: skip
def test_sigmoid_of_something_else_is_refused(function, z):
    wanted = "floating point, got" if isinstance(z, torch.Tensor) else "a torch.Tensor, got"
    with pytest.raises(TypeError, match=f"^{function.__name__}: z must be {wanted}"):
        function(z)


# the quadratic output error


@given(seed=SEEDS)
@settings(deadline=None, max_examples=30)
def test_quadratic_error_is_the_derivative_of_the_cost_by_z(seed):
    _, _, Z, Y = network([4, 4], 5, seed)
    measured = numerical_gradient(lambda Z: quadratic_cost(Z, Y), Z)
    torch.testing.assert_close(quadratic_error(Z, sigmoid(Z), Y), measured, rtol=1e-7, atol=1e-9)


# backprop


def test_a_network_by_hand():
    weights = [torch.tensor([[2.0, -1.0], [1.0, 0.0]]), torch.tensor([[2.0, -4.0]])]
    biases = [torch.tensor([0.0, -1.0]), torch.tensor([1.0])]
    grad_weights, grad_biases = backprop(
        weights, biases, torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0]])
    )
    assert [grad.tolist() for grad in grad_weights] == [
        [[-0.0625, -0.125], [0.125, 0.25]],
        [[-0.0625, -0.0625]],
    ]
    assert [grad.tolist() for grad in grad_biases] == [[-0.0625, 0.125], [-0.125]]


@given(sizes=SIZES, n=BATCHES, seed=SEEDS)
@settings(deadline=None)
def test_agrees_with_autograd(sizes, n, seed):
    problem = network(sizes, n, seed)
    found = backprop(*problem)
    assert relative_error(found, by_autograd(*problem)) < 1e-10
    assert all(isinstance(part, list) for part in found)


@pytest.mark.parametrize("sizes", [[3, 2], [2, 4, 3], [4, 4, 4, 4]])
def test_agrees_with_differences(sizes):
    weights, biases, X, Y = network(sizes, 3, seed=7)
    params = [*weights, *biases]

    def cost(i, param):
        changed, A = [*params[:i], param, *params[i + 1 :]], X
        for W, b in zip(changed[: len(weights)], changed[len(weights) :], strict=True):
            A = 1 / (1 + (-A @ W.T - b).exp())
        return ((A - Y) ** 2).sum() / 2 / len(X)

    found = backprop(weights, biases, X, Y)
    for i, grad in enumerate([*found[0], *found[1]]):
        measured = numerical_gradient(lambda param, i=i: cost(i, param), params[i])
        torch.testing.assert_close(grad, measured, rtol=1e-6, atol=1e-9)


def test_agrees_with_modules_in_float32():
    weights, biases, X, Y = network([784, 30, 10], 10, seed=1, dtype=torch.float32)
    net = nn.Sequential(nn.Linear(784, 30), nn.Sigmoid(), nn.Linear(30, 10), nn.Sigmoid())
    with torch.no_grad():
        for param, value in zip(net.parameters(), (weights[0], biases[0], weights[1], biases[1]),
                                strict=True):  # fmt: skip
            param.copy_(value)
    (nn.functional.mse_loss(net(X), Y, reduction="sum") / 2 / 10).backward()
    wanted = [net[0].weight.grad, net[2].weight.grad], [net[0].bias.grad, net[2].bias.grad]
    found = backprop(weights, biases, X, Y)
    assert relative_error(found, wanted) < 1e-5
    assert all(grad.dtype == torch.float32 for part in found for grad in part)


@given(sizes=SIZES, n=BATCHES, seed=SEEDS)
@settings(deadline=None, max_examples=50)
def test_the_gradient_of_a_batch_is_the_mean_over_its_examples(sizes, n, seed):
    weights, biases, X, Y = network(sizes, n, seed)
    alone = [backprop(weights, biases, X[i : i + 1], Y[i : i + 1]) for i in range(n)]
    means = [
        [torch.stack(grads).mean(0) for grads in zip(*(one[part] for one in alone), strict=True)]
        for part in (0, 1)
    ]
    assert relative_error(backprop(weights, biases, X, Y), means) < 1e-10


@given(seed=SEEDS)
@settings(deadline=None, max_examples=20)
def test_the_order_of_the_examples_does_not_matter(seed):
    weights, biases, X, Y = network([3, 4, 2], 6, seed)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(seed))
    found = backprop(weights, biases, X[order], Y[order])
    assert relative_error(found, backprop(weights, biases, X, Y)) < 1e-10


OTHER_COSTS = {
    "no half": (
        lambda Z, Y: 2 * quadratic_cost(Z, Y),
        lambda Z, A, Y: 2 * quadratic_error(Z, A, Y),
    ),
    "linear output": (lambda Z, Y: ((Z - Y) ** 2).sum() / 2, lambda Z, A, Y: Z - Y),
    "binary cross-entropy": (
        lambda Z, Y: nn.functional.binary_cross_entropy_with_logits(Z, Y, reduction="sum"),
        lambda Z, A, Y: A - Y,
    ),
    "softmax and cross-entropy": (
        lambda Z, Y: -(Y / Y.sum(1, keepdim=True) * Z.log_softmax(1)).sum(),
        lambda Z, A, Y: Z.softmax(1) - Y / Y.sum(1, keepdim=True),
    ),
}


@pytest.mark.parametrize("cost", OTHER_COSTS)
def test_another_output_error_is_another_cost(cost):
    problem = network([4, 6, 5, 3], 7, seed=3)
    function, output_error = OTHER_COSTS[cost]
    found = backprop(*problem, output_error=output_error)
    assert relative_error(found, by_autograd(*problem, cost=function)) < 1e-10


def test_the_output_error_gets_z_a_and_y():
    weights, biases, X, Y = network([3, 4, 2], 5, seed=4)
    given = []
    backprop(weights, biases, X, Y, lambda *args: given.append(args) or torch.zeros_like(args[0]))
    ((Z, A, passed),) = given
    hidden = torch.sigmoid(X @ weights[0].T + biases[0])
    torch.testing.assert_close(Z, hidden @ weights[1].T + biases[1])
    torch.testing.assert_close(A, torch.sigmoid(Z))
    assert passed is Y


def test_parameters_that_require_gradients_leave_no_record():
    weights, biases, X, Y = network([3, 4, 2], 5, seed=5)
    wanted = backprop(weights, biases, X, Y)
    weights, biases = ([nn.Parameter(p) for p in params] for params in (weights, biases))
    found = backprop(weights, biases, X.requires_grad_(), Y)
    assert relative_error(found, wanted) == 0
    assert not any(grad.requires_grad for part in found for grad in part)
    assert all(param.grad is None for param in (*weights, *biases)) and torch.is_grad_enabled()


@given(sizes=SIZES, seed=SEEDS)
@settings(deadline=None, max_examples=30)
def test_the_arguments_stay_as_they_are(sizes, seed):
    weights, biases, X, Y = network(sizes, 3, seed)
    copies = [tensor.clone() for tensor in (*weights, *biases, X, Y)]
    found = backprop(tuple(weights), tuple(biases), X, Y)
    assert all(map(torch.equal, copies, (*weights, *biases, X, Y)))
    memory = {tensor.data_ptr() for tensor in (*weights, *biases, X, Y)}
    for grad in (*found[0], *found[1]):
        assert grad.data_ptr() not in memory
        grad.zero_()  # new memory that may be changed freely
    assert all(map(torch.equal, copies, (*weights, *biases, X, Y)))


def test_layout_does_not_matter():
    weights, biases, X, Y = network([3, 4, 2], 5, seed=6)
    wanted = backprop(weights, biases, X, Y)
    turned = [W.T.contiguous().T for W in weights]
    wide = torch.cat([X, X], dim=1)[:, :3]
    assert relative_error(backprop(turned, biases, wide, Y), wanted) < 1e-12


# bad input


def bad(**changes):
    """The arguments of `backprop` for a 3-4-2 network and five examples, with changes."""
    weights, biases, X, Y = network([3, 4, 2], 5, seed=8)
    return {"weights": weights, "biases": biases, "X": X, "Y": Y, **changes}


ONES = torch.ones(5, 3).double()
W, B = network([3, 4, 2], 5, seed=8)[:2]


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"X": [[1.0]]}, TypeError, "backprop: X must be a torch.Tensor, got list"),
        ({"Y": None}, TypeError, "Y must be a torch.Tensor, got NoneType"),
        ({"weights": ONES}, TypeError, "weights must be a list of tensors, got Tensor"),
        ({"weights": iter(W)}, TypeError, "weights must be a list of tensors, got list_iterator"),
        ({"biases": {0: B[0]}}, TypeError, "biases must be a list of tensors, got dict"),
        ({"biases": None}, TypeError, "biases must be a list of tensors, got NoneType"),
        ({"weights": [W[0], [[1.0]]]}, TypeError, "weights[1] must be a torch.Tensor, got list"),
        ({"biases": [0.0, B[1]]}, TypeError, "biases[0] must be a torch.Tensor, got float"),
        ({"weights": "ab"}, TypeError, "weights[0] must be a torch.Tensor, got str"),
        ({"X": ONES.float()}, TypeError, "one floating dtype were wanted, got torch.float32, "),
        ({"Y": torch.zeros(5, 2, dtype=torch.int64)}, TypeError, "torch.float64, torch.int64"),
        ({"biases": [B[0].half(), B[1]]}, TypeError, "got torch.float16, torch.float64"),
        ({"weights": [], "biases": []}, ValueError, "0 weights and 0 biases, wanted pairs"),
        ({"biases": B[:1]}, ValueError, "2 weights and 1 biases, wanted pairs"),
        ({"weights": [*W, W[1]]}, ValueError, "3 weights and 2 biases, wanted pairs"),
        ({"X": ONES[0]}, ValueError, "X has shape (3,), wanted (n, in) with n ≥ 1"),
        ({"X": ONES[:0]}, ValueError, "X has shape (0, 3), wanted (n, in) with n ≥ 1"),
        ({"X": ONES[None]}, ValueError, "X has shape (1, 5, 3)"),
        ({"X": ONES[:, :2]}, ValueError, "weights[0] has shape (4, 3) and biases[0] (4,), wanted"),
        ({"weights": [W[0].T, W[1]]}, ValueError, "weights[0] has shape (3, 4)"),
        ({"weights": [W[0], W[1].T]}, ValueError, "weights[1] has shape (4, 2)"),
        ({"weights": [W[0][0], W[1]]}, ValueError, "weights[0] has shape (3,)"),
        ({"weights": [W[0][None], W[1]]}, ValueError, "weights[0] has shape (1, 4, 3)"),
        ({"biases": [B[0][:1], B[1]]}, ValueError, "biases[0] (1,), wanted (out, 3) and (out,)"),
        ({"biases": [B[0], B[1].sum()]}, ValueError, "biases[1] (), wanted (out, 4) and (out,)"),
        ({"biases": [B[0][:, None], B[1]]}, ValueError, "biases[0] (4, 1)"),
        ({"Y": torch.ones(5, 1).double()}, ValueError, "Y has shape (5, 1), wanted (5, 2)"),
        ({"Y": torch.ones(2).double()}, ValueError, "Y has shape (2,), wanted (5, 2)"),
        ({"Y": torch.ones(1, 2).double()}, ValueError, "Y has shape (1, 2), wanted (5, 2)"),
        ({"output_error": lambda Z, A, Y: (A - Y).sum(0)}, ValueError, "has shape (2,), wanted"),
        ({"output_error": lambda Z, A, Y: A.mean()}, ValueError, "returned has shape (), wanted"),
        ({"output_error": lambda Z, A, Y: 1.0}, TypeError, "what output_error returned must be a"),
    ],
)  # fmt: skip
def test_bad_input_is_named(changes, error, words):
    with pytest.raises(error, match=re.escape(words)):
        backprop(**bad(**changes))


def test_the_checks_name_their_caller_and_pass_what_fits():
    weights, biases, X, Y = network([3, 4, 2], 5, seed=9)
    require_network("here", weights, biases, X, Y)
    require_tensor_lists("here", weights=weights, nothing=[])
    with pytest.raises(ValueError, match="^here: Y has shape"):
        require_network("here", weights, biases, X, Y.T)
    with pytest.raises(TypeError, match=r"^here: params\[0\] must be a torch.Tensor, got int"):
        require_tensor_lists("here", params=[3])
    with pytest.raises(TypeError, match="^here: all tensors of one floating dtype"):
        require_tensor_lists("here", counts=[torch.ones(2, dtype=torch.int64)])
