"""The helpers of chapter 14: values, properties, bad input, autograd and d2l as references."""

import _thread
import inspect
import signal
import threading

import pytest
import torch
from d2l import torch as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import d2lhelpers as d2l


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def double_network(sizes, seed=0):
    net = d2l.Network(sizes, generator=seeded(seed))
    net.weights = [W.double() for W in net.weights]
    net.biases = [b.double() for b in net.biases]
    return net


def autograd_step(net, X, Y, lr, weight_decay=0.0):
    """The parameters after one step along autograd's gradient of the mean quadratic cost."""
    weights = [W.clone().requires_grad_() for W in net.weights]
    biases = [b.clone().requires_grad_() for b in net.biases]
    A = X
    for W, b in zip(weights, biases, strict=True):
        A = torch.sigmoid(nn.functional.linear(A, W, b))
    (((A - Y) ** 2).sum(1) / 2).mean().backward()
    with torch.no_grad():
        new_weights = [(1 - lr * weight_decay) * W - lr * W.grad for W in weights]
        new_biases = [b - lr * b.grad for b in biases]
    return new_weights, new_biases


# The step


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(1, 6), min_size=2, max_size=5),
    n=st.integers(1, 9),
    seed=st.integers(0, 99),
    weight_decay=st.sampled_from([0.0, 0.1]),
)
def test_a_step_is_autograds_step(sizes, n, seed, weight_decay):
    net = double_network(sizes, seed)
    X = torch.rand(n, sizes[0], generator=seeded(seed), dtype=torch.float64)
    Y = torch.rand(n, sizes[-1], generator=seeded(seed + 1), dtype=torch.float64)
    X_kept, Y_kept = X.clone(), Y.clone()
    wanted = autograd_step(net, X, Y, 0.7, weight_decay)
    d2l.backprop_step(net.weights, net.biases, X, Y, 0.7, net.output_error, weight_decay)
    torch.testing.assert_close((net.weights, net.biases), wanted, rtol=1e-9, atol=1e-12)
    assert torch.equal(X, X_kept) and torch.equal(Y, Y_kept)


def test_a_step_takes_another_output_error():
    net = double_network([3, 4, 2])
    X, Y = torch.rand(5, 3, dtype=torch.float64), torch.rand(5, 2, dtype=torch.float64)
    grads = d2l.backprop(net.weights, net.biases, X, Y, lambda Z, A, Y: torch.tanh(Z) - Y)
    params = net.weights + net.biases
    wanted = [p - 0.3 * g for p, g in zip(params, grads[0] + grads[1], strict=True)]
    d2l.backprop_step(net.weights, net.biases, X, Y, 0.3, lambda Z, A, Y: torch.tanh(Z) - Y)
    torch.testing.assert_close(net.weights + net.biases, wanted)


def test_an_epoch_gives_each_example_once_and_the_last_batch_is_short():
    seen = []
    X = torch.arange(10.0)[:, None]
    d2l.sgd_epoch(lambda A, B: seen.append((A, B)), X, -X, 4, seeded())
    assert [len(A) for A, _ in seen] == [4, 4, 2]
    assert all(torch.equal(A, -B) for A, B in seen)
    order = torch.cat([A for A, _ in seen]).flatten()
    assert not torch.equal(order, X.flatten())
    assert torch.equal(order.sort().values, X.flatten())


# Network


def test_layers_have_the_shapes_and_the_distribution_they_promise():
    net = d2l.Network([200, 300, 10], generator=seeded())
    assert net.sizes == [200, 300, 10]
    assert [tuple(W.shape) for W in net.weights] == [(300, 200), (10, 300)]
    assert [tuple(b.shape) for b in net.biases] == [(300,), (10,)]
    assert abs(net.weights[0].mean()) < 0.02 and abs(net.weights[0].std() - 1) < 0.02


def test_scaled_weights_are_the_same_draws_divided_by_the_root_of_the_inputs():
    plain = d2l.Network([100, 4, 9, 2], generator=seeded())
    scaled = d2l.Network([100, 4, 9, 2], scaled=True, generator=seeded())
    for W, smaller, root in zip(plain.weights, scaled.weights, (10, 2, 3), strict=True):
        torch.testing.assert_close(smaller * root, W)
    assert all(map(torch.equal, plain.biases, scaled.biases))


