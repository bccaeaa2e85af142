"""The helpers that chapter 08 saves: values, properties, bad input, and d2l as the reference."""

import inspect

import pytest
import torch
from d2l import torch as reference
from hypothesis import given, settings
from hypothesis import strategies as st

import d2lhelpers as d2l

SHARED = ("synthetic_data", "linreg", "squared_loss", "sgd")
sizes = st.integers(1, 700)


@pytest.mark.parametrize("name", SHARED)
def test_signatures_are_those_of_d2l(name):
    ours = list(inspect.signature(getattr(d2l, name)).parameters)
    assert ours == list(inspect.signature(getattr(reference, name)).parameters)


# synthetic_data


@pytest.mark.parametrize("shape", [(2,), (5,), (1,)])
def test_synthetic_data_is_that_of_d2l_for_the_same_seed(shape):
    w = torch.randn(shape)
    torch.manual_seed(3)
    wanted = reference.synthetic_data(w, 4.2, 40)
    torch.manual_seed(3)
    torch.testing.assert_close(d2l.synthetic_data(w, 4.2, 40), wanted)


@given(n=sizes, d=st.integers(1, 6), column=st.booleans())
def test_synthetic_data_shapes_and_formula(n, d, column):
    w = torch.randn((d, 1) if column else (d,), dtype=torch.float64)
    X, y = d2l.synthetic_data(w, 1.5, n)
    assert X.shape == (n, d) and y.shape == (n, 1)
    assert X.dtype == y.dtype == torch.float64
    assert (X @ w.reshape(d, 1) + 1.5 - y).abs().max() < 0.08  # 8 standard deviations


def test_synthetic_data_noise_and_inputs_have_the_stated_deviation():
    torch.manual_seed(0)
    w = torch.tensor([2.0, -3.4])
    X, y = d2l.synthetic_data(w, 4.2, 20_000)
    noise = y - X @ w.reshape(2, 1) - 4.2
    assert abs(noise.std() - 0.01) < 3e-4 and abs(noise.mean()) < 3e-4
    assert abs(X.std() - 1) < 0.03 and abs(X.mean()) < 0.03


def test_synthetic_data_takes_a_tensor_as_bias_and_passes_nan_through():
    X, y = d2l.synthetic_data(torch.tensor([1.0]), torch.tensor([7.0]), 5)
    assert y.shape == (5, 1)
    X, y = d2l.synthetic_data(torch.tensor([float("nan")]), 0.0, 5)
    assert y.isnan().all() and not X.isnan().any()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([2.0, -3.4], 4.2, 10), TypeError, "w must be a torch.Tensor, got list"),
        ((torch.ones(2), 4.2, 0), ValueError, "num_examples must be at least 1, got 0"),
        ((torch.ones(2), 4.2, 10.0), TypeError, "num_examples must be an int, got float"),
        ((torch.ones(0), 4.2, 10), ValueError, "w is empty"),
        ((torch.tensor(1.0), 4.2, 10), ValueError, "w is a scalar"),
        ((torch.ones(2, 3), 4.2, 10), ValueError, r"w has shape \(2, 3\)"),
        ((torch.ones(2, dtype=torch.int64), 4.2, 10), ValueError, "dtype torch.int64"),
        ((torch.ones(2), torch.ones(3), 10), ValueError, "b has 3 values, wanted one"),
        ((torch.ones(2), "4.2", 10), TypeError, "b must be a number, got str"),
    ],
)
def test_synthetic_data_refuses(arguments, error, message):
    with pytest.raises(error, match=f"^synthetic_data: .*{message}"):
        d2l.synthetic_data(*arguments)


# take_batches


