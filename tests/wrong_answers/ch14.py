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


def of_the_labels_that_occur(answers, labels, num_classes):
    rows = torch.nn.functional.one_hot(labels)
    return rows.T @ torch.nn.functional.one_hot(answers, num_classes)


def without_minlength(answers, labels, num_classes):
    one_hot = torch.nn.functional.one_hot
    return one_hot(labels).T @ one_hot(answers)


def shares(answers, labels, num_classes):
    counts = exchanged(labels, answers, num_classes)
    return counts / counts.sum(1, keepdim=True)


def changes_the_batch(W, b, X, Y, lr):
    delta = Y.neg_().add_(torch.sigmoid(X @ W.T + b))
    delta = delta * torch.sigmoid(X @ W.T + b) * torch.sigmoid(-X @ W.T - b)
    return W - lr * delta.T @ X / len(X), b - lr * delta.mean(0)


def of_one_rate(W, b, X, Y, lr):
    return layer()(W, b, X, Y, 0.5)


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


def silent_on_average_below_a_tenth(A, y):
    return [k for k in y.unique().tolist() if A[y == k, k].mean() < 0.1]


def silent_below(threshold):
    def stalled_classes(A, y):
        return [k for k in y.unique().tolist() if (A[y == k, k] < threshold).all()]

    return stalled_classes


def member(X, y, seed, num_epochs=30, scaled=True):
    generator = torch.Generator().manual_seed(seed)
    net = d2l.Network([64, 30, 10], scaled=scaled, generator=generator)
    if num_epochs:
        net.fit(X, y, num_epochs, 10, 3.0, generator=generator, progress=False)
    return net


def committee_of(seeds, **options):
    return lambda train, validation: [member(*train, seed, **options) for seed in seeds]


def nearest_neighbors(train, validation):
    X, y = train

    def scores(images):
        return torch.eye(10)[y[torch.cdist(images, X).argmin(1)]]

    return [scores] * 3


def step_by_autograd(W, b, X, Y, lr):
    W, b = W.clone().requires_grad_(), b.clone().requires_grad_()
    cost = ((torch.sigmoid(X @ W.T + b) - Y) ** 2 / 2).sum(1).mean()
    cost.backward()
    return W - lr * W.grad, b - lr * b.grad


WRONG = {
    "14.1": [
        79510,
        (78400 + 1000, 782, [0, 0, 0, 1], 0.2, "A", "C"),
        (78400 + 784 + 1000 + 100, 782, [0, 0, 0, 1], 0.2, "A", "C"),
        (79510, 781, [0, 0, 0, 1], 0.2, "A", "C"),
        (79510, 781.25, [0, 0, 0, 1], 0.2, "A", "C"),
        (79510, 782, [0, 0, 1, 0], 0.2, "A", "C"),
        (79510, 782, [0, 0, 1], 0.2, "A", "C"),
        (79510, 782, 3, 0.2, "A", "C"),
        (79510, 782, [0, 0, 0, 1], 0.6, "A", "C"),
        (79510, 782, [0, 0, 0, 1], 20, "A", "C"),
        (79510, 782, [0, 0, 0, 1], 0.2, "C", "A"),
        (79510, 782, [0, 0, 0, 1], 0.2, "A", "B"),
        (79510, 782, [0, 0, 0, 1], 0.2, "B", "C"),
    ],
    "14.2": [
        overwritten_counts,
        exchanged,
        without_minlength,
        of_the_labels_that_occur,
        shares,
        lambda *arguments: 0,
    ],
    "14.3": [
        layer(sign=1.0),
        layer(mean=False),
        layer(slope=False),
        layer(factor=2.0),
        layer(in_place=True),
        step_of_summed_bias,
        changes_the_batch,
        of_one_rate,
        step_by_autograd,
        lambda W, b, X, Y, lr: W,
    ],
    "14.4": [
        silent_on_average,
        silent_everywhere,
        silent_once,
        silent_of_empty_class,
        never_the_answer,
        silent_on_average_below_a_tenth,
        silent_below(0.5),
        silent_below(0.06),
        lambda A, y: torch.tensor([1]),
    ],
    "14.5": [
        committee_of(range(5), num_epochs=0),
        committee_of([0]),
        committee_of([0, 0, 0]),
        committee_of(range(5), num_epochs=2),
        committee_of(range(8), scaled=False),
        nearest_neighbors,
        lambda train, validation: 0.98,
        lambda train, validation: member(*train, 0),
    ],
}