def test_the_forward_pass_is_that_of_nn():
    net = d2l.Network([4, 5, 3], generator=seeded())
    twin = nn.Sequential(nn.Linear(4, 5), nn.Sigmoid(), nn.Linear(5, 3), nn.Sigmoid())
    with torch.no_grad():
        for layer, W, b in zip((twin[0], twin[2]), net.weights, net.biases, strict=True):
            layer.weight.copy_(W)
            layer.bias.copy_(b)
        X = torch.rand(7, 4, generator=seeded())
        torch.testing.assert_close(net(X), twin(X))
        torch.testing.assert_close(net(X.reshape(7, 1, 2, 2)), twin(X))


def test_one_epoch_of_one_batch_is_one_step():
    net, y = d2l.Network([2, 3, 2], generator=seeded()), torch.tensor([0, 1, 1])
    X = torch.rand(3, 2, generator=seeded(1))
    wanted = autograd_step(net, X, torch.eye(2)[y], 1.5, 0.2)
    net.fit(X, y, 1, 8, 1.5, weight_decay=0.2, progress=False)
    torch.testing.assert_close((net.weights, net.biases), wanted)


def test_learns_xor():
    X = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = torch.tensor([0, 1, 1, 0])
    net = d2l.Network([2, 8, 2], generator=seeded(1))
    history = net.fit(X, y, 1500, 4, 5.0, generator=seeded(2), progress=False)
    assert history[-1] == 1.0 and len(history) == 1500


def test_learns_blobs_and_says_how_it_does_on_the_validation_examples():
    y = torch.arange(300) % 3
    centers = torch.tensor([[0.0, 3.0], [3.0, 0.0], [-3.0, -3.0]])
    X = centers[y] + torch.randn(300, 2, generator=seeded())
    net = d2l.Network([2, 6, 3], generator=seeded(1))
    wrong = (X, (y + 1) % 3)  # labels that are never right once the blobs are learned
    history = net.fit(X, y, 20, 10, 1.0, validation=wrong, generator=seeded(2), progress=False)
    assert d2l.evaluate_accuracy(net, [(X, y)]) > 0.95
    assert history[-1] < 0.05
    more = net.fit(X, y, 1, 10, 1.0, generator=seeded(3), progress=False)
    assert more == [d2l.evaluate_accuracy(net, [(X, y)])]  # without validation: the training set


def test_the_generators_decide():
    X, y = torch.rand(50, 3, generator=seeded()), torch.arange(50) % 2

    def weights(start, order):
        net = d2l.Network([3, 4, 2], generator=seeded(start))
        torch.rand(start + 7 * order + 1)  # the global generator is somewhere else each time
        net.fit(X, y, 2, 7, 3.0, generator=seeded(order), progress=False)
        return net.weights[0]

    assert torch.equal(weights(1, 2), weights(1, 2))
    assert not torch.equal(weights(1, 2), weights(1, 3))
    assert not torch.equal(weights(1, 2), weights(4, 2))


def test_what_is_given_stays_as_it_is():
    X, y = torch.rand(20, 3, generator=seeded()), torch.arange(20) % 2
    kept = X.clone(), y.clone()
    d2l.Network([3, 2]).fit(X, y, 2, 6, 1.0, progress=False)
    assert torch.equal(X, kept[0]) and torch.equal(y, kept[1])


def test_other_dtypes_are_converted():
    net = d2l.Network([3, 2], generator=seeded())
    X, y = torch.rand(6, 3, generator=seeded(), dtype=torch.float64), torch.arange(6) % 2
    assert net(X).dtype == torch.float32
    net.fit(X, y.to(torch.uint8), 1, 6, 1.0, progress=False)
    assert net.weights[0].dtype == torch.float32