@given(n=sizes, batch_size=st.integers(1, 900), wide=st.booleans())
def test_batches_follow_the_given_order(n, batch_size, wide):
    order = torch.randperm(2 * n)[:n]
    X = torch.arange(2 * n).reshape(-1, 1).repeat(1, 3000 if wide else 1)
    batches = list(d2l.take_batches(order, batch_size, X, X[:, 0]))
    assert torch.equal(torch.cat([y for _, y in batches]), order)
    assert torch.equal(torch.cat([X[:, -1] for X, _ in batches]), order)
    full, rest = divmod(n, batch_size)
    assert [len(y) for _, y in batches] == [batch_size] * full + [rest] * (rest > 0)


def test_each_batch_has_a_graph_of_its_own():
    X = torch.ones(10, 2, requires_grad=True)
    for (batch,) in d2l.take_batches(torch.arange(10), 3, X):
        batch.sum().backward()
    assert torch.equal(X.grad, torch.ones(10, 2))


def test_changing_one_batch_leaves_the_gradients_of_others_alone():
    w = torch.ones(2, requires_grad=True)
    first, second = (X for (X,) in d2l.take_batches(torch.arange(4), 2, torch.ones(4, 2)))
    loss = (first @ w).square().sum()
    second.zero_()
    loss.backward()
    assert w.grad.tolist() == [8.0, 8.0]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([0, 1], 2, torch.ones(3)), TypeError, "order must be a torch.Tensor, got list"),
        ((torch.arange(3), 0, torch.ones(3)), ValueError, "batch_size must be at least 1, got 0"),
        ((torch.arange(3), 2, [1, 2, 3]), TypeError, r"arrays\[0\] must be a torch.Tensor"),
        ((torch.ones(3), 2, torch.ones(3)), TypeError, "order must hold integers"),
        ((torch.arange(0), 2, torch.ones(3)), ValueError, "order is empty"),
        ((torch.arange(4), 2, torch.ones(3)), ValueError, "0 to 3, there are rows 0 to 2"),
        ((torch.tensor([-1]), 2, torch.ones(3)), ValueError, "positions -1 to -1"),
        ((torch.arange(3), 2), TypeError, "at least one array was wanted"),
        ((torch.ones(2, 2).long(), 2, torch.ones(3)), ValueError, r"order has shape \(2, 2\)"),
        (
            (torch.arange(3), 2, torch.ones(3), torch.ones(4)),
            ValueError,
            r"arrays\[0\] has 3, arrays\[1\] has 4",
        ),
    ],
)
def test_take_batches_refuses(arguments, error, message):
    with pytest.raises(error, match=f"^take_batches: .*{message}"):
        next(d2l.take_batches(*arguments))


# data_iter


@given(n=sizes, batch_size=st.integers(1, 900), d=st.integers(1, 3))
def test_an_epoch_has_every_example_once_with_its_own_label(n, batch_size, d):
    labels = torch.arange(n)
    features = labels.reshape(n, 1).repeat(1, d) * 10
    batches = list(d2l.data_iter(batch_size, features, labels))
    seen = torch.cat([y for _, y in batches])
    assert torch.equal(seen.sort().values, labels)
    assert all(torch.equal(X, y.reshape(-1, 1).repeat(1, d) * 10) for X, y in batches)
    full, rest = divmod(n, batch_size)
    assert [len(y) for _, y in batches] == [batch_size] * full + [rest] * (rest > 0)


def test_epochs_differ_and_a_seed_repeats_them():
    features, labels = torch.randn(500, 2), torch.arange(500)

    def order(seed=None):
        if seed is not None:
            torch.manual_seed(seed)
        return torch.cat([y for _, y in d2l.data_iter(7, features, labels)])

    assert torch.equal(order(1), order(1))
    assert not torch.equal(order(), order())
    assert not torch.equal(order(), labels)


def test_each_place_in_an_epoch_is_equally_likely():
    torch.manual_seed(0)
    labels = torch.arange(5)
    first = [next(d2l.data_iter(2, labels, labels))[1][0].item() for _ in range(2000)]
    counts = torch.tensor(first).bincount(minlength=5)
    assert counts.sum() == 2000 and (counts - 400).abs().max() < 90  # 5 standard deviations


