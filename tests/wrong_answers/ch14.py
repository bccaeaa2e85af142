"""Typical wrong answers to the exercises of chapter 14; each must be refused."""

import torch

import d2lhelpers as d2l


def overwritten_counts(answers, labels, num_classes):
    matrix = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    matrix[labels, answers] += 1  # repeated pairs are counted once
    return matrix


def exchanged(answers, labels, num_classes):
    cells = answers * num_classes + labels
    return cells.bincount(minlength=num_classes**2).reshape(num_classes, num_classes)


def without_minlength(answers, labels, num_classes):
    one_hot = torch.nn.functional.one_hot
    return one_hot(labels).T @ one_hot(answers)


def shares(answers, labels, num_classes):
    counts = exchanged(labels, answers, num_classes)
    return counts / counts.sum(1, keepdim=True)


def layer(sign=-1.0, mean=True, slope=True, factor=1.0, in_place=False):
    def layer_step(W, b, X, Y, lr):
        A = torch.sigmoid(X @ W.T + b)
        delta = factor * (A - Y) * (A * (1 - A) if slope else 1)
        if mean:
            delta = delta / len(X)
        if in_place:
            W += sign * lr * delta.T @ X
            b += sign * lr * delta.sum(0)
            return W, b
        return W + sign * lr * delta.T @ X, b + sign * lr * delta.sum(0)

    return layer_step


def step_of_summed_bias(W, b, X, Y, lr):
    A = torch.sigmoid(X @ W.T + b)
    delta = (A - Y) * A * (1 - A)
    return W - lr * delta.T @ X / len(X), b - lr * delta.sum(0)


def silent_on_average(A, y):
    return [k for k in range(A.shape[1]) if A[y == k, k].mean() < 0.5]


def silent_everywhere(A, y):
    return [k for k in range(A.shape[1]) if (A[:, k] < 0.1).all() and (y == k).any()]


def silent_once(A, y):
    return [k for k in range(A.shape[1]) if (A[y == k, k] < 0.1).any()]


def silent_of_empty_class(A, y):
    return [k for k in range(A.shape[1]) if (A[y == k, k] < 0.1).all()]


def never_the_answer(A, y):
    return [k for k in y.unique().tolist() if not (A[y == k].argmax(1) == k).any()]


def untrained(train, validation):
    return d2l.Network([64, 30, 10])


def a_stalled_run(train, validation):
    generator = torch.Generator().manual_seed(0)
    net = d2l.Network([64, 30, 10], generator=generator)
    net.fit(*train, 12, 10, 3.0, generator=generator, progress=False)
    return net


def nearest_mean(train, validation):
    X, y = train
    means = torch.stack([X[y == digit].mean(0) for digit in range(10)])
    return lambda images: -torch.cdist(images, means)


WRONG = {
    "14.1": [
        79510,
        (78400 + 1000, 782, 16, 0.1),
        (78400 + 784 + 1000 + 100, 782, 16, 0.1),
        (79510, 781, 16, 0.1),
        (79510, 781.25, 16, 0.1),
        (79510, 782, 64, 0.1),
        (79510, 782, 16, 10),
    ],
    "14.2": [overwritten_counts, exchanged, without_minlength, shares, lambda *arguments: 0],
    "14.3": [
        layer(sign=1.0),
        layer(mean=False),
        layer(slope=False),
        layer(factor=2.0),
        layer(in_place=True),
        step_of_summed_bias,
        lambda W, b, X, Y, lr: W,
    ],
    "14.4": [
        silent_on_average,
        silent_everywhere,
        silent_once,
        silent_of_empty_class,
        never_the_answer,
        lambda A, y: torch.tensor([1]),
    ],
    "14.5": [
        untrained,
        a_stalled_run,
        nearest_mean,
        lambda train, validation: 0.98,
        lambda train, validation: lambda X: X.sum(1),
    ],
}