def test_the_device_is_kept():
    net = d2l.Network([3, 4, 2], device="meta")  # a device without numbers, there on every machine
    assert {tensor.device.type for tensor in net.weights + net.biases} == {"meta"}
    for device in ("meta", "cpu"):
        assert net(torch.empty(5, 3, device=device)).device.type == "meta"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_what_the_cpu_gives():
    X, y = torch.rand(40, 3, generator=seeded()), torch.arange(40) % 2
    nets = []
    for device in ("cpu", "cuda"):
        net = d2l.Network([3, 4, 2], generator=seeded(1), device=device)
        net.fit(X, y, 2, 7, 1.0, generator=seeded(2), progress=False)
        assert {tensor.device.type for tensor in net.weights + net.biases} == {device}
        assert net(X).device.type == device
        nets.append([W.cpu() for W in net.weights])
    torch.testing.assert_close(*nets, rtol=1e-4, atol=1e-5)


def test_an_interruption_returns_the_history_so_far():
    X, y = torch.rand(20, 3, generator=seeded()), torch.arange(20) % 2
    net = d2l.Network([3, 4, 2], generator=seeded())
    timer = threading.Timer(0.5, _thread.interrupt_main)
    # A shell lets what it starts in the background ignore the signal; a kernel never does.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        timer.start()
        history = net.fit(X, y, 100_000, 10, 1.0, progress=False)
    except KeyboardInterrupt:
        pytest.fail("the interruption left fit")
    finally:
        timer.cancel()
        timer.join()
        signal.signal(signal.SIGINT, before)
    assert 0 < len(history) < 100_000
    assert net(X).isfinite().all()
    assert len(net.fit(X, y, 2, 10, 1.0, progress=False)) == 2


@pytest.mark.parametrize("progress", [True, False])
def test_the_progress_bar_is_asked_for_and_leaves_nothing_behind(progress, capsys, monkeypatch):
    from d2lhelpers import digits

    bars, tqdm = [], digits.tqdm
    monkeypatch.setattr(digits, "tqdm", lambda *a, **k: bars.append(k) or tqdm(*a, **k))
    X, y = torch.rand(4, 3), torch.arange(4) % 2
    d2l.Network([3, 2]).fit(X, y, 2, 2, 1.0, progress=progress)
    (options,) = bars
    assert options["disable"] == (not progress) and options["leave"] is False
    printed = capsys.readouterr()  # a training this short shows no bar
    assert printed.out == "" and printed.err == ""


# accuracy and evaluate_accuracy


@pytest.mark.parametrize("name", ["accuracy", "evaluate_accuracy"])
def test_signatures_are_those_of_d2l(name):
    ours = list(inspect.signature(getattr(d2l, name)).parameters)
    assert ours == list(inspect.signature(getattr(reference, name)).parameters)


@given(n=st.integers(1, 30), k=st.integers(2, 6), seed=st.integers(0, 999))
def test_accuracy_is_that_of_d2l(n, k, seed):
    y_hat = torch.randint(4, (n, k), generator=seeded(seed)) / 4  # with equal scores
    y = torch.randint(k, (n,), generator=seeded(seed + 1))
    found = d2l.accuracy(y_hat, y)
    assert isinstance(found, float) and found == reference.accuracy(y_hat, y)
    classes = torch.randint(k, (n,), generator=seeded(seed + 2))
    assert d2l.accuracy(classes, y) == reference.accuracy(classes, y)
    assert d2l.accuracy(classes[:, None], y) == reference.accuracy(classes, y)
    assert d2l.accuracy(classes, y[:, None]) == reference.accuracy(classes, y)


def test_accuracy_counts_nan_as_wrong():
    y_hat = torch.tensor([[float("nan"), 0.1], [0.9, 0.1], [0.2, float("nan")]])
    assert d2l.accuracy(y_hat, torch.tensor([0, 0, 1])) == 1.0
    assert d2l.accuracy(torch.tensor([0.0, float("nan")]), torch.tensor([0, 1])) == 1.0