def test_batches_may_be_changed_without_changing_the_data():
    features, labels = torch.ones(10, 2), torch.ones(10)
    for X, y in d2l.data_iter(3, features, labels):
        X.zero_()
        y.zero_()
    assert features.sum() == 20 and labels.sum() == 10


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0, torch.ones(3), torch.ones(3)), ValueError, "batch_size must be at least 1, got 0"),
        ((2.0, torch.ones(3), torch.ones(3)), TypeError, "batch_size must be an int, got float"),
        ((2, [1, 2, 3], torch.ones(3)), TypeError, "features must be a torch.Tensor, got list"),
        ((2, torch.ones(3), torch.ones(4)), ValueError, "features has 3, labels has 4"),
        ((2, torch.ones(0), torch.ones(0)), ValueError, "features is empty"),
    ],
)
def test_data_iter_refuses(arguments, error, message):
    with pytest.raises(error, match=f"^data_iter: .*{message}"):
        next(d2l.data_iter(*arguments))


# linreg


@given(n=sizes, d=st.integers(1, 5), k=st.integers(0, 3))
def test_linreg_is_that_of_d2l(n, d, k):
    X, w, b = torch.randn(n, d), torch.randn((d, k) if k else (d,)), torch.randn(1)
    torch.testing.assert_close(d2l.linreg(X, w, b), reference.linreg(X, w, b))


def test_linreg_by_hand():
    y_hat = d2l.linreg(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([10.0, 1.0]), 0.5)
    assert y_hat.tolist() == [12.5, 34.5]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((torch.ones(4, 3), torch.ones(2), 0), ValueError, r"\(4, 3\) and w has shape \(2,\)"),
        ((torch.tensor(1.0), torch.ones(1), 0), ValueError, r"X has shape \(\)"),
        (([[1.0]], torch.ones(1), 0), TypeError, "X must be a torch.Tensor, got list"),
        ((torch.ones(1, 1), 2.0, 0), TypeError, "w must be a torch.Tensor, got float"),
        ((torch.ones(5, 2).long(), torch.ones(2), 0), TypeError, "int64 and w torch.float32"),
        ((torch.ones(5, 2), torch.ones(2, 1), torch.ones(5)), ValueError, r"b of shape \(5,\)"),
    ],
)
def test_linreg_refuses(arguments, error, message):
    with pytest.raises(error, match=f"^linreg: .*{message}"):
        d2l.linreg(*arguments)


# squared_loss


@given(n=sizes, as_column=st.booleans())
def test_squared_loss_is_that_of_d2l_and_has_the_shape_of_the_predictions(n, as_column):
    y_hat = torch.randn((n, 1) if as_column else (n,))
    for y in (torch.randn(n), torch.randn(n, 1)):
        found = d2l.squared_loss(y_hat, y)
        assert found.shape == y_hat.shape
        torch.testing.assert_close(found, reference.squared_loss(y_hat, y))


def test_squared_loss_by_hand_and_with_integer_labels():
    y_hat = torch.tensor([[1.0], [5.0]])
    for dtype in (torch.float32, torch.int64, torch.float64):
        found = d2l.squared_loss(y_hat, torch.tensor([2, 2], dtype=dtype))
        assert found.dtype == torch.float32 and found.tolist() == [[0.5], [4.5]]


def test_the_gradient_of_the_squared_loss_is_the_error():
    y_hat = torch.randn(30, dtype=torch.float64, requires_grad=True)
    y = torch.randn(30, dtype=torch.float64)
    d2l.squared_loss(y_hat, y).sum().backward()
    torch.testing.assert_close(y_hat.grad, y_hat.detach() - y)


