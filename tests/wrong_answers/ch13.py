"""Typical wrong answers to the exercises of chapter 13; each must be refused."""

import torch

import d2lhelpers as d2l


def sigmoid_slope(z):
    s = 1 / (1 + torch.exp(torch.tensor(-z, dtype=torch.float64)).item())
    return s * (1 - s)


def tanh_with(
    slope=lambda A: 1 - A**2,
    output_slope=lambda A: 1 - A**2,
    divide=len,
    outer=lambda D, A: D.T @ A,
    sign=1,
    reverse=False,
):
    def tanh_backprop(weights, biases, X, Y):
        As = [X]
        for W, b in zip(weights, biases, strict=True):
            As.append(torch.tanh(As[-1] @ W.T + b))
        delta = sign * (As[-1] - Y) * output_slope(As[-1]) / divide(X)
        grad_weights, grad_biases = [], []
        for i in reversed(range(len(weights))):
            grad_weights.insert(0, outer(delta, As[i]))
            grad_biases.insert(0, delta.sum(0))
            delta = delta @ weights[i] * slope(As[i])
        if reverse:
            return grad_weights[::-1], grad_biases[::-1]
        return grad_weights, grad_biases

    return tanh_backprop


def examiner(sizes, n=6, scale=1.0, tolerance=1e-6, only_weights=False, catch=True):
    def is_correct(candidate) -> bool:
        pairs = list(zip(sizes, sizes[1:], strict=False))
        weights = [scale * torch.randn(o, i, dtype=torch.float64) for i, o in pairs]
        biases = [scale * torch.randn(o, dtype=torch.float64) for _, o in pairs]
        X = torch.randn(n, sizes[0], dtype=torch.float64)
        Y = torch.rand(n, sizes[-1], dtype=torch.float64)
        wanted = d2l.backprop(weights, biases, X, Y)
        try:
            found = candidate(weights, biases, X, Y)
        except RuntimeError:
            if catch:
                return False
            raise
        parts = [(found[0], wanted[0])] if only_weights else zip(found, wanted, strict=True)
        return all(
            f.shape == w.shape and bool((f - w).norm() <= tolerance * w.norm())
            for part in parts
            for f, w in zip(*part, strict=True)
        )

    return is_correct


def exact(candidate) -> bool:
    weights = [torch.randn(4, 3).double(), torch.randn(2, 4).double()]
    biases = [torch.randn(4).double(), torch.randn(2).double()]
    X, Y = torch.randn(50, 3).double(), torch.rand(50, 2).double()
    found, wanted = candidate(weights, biases, X, Y), d2l.backprop(weights, biases, X, Y)
    return all(
        torch.equal(f, w)
        for part in zip(found, wanted, strict=True)
        for f, w in zip(*part, strict=True)
    )


def skip_with(around=True, through=True, slope=d2l.sigmoid_prime, divide=len, first=lambda G: G):
    def skip_backprop(weights, biases, X, Y):
        Zs, As = [], [X]
        for W, b in zip(weights, biases, strict=True):
            Zs.append(As[-1] @ W.T + b)
            As.append(As[-1] + torch.sigmoid(Zs[-1]))
        G = first(As[-1] - Y) / divide(X)
        grad_weights, grad_biases = [], []
        for i in reversed(range(len(weights))):
            delta = G * slope(Zs[i])
            grad_weights.insert(0, delta.T @ As[i])
            grad_biases.insert(0, delta.sum(0))
            G = (G if around else 0) + (delta @ weights[i] if through else 0)
        return grad_weights, grad_biases

    return skip_backprop


def error_instead_of_activation(weights, biases, X, Y):
    """Carries δ, not ∂C/∂a, around the neurons."""
    Zs, As = [], [X]
    for W, b in zip(weights, biases, strict=True):
        Zs.append(As[-1] @ W.T + b)
        As.append(As[-1] + torch.sigmoid(Zs[-1]))
    delta = (As[-1] - Y) * d2l.sigmoid_prime(Zs[-1]) / len(X)
    grad_weights, grad_biases = [], []
    for i in reversed(range(len(weights))):
        grad_weights.insert(0, delta.T @ As[i])
        grad_biases.insert(0, delta.sum(0))
        if i:
            delta = delta + delta @ weights[i] * d2l.sigmoid_prime(Zs[i - 1])
    return grad_weights, grad_biases


INPUT, OUTPUT = {"w1_12", "w1_22"}, {"w2_11", "w2_12", "b2_1"}
SILENT = {"w2_11", "w2_21", "w1_11", "w1_12", "b1_1"}

