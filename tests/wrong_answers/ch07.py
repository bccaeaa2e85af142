"""Typical wrong answers to the exercises of chapter 07; each must be refused."""

import math

import torch


def line_slope(x, y):
    return ((x - x.mean()) * (y - y.mean())).mean() / ((x - x.mean()) ** 2).mean()


def line_swapped(x, y):
    w = line_slope(x, y)
    return y.mean() - w * x.mean(), w


def line_without_centering(x, y):
    w = (x * y).mean() / (x * x).mean()
    return w, y.mean() - w * x.mean()


def line_from_sums(x, y):
    w = ((x * y).sum() - x.sum() * y.sum()) / ((x * x).sum() - x.sum() ** 2)
    return w, y.sum() - w * x.sum()


def line_not_squared(x, y):
    w = ((x - x.mean()) * (y - y.mean())).mean() / x.std()
    return w, y.mean() - w * x.mean()


def hessian(x):
    X = torch.stack([x, torch.ones_like(x)], dim=1)
    return X.T @ X / len(x)


def limit_from_flattest(x):
    return 2 / torch.linalg.eigvalsh(hessian(x))[0]


def limit_without_two(x):
    return 1 / torch.linalg.eigvalsh(hessian(x))[-1]


def limit_turned_around(x):
    return torch.linalg.eigvalsh(hessian(x))[-1] / 2


def limit_from_trace(x):
    return 2 / hessian(x).trace()


def limit_without_bias(x):
    return 2 / (x * x).mean()


def limit_of_sum(x):
    return 2 / torch.linalg.eigvalsh(hessian(x) * len(x))[-1]


def steps_of(slowest):
    def steps_needed(H, lr, shrink):
        factor = slowest(H, lr)
        return math.inf if abs(factor) >= 1 else math.ceil(math.log(shrink) / math.log(abs(factor)))

    return steps_needed


def largest_factor(H, lr):
    return (1 - lr * torch.linalg.eigvalsh(H)).abs().max().item()


def never_infinite(H, lr, shrink):
    return math.ceil(math.log(shrink) / math.log(largest_factor(H, lr)))


def rounded_down(H, lr, shrink):
    return math.floor(math.log(shrink) / math.log(largest_factor(H, lr)))


def not_rounded(H, lr, shrink):
    return math.log(shrink) / math.log(largest_factor(H, lr))


def standardize(x):
    return (x - x.mean()) / x.std()


def restore(w, b, x):
    return w / x.std(), b - w * x.mean() / x.std()


def constant_rate(lr, batch_size, examples=20_000):
    def frugal_fit(gradient, num_examples):
        theta = torch.zeros(3)
        for batch in torch.randperm(num_examples)[:examples].split(batch_size):
            theta = theta - lr * gradient(theta, batch)
        return theta

    return frugal_fit


WRONG = {
    "07.1": [-0.6, 17, 1.6, 1.8, 1 + 0.1 / 16, 5, math.nan],
    "07.2": [
        line_slope,
        line_swapped,
        line_without_centering,
        line_from_sums,
        line_not_squared,
        lambda x, y: ((y / x).mean(), y.mean() - (y / x).mean() * x.mean()),
        lambda x, y: (line_slope(x, y), y.mean()),
        lambda x, y: (line_slope(x, y), 0.0),
        lambda x, y: (2.5, -4.0),
        lambda x, y: (math.nan, math.nan),
    ],
    "07.3": [
        limit_from_flattest,
        limit_without_two,
        limit_turned_around,
        limit_from_trace,
        limit_without_bias,
        limit_of_sum,
        lambda x: 2.0,
        lambda x: math.nan,
    ],
    "07.4": [
        steps_of(lambda H, lr: 1 - lr * torch.linalg.eigvalsh(H)[0].item()),
        steps_of(lambda H, lr: 1 - lr * torch.linalg.eigvalsh(H)[-1].item()),
        steps_of(lambda H, lr: 1 - lr * H.diagonal().min().item()),
        never_infinite,
        rounded_down,
        not_rounded,
        lambda H, lr, shrink: 10,
        lambda H, lr, shrink: math.nan,
    ],
    "07.5": [
        (lambda x: x - x.mean(), restore),
        (lambda x: x / x.std(), restore),
        (lambda x: (x - x.min()) / (x.max() - x.min()), restore),
        (lambda x: torch.sign(x - x.median()), restore),
        (lambda x: x - x, restore),
        (standardize, lambda w, b, x: (w * x.std(), b)),
        (standardize, lambda w, b, x: (w / x.std(), b)),
        (standardize, lambda w, b, x: (w / x.std(), b + w * x.mean() / x.std())),
        (lambda x: x * math.nan, restore),
        (standardize, lambda w, b, x: (math.nan, math.nan)),
        standardize,
    ],
    "07.6": [
        constant_rate(0.1, 100_000, examples=100_000),
        constant_rate(0.1, 10, examples=30_000),
        constant_rate(0.01, 10),
        constant_rate(0.8, 20_000),
        constant_rate(0.1, 10),
        constant_rate(1.0, 1),
        lambda gradient, num_examples: 0.0,
        lambda gradient, num_examples: torch.full((3,), math.nan),
    ],
}