def test_squared_loss_passes_nan_through():
    assert d2l.squared_loss(torch.tensor([1.0, float("nan")]), torch.ones(2)).isnan().sum() == 1


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((torch.ones(10, 1), torch.ones(12)), ValueError, "y has 12 values, y_hat has 10"),
        ((torch.ones(0), torch.ones(0)), ValueError, "y has 0 values, y_hat has 0"),
        ((torch.ones(2), [1.0, 2.0]), TypeError, "y must be a torch.Tensor, got list"),
        ((torch.ones(2).long(), torch.ones(2)), TypeError, "y_hat must be floating point"),
        ((torch.ones(2), torch.ones(2) * 1j), TypeError, "y real, got .* torch.complex64"),
    ],
)
def test_squared_loss_refuses(arguments, error, message):
    with pytest.raises(error, match=f"^squared_loss: .*{message}"):
        d2l.squared_loss(*arguments)


# sgd


def parameters_with_gradients(seed=0):
    generator = torch.Generator().manual_seed(seed)
    params = [torch.randn(shape, generator=generator) for shape in ((3, 1), (1,))]
    for param in params:
        param.requires_grad_()
        param.grad = torch.randn(param.shape, generator=generator)
    return params


@settings(deadline=None)
@given(lr=st.floats(0, 10), batch_size=st.integers(1, 1000), seed=st.integers(0, 99))
def test_sgd_is_that_of_d2l(lr, batch_size, seed):
    ours, theirs = parameters_with_gradients(seed), parameters_with_gradients(seed)
    d2l.sgd(ours, lr, batch_size)
    reference.sgd(theirs, lr, batch_size)
    for have, want in zip(ours, theirs, strict=True):
        torch.testing.assert_close(have, want)
        assert not have.grad.any() and have.requires_grad and have.is_leaf


def test_sgd_by_hand():
    w = torch.tensor([1.0], requires_grad=True)
    w.grad = torch.tensor([6.0])
    d2l.sgd([w], lr=0.5, batch_size=3)
    assert w.item() == 0.0 and w.grad.item() == 0.0


def test_sgd_takes_any_iterable_and_passes_nan_through():
    params = parameters_with_gradients()
    d2l.sgd((param for param in params), float("nan"), 1)
    assert all(param.isnan().all() for param in params)


def test_a_missing_gradient_changes_nothing():
    params = parameters_with_gradients()
    before = params[0].clone()
    params[1].grad = None
    with pytest.raises(ValueError, match=r"sgd: params\[1\] has no gradient; call backward\(\)"):
        d2l.sgd(params, 0.1, 10)
    assert torch.equal(params[0], before) and params[0].grad.any()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([1.0], 0.1, 10), TypeError, r"params\[0\] must be a torch.Tensor, got float"),
        (([torch.ones(1)], 0.1, 0), ValueError, "batch_size must be at least 1, got 0"),
        (([torch.ones(1)], "fast", 1), TypeError, "lr must be a number, got str"),
        (([], 0.1, 1), ValueError, "params is empty"),
        ((torch.ones(2), 0.1, 1), TypeError, "params must be a list of tensors, got one tensor"),
        ((3, 0.1, 1), TypeError, "params must be a list of tensors, got int"),
    ],
)
def test_sgd_refuses(arguments, error, message):
    with pytest.raises(error, match=f"^sgd: .*{message}"):
        d2l.sgd(*arguments)


# all of them together


@pytest.mark.parametrize("seed", range(3))
def test_the_helpers_together_find_the_weights(seed):
    torch.manual_seed(seed)
    true_w, true_b = torch.tensor([2.0, -3.4]), 4.2
    features, labels = d2l.synthetic_data(true_w, true_b, 1000)
    w = torch.normal(0, 0.01, (2, 1), requires_grad=True)
    b = torch.zeros(1, requires_grad=True)
    for _ in range(3):
        for X, y in d2l.data_iter(10, features, labels):
            d2l.squared_loss(d2l.linreg(X, w, b), y).sum().backward()
            d2l.sgd([w, b], 0.03, 10)
    assert (w.detach().flatten() - true_w).abs().max() < 1.5e-3 and abs(b.item() - true_b) < 1.5e-3
