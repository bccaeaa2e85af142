"""Typical wrong answers to the exercises of chapter 07; each must be refused."""

import math

import torch


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
    "07.1": [-0.6, 17, 1.6, 1.8, 1 + 0.1 / 16, 5],
    "07.2": [
        limit_from_flattest,
        limit_without_two,
        limit_turned_around,
        limit_from_trace,
        limit_without_bias,
        limit_of_sum,
        lambda x: 2.0,
    ],
    "07.3": [
        steps_of(lambda H, lr: 1 - lr * torch.linalg.eigvalsh(H)[0].item()),
        steps_of(lambda H, lr: 1 - lr * torch.linalg.eigvalsh(H)[-1].item()),
        steps_of(lambda H, lr: 1 - lr * H.diagonal().min().item()),
        never_infinite,
        rounded_down,
        not_rounded,
        lambda H, lr, shrink: 10,
    ],
    "07.4": [
        (lambda x: x - x.mean(), restore),
        (lambda x: x / x.std(), restore),
        (lambda x: (x - x.min()) / (x.max() - x.min()), restore),
        (lambda x: torch.sign(x - x.median()), restore),
        (lambda x: x - x, restore),
        (standardize, lambda w, b, x: (w * x.std(), b)),
        (standardize, lambda w, b, x: (w / x.std(), b)),
        (standardize, lambda w, b, x: (w / x.std(), b + w * x.mean() / x.std())),
        standardize,
    ],
    "07.5": [
        constant_rate(0.1, 100_000, examples=100_000),
        constant_rate(0.1, 10, examples=30_000),
        constant_rate(0.01, 10),
        constant_rate(0.8, 20_000),
        constant_rate(0.1, 10),
        constant_rate(1.0, 1),
        lambda gradient, num_examples: 0.0,
    ],
}