WRONG = {
    "13.1": [
        1 / 2,
        (0.0, 1 / 8, 1 / 16, -3 / 32, -9 / 32),  # z instead of a
        (3 / 4, 1 / 8, 1 / 16, -3 / 32, -9 / 32),
        (1 / 2, 1 / 2, 1 / 4, -3 / 8, -9 / 8),  # a − y
        (1 / 2, -1 / 8, -1 / 16, 3 / 32, 9 / 32),  # y − a
        (1 / 2, 1 / 4, 1 / 16, -3 / 32, -9 / 32),
        (1 / 2, 1 / 8, 1 / 4, -1 / 2, -3 / 2),  # BP2 without slopes
        (1 / 2, 1 / 8, 1 / 32, -3 / 32, -9 / 32),
        (1 / 2, 1 / 8, 1 / 16, -1 / 8, -3 / 8),  # one slope for all
        (1 / 2, 1 / 8, 1 / 16, 3 / 32, 9 / 32),
        (1 / 2, 1 / 8, 1 / 16, -3 / 32, 1 / 8),  # w¹₁₂
        (1 / 2, 1 / 8, 1 / 16, -3 / 32, -3 / 16),  # the other input
    ],
    "13.2": [
        43,
        (1, 2, 4, (3, 5), 43, 35, 50),
        (2, 4, 2, (3, 5), 43, 35, 50),
        (1, 3, 1, (3, 5), 43, 35, 50),
        (1, 4, 2, (5, 3), 43, 35, 50),
        (1, 4, 2, (5, 4), 43, 35, 50),
        (1, 4, 2, (3, 5), 35, 35, 50),
        (1, 4, 2, (3, 5), 47, 35, 50),
        (1, 4, 2, (3, 5), 43, 43, 50),
        (1, 4, 2, (3, 5), 43, 35, 70),
        (1, 4, 2, (3, 5), 43, 35, 35),
    ],
    "13.3": [
        INPUT,
        (["w1_12", "w1_22"], OUTPUT, SILENT),
        ({"w1_21", "w1_22"}, OUTPUT, SILENT),  # target and source exchanged
        (INPUT | {"b1_2"}, OUTPUT, SILENT),
        ({"w1_12"}, OUTPUT, SILENT),
        ({"w12"}, OUTPUT, SILENT),
        (INPUT, {"w2_11", "w2_21", "b2_1"}, SILENT),
        (INPUT, {"w2_11", "w2_12"}, SILENT),
        (INPUT, OUTPUT | {"b2_2"}, SILENT),
        (INPUT, OUTPUT | {"w1_11", "w1_12", "b1_1"}, SILENT),
        (INPUT, OUTPUT, {"w2_11", "w2_21"}),
        (INPUT, OUTPUT, {"w1_11", "w1_12", "b1_1"}),
        (INPUT, OUTPUT, SILENT | {"b2_1"}),
        (INPUT, OUTPUT, SILENT | {"b2_1", "b2_2"}),
        (INPUT, OUTPUT, {"w2_11", "w2_12", "w1_11", "w1_21", "b1_1"}),
    ],
    "13.4": [
        lambda w, z, n: (w * sigmoid_slope(z)) ** n,
        lambda w, z, n: sigmoid_slope(z) ** (n - 1),
        lambda w, z, n: w ** (n - 1),
        lambda w, z, n: (w * sigmoid_slope(z)) ** (1 - n),
        lambda w, z, n: (w * torch.sigmoid(torch.tensor(z)).item()) ** (n - 1),
        lambda w, z, n: abs(w * sigmoid_slope(z)) ** (n - 1) + 1,
        lambda w, z, n: 0.25 ** (n - 1),
        lambda w, z, n: abs(w * sigmoid_slope(z)) ** (n - 1),
    ],
    "13.5": [
        d2l.backprop,
        tanh_with(slope=lambda A: A * (1 - A)),
        tanh_with(slope=lambda A: 1),
        tanh_with(output_slope=lambda A: 1),
        tanh_with(output_slope=lambda A: A * (1 - A)),
        tanh_with(divide=lambda X: 1),
        tanh_with(sign=-1),
        tanh_with(outer=lambda D, A: A.T @ D),
        tanh_with(reverse=True),
        lambda weights, biases, X, Y: tanh_with()(weights, biases, X, Y)[0],
    ],
    "13.6": [
        lambda candidate: True,
        lambda candidate: False,
        lambda candidate: 1e-9,
        exact,
        examiner([3, 2]),
        examiner([3, 4, 2]),
        examiner([4, 4, 4, 4], scale=0.0),
        examiner([3, 4, 5, 2], n=1),
        examiner([3, 4, 5, 2], tolerance=0.01),
        examiner([3, 4, 5, 2], only_weights=True),
        examiner([3, 4, 5, 2], catch=False),
    ],
    "13.7": [
        d2l.backprop,
        skip_with(around=False),
        skip_with(through=False),
        skip_with(slope=lambda Z: 1 + d2l.sigmoid_prime(Z)),
        skip_with(divide=lambda X: 1),
        skip_with(first=lambda G: -G),
        error_instead_of_activation,
    ],
}