@pytest.mark.parametrize(
    ("y_hat", "y", "error", "word"),
    [
        ([[0.1, 0.9]], torch.tensor([1]), TypeError, "y_hat must be a torch.Tensor"),
        (torch.rand(2, 3), 1, TypeError, "y must be a torch.Tensor"),
        (torch.rand(2, 3), torch.tensor([1]), ValueError, "y_hat has 2, y has 1"),
        (torch.rand(2, 3), torch.zeros(2, 3), ValueError, "2 predictions and 6 labels"),
        (torch.rand(0, 3), torch.zeros(0), ValueError, "empty"),
        (torch.tensor(1.0), torch.tensor([1]), ValueError, "scalar"),
    ],
)
def test_accuracy_refuses(y_hat, y, error, word):
    with pytest.raises(error, match=word):
        d2l.accuracy(y_hat, y)


def batches_of(X, y, size):
    return list(zip(X.split(size), y.split(size), strict=True))


@given(n=st.integers(1, 40), size=st.integers(1, 17))
def test_evaluate_accuracy_is_that_of_d2l_whatever_the_batches(n, size):
    X, y = torch.rand(n, 3, generator=seeded(n)), torch.randint(2, (n,), generator=seeded(n + 1))
    net = nn.Linear(3, 2)
    found = d2l.evaluate_accuracy(net, batches_of(X, y, size))
    assert abs(found - reference.evaluate_accuracy(net, batches_of(X, y, size))) < 1e-12
    assert abs(found - d2l.accuracy(net(X), y) / n) < 1e-12


def test_evaluate_accuracy_takes_any_callable_any_iterable_and_a_saved_network():
    X, y = torch.eye(3), torch.arange(3)
    assert d2l.evaluate_accuracy(lambda X: X, iter([(X, y)])) == 1.0
    assert d2l.evaluate_accuracy(lambda X: -X, d2l.load_array((X, y), 2)) == 0.0
    net = d2l.Network([3, 3], generator=seeded())
    wanted = (net(X).argmax(1) == y).double().mean().item()
    assert d2l.evaluate_accuracy(net, [(X, y)]) == wanted


def test_evaluate_accuracy_evaluates_without_gradients_and_puts_each_mode_back():
    seen = []

    class Watch(nn.Module):
        def forward(self, X):
            seen.append((self.training, torch.is_grad_enabled()))
            return X

    net = nn.Sequential(Watch(), nn.Dropout(0.5)).train()
    net[1].eval()
    d2l.evaluate_accuracy(net, [(torch.eye(2), torch.arange(2))] * 2)
    assert seen == [(False, False)] * 2
    assert [net.training, net[0].training, net[1].training] == [True, True, False]


def test_evaluate_accuracy_puts_the_mode_back_after_an_error():
    net = nn.Linear(3, 2).train()
    with pytest.raises(RuntimeError):
        d2l.evaluate_accuracy(net, [(torch.rand(2, 5), torch.arange(2))])
    assert net.training and torch.is_grad_enabled()


def test_evaluate_accuracy_refuses():
    with pytest.raises(ValueError, match="at least one batch"):
        d2l.evaluate_accuracy(lambda X: X, [])
    with pytest.raises(TypeError, match="callable, got int"):
        d2l.evaluate_accuracy(3, [(torch.eye(2), torch.arange(2))])


# Bad input


@pytest.mark.parametrize(
    ("sizes", "error", "word"),
    [
        ([784], ValueError, "1 layers, wanted at least 2"),
        ([], ValueError, "0 layers, wanted at least 2"),
        ([784, 0, 10], ValueError, r"sizes\[1\] must be at least 1, got 0"),
        ([784, 30.0, 10], TypeError, r"sizes\[1\] must be an int, got float"),
        (784, TypeError, "sizes must be a list of ints, got int"),
    ],
)
def test_network_refuses_sizes(sizes, error, word):
    with pytest.raises(error, match=word):
        d2l.Network(sizes)


def test_network_refuses_another_generator():
    with pytest.raises(TypeError, match="generator must be a torch.Generator, got int"):
        d2l.Network([2, 2], generator=3)
    with pytest.raises(TypeError, match="generator must be a torch.Generator, got int"):
        d2l.Network([2, 2]).fit(torch.rand(4, 2), torch.arange(4) % 2, 1, 2, 1.0, generator=3)


GOOD = {
    "X": torch.rand(6, 4),
    "y": torch.arange(6) % 3,
    "num_epochs": 1,
    "batch_size": 2,
    "lr": 1.0,
}
NAN = torch.rand(6, 4).index_fill(0, torch.tensor([2]), float("nan"))


