"""Typical wrong answers to the exercises of chapter 18; each must be refused."""

import math
import statistics

import torch


def chain(slope=lambda out: out * (1 - out), first=False, one=True, carry=True, weight=True,
          reverse=False, product=False, skip=0):  # fmt: skip
    def chain_factors(weights, biases, x, residual):
        a, factors = x, []
        for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
            out = 1 / (1 + math.exp(-(w * a + b)))
            around = residual and (i > 0 or first)
            factors.append((w if weight else 1) * slope(out) + (around and one))
            a = out + (a if around and carry else 0)
        factors = factors[skip:]
        return math.prod(factors) if product else factors[::-1] if reverse else factors

    return chain_factors


def chain_at_the_activation(weights, biases, x, residual):
    """The slope at the sum of activation and input, as if it were a sigmoid's value."""
    a, factors = x, []
    for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
        around = residual and i > 0
        a = 1 / (1 + math.exp(-(w * a + b))) + (a if around else 0)
        factors.append(w * a * (1 - a) + around)
    return factors


def chain_by_autograd(weights, biases, x, residual):
    a, factors = torch.tensor(x, dtype=torch.float64), []
    for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
        a = a.detach().requires_grad_()
        out = torch.sigmoid(w * a + b) + (a if residual and i > 0 else 0)
        factors.append(torch.autograd.grad(out, a)[0].item())
        a = out
    return factors


def leaky_std(n, c):
    return math.sqrt(2 / (n * (1 + c**2)))


def spreads(std=leaky_std, bend=True, of_a=False, last=False):
    def leaky_spreads(A, draws, c):
        found = []
        for draw in draws:
            Z = std(len(draw), c) * A @ draw
            A = torch.where(Z > 0, Z, c * Z) if bend else Z
            found.append((A if of_a else Z).std().item())
        return found[-1] if last else found

    return leaky_spreads


def doubling_in_place(A, draws, c):
    for draw in draws:
        draw *= leaky_std(len(draw), c)
    return spreads(std=lambda n, c: 1.0)(A, draws, c)


def referee(middle=statistics.median, power=lambda n: 1 / (n - 1), nan=0.0, all_rates=False,
            forward=False):  # fmt: skip
    def compare(runs):
        found = {}
        for method in {run["method"] for run in runs}:
            rates = {}
            for run in runs:
                if run["method"] == method:
                    value = run["validation"]
                    if math.isnan(value) and nan == "drop":
                        continue
                    value = nan if math.isnan(value) and nan is not None else value
                    factor = (run["sizes"][0] / run["sizes"][-1]) ** power(len(run["sizes"]))
                    rates.setdefault(run["lr"], []).append(
                        (value, 1 / factor if forward else factor)
                    )
            if not rates:
                continue
            scores = {lr: middle([value for value, _ in pairs]) for lr, pairs in rates.items()}
            lr = max(scores, key=scores.get)
            chosen = sum(rates.values(), []) if all_rates else rates[lr]
            found[method] = (lr, scores[lr], statistics.median(factor for _, factor in chosen))
        return found

    return compare


def upper_median(values):
    return sorted(values)[len(values) // 2]


def backward(mean=True, variance=True, gamma_first=True, average=False, unbiased=False):
    def norm_backward(G, Z, gamma, eps=1e-5):
        s = (Z.var(0, correction=int(unbiased)) + eps).sqrt()
        N = (Z - Z.mean(0)) / s
        H = gamma * G if gamma_first else G
        grad = H
        if mean:
            grad = grad - H.mean(0)
        if variance:
            grad = grad - N * (H * N).mean(0)
        if average:
            return grad / s, (G * N).mean(0), G.mean(0)
        return grad / s, (G * N).sum(0), G.sum(0)

    return norm_backward


def gamma_from_raw(G, Z, gamma, eps=1e-5):
    grad_Z, _, grad_beta = backward()(G, Z, gamma)
    return grad_Z, (G * Z).sum(0), grad_beta


def by_autograd(G, Z, gamma, eps=1e-5):
    with torch.enable_grad():
        Z, gamma = Z.clone().requires_grad_(), gamma.clone().requires_grad_()
        beta = torch.zeros_like(gamma, requires_grad=True)
        out = torch.nn.functional.batch_norm(Z, None, None, gamma, beta, training=True, eps=eps)
        return torch.autograd.grad(out, (Z, gamma, beta), G)


def by_rows(G, Z, gamma, eps=1e-5):
    grad_Z, _, _ = backward()(G, Z, gamma)
    return grad_Z, (G * Z).sum(1), G.sum(1)


WRONG = {
    "18.1": [
        0.5**10,
        (0.5**11, 4, 2**10, 20, 999),
        (-(0.5**10), 4, 2**10, 20, 999),
        (2**10, 4, 2**10, 20, 999),
        (0.5**10, 1, 2**10, 20, 999),
        (0.5**10, 4, 8**10, 20, 999),
        (0.5**10, 4, 2**10, 10, 999),
        (0.5**10, 4, 2**10, 18, 999),
        (0.5**10, 4, 2**10, 20, 1000),
        (0.5**10, 4, 2**10, 20, 1023),
        (0.5**10, 4, 2**10, 20, 500),
    ],
    "18.2": [
        chain(first=True),
        chain(one=False),
        chain(carry=False),
        chain(one=False, carry=False),
        chain(weight=False),
        chain(reverse=True),
        chain(product=True),
        chain(skip=1),
        chain(slope=lambda out: 0.25),
        chain(slope=lambda out: out),
        chain_at_the_activation,
        chain_by_autograd,
        lambda weights, biases, x, residual: [w / 4 for w in weights],
        lambda weights, biases, x, residual: [math.nan] * len(weights),
    ],
    "18.3": [
        leaky_std,
        (lambda n, c: 2 / (n * (1 + c**2)), spreads()),
        (lambda n, c: math.sqrt(2 / n), spreads()),
        (lambda n, c: math.sqrt(1 / n), spreads()),
        (lambda n, c: math.sqrt(2 / (n * (1 + c))), spreads()),
        (lambda n, c: math.sqrt((2 - c) / n), spreads()),
        (lambda n, c: math.sqrt((1 + c**2) / (2 * n)), spreads()),
        (lambda n, c: [leaky_std(n, c), 99.0], spreads()),
        (leaky_std, spreads(bend=False)),
        (leaky_std, spreads(of_a=True)),
        (leaky_std, spreads(last=True)),
        (leaky_std, spreads(std=lambda n, c: math.sqrt(2 / n))),
        (leaky_std, spreads(std=lambda n, c: 1.0)),
        (leaky_std, doubling_in_place),
        (leaky_std, lambda A, draws, c: [A.std().item()] * len(draws)),
    ],
    "18.4": [
        referee(middle=max),
        referee(middle=statistics.mean),
        referee(middle=upper_median),
        referee(power=lambda n: 1),
        referee(power=lambda n: 1 / n),
        referee(nan=None),
        referee(nan=1.0),
        referee(nan="drop"),
        referee(all_rates=True),
        referee(forward=True),
        lambda runs: max(runs, key=lambda run: run["validation"]),
        lambda runs: {run["method"]: run["validation"] for run in runs},
        list,
    ],
    "18.5": [
        backward(mean=False, variance=False),
        backward(variance=False),
        backward(mean=False),
        backward(gamma_first=False),
        backward(average=True),
        backward(unbiased=True),
        gamma_from_raw,
        by_rows,
        by_autograd,
        lambda G, Z, gamma: (G, G.sum(0)),
        lambda G, Z, gamma: torch.zeros(()),
    ],
}