@pytest.mark.parametrize(
    ("changed", "error", "word"),
    [
        ({"X": torch.rand(6, 5)}, ValueError, "X has 5 features, wanted 4"),
        ({"X": [[1.0] * 4] * 6}, TypeError, "X must be a torch.Tensor, got list"),
        ({"X": torch.zeros(6, 4, dtype=torch.uint8)}, TypeError, "floating point, got torch.uint8"),
        ({"X": torch.rand(0, 4)}, ValueError, "X is empty"),
        ({"X": NAN}, ValueError, "NaN"),
        ({"X": torch.full((6, 4), float("inf"))}, ValueError, "infinity"),
        ({"y": torch.arange(6)}, ValueError, "labels 0 to 5, wanted 0 to 2"),
        ({"y": torch.arange(6) % 3 - 1}, ValueError, "labels -1 to 1, wanted 0 to 2"),
        ({"y": torch.zeros(6)}, TypeError, "y must hold integers, got torch.float32"),
        ({"y": torch.zeros(6, dtype=torch.bool)}, TypeError, "got torch.bool"),
        ({"y": torch.arange(5) % 3}, ValueError, r"y has shape \(5,\), wanted \(6,\)"),
        ({"y": torch.eye(6, 3)}, ValueError, r"y has shape \(6, 3\)"),
        ({"y": [0] * 6}, TypeError, "y must be a torch.Tensor, got list"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
        ({"batch_size": 2.0}, TypeError, "batch_size must be an int, got float"),
        ({"num_epochs": 0}, ValueError, "num_epochs must be at least 1, got 0"),
        ({"lr": "3"}, TypeError, "lr must be a number, got str"),
        ({"weight_decay": None}, TypeError, "weight_decay must be a number"),
        ({"validation": (NAN, torch.arange(6) % 3)}, ValueError, "fit: validation: X holds NaN"),
        (
            {"validation": (torch.rand(2, 4), torch.tensor([0, 9]))},
            ValueError,
            "fit: validation: y has labels 0 to 9",
        ),
        (
            {"validation": (torch.rand(2, 5), torch.tensor([0, 1]))},
            ValueError,
            "fit: validation: X has 5 features",
        ),
        (
            {"validation": (torch.rand(2, 4), torch.tensor([0.0, 1.0]))},
            TypeError,
            "fit: validation: y must hold integers",
        ),
        ({"validation": (torch.rand(2, 4), [0, 1])}, TypeError, "fit: validation: y must be a"),
        (
            {"validation": (torch.rand(2, 4), torch.arange(3))},
            ValueError,
            "fit: validation: y has shape",
        ),
        ({"validation": torch.rand(2, 4)}, ValueError, "fit: validation: X has 1 features"),
        ({"validation": (torch.rand(2, 4),)}, ValueError, "unpack"),
    ],
)
def test_fit_refuses_and_learns_nothing(changed, error, word):
    net = d2l.Network([4, 3], generator=seeded())
    kept = [W.clone() for W in net.weights]
    with pytest.raises(error, match=word):
        net.fit(**{**GOOD, **changed}, progress=False)
    assert all(torch.equal(W, old) for W, old in zip(net.weights, kept, strict=True))


@pytest.mark.parametrize(
    ("X", "error", "word"),
    [
        (torch.rand(2, 3), ValueError, "X has 3 features, wanted 4"),
        (torch.rand(4), ValueError, "X has 1 features, wanted 4"),
        (torch.zeros(2, 4, dtype=torch.int64), TypeError, "floating point, got torch.int64"),
        ("digit", TypeError, "X must be a torch.Tensor, got str"),
    ],
)
def test_calling_refuses(X, error, word):
    with pytest.raises(error, match=word):
        d2l.Network([4, 3])(X)


def test_a_diverged_network_is_seen():
    net = d2l.Network([4, 3], generator=seeded())
    X, y = GOOD["X"], GOOD["y"]
    history = net.fit(X, y, 2, 6, float("nan"), progress=False)
    assert history == [0.0, 0.0]  # never right, where chance would be right sometimes
    assert net(X).isnan().all()
