"""Typical wrong answers to the exercises of chapter 08; each must be refused."""

import torch

import d2lhelpers as d2l


def mean_gradients_of_sum(X, y, w, b):
    error = X @ w + b - y
    return X.T @ error, error.sum(0)


def mean_gradients_uphill(X, y, w, b):
    error = y - X @ w - b
    return X.T @ error / len(y), error.mean(0)


def mean_gradients_without_half(X, y, w, b):
    error = X @ w + b - y
    return 2 * X.T @ error / len(y), 2 * error.mean(0)


def mean_gradients_transposed(X, y, w, b):
    error = X @ w + b - y
    return (X * error).mean(1), error.mean(0)


def loop(sign=-1.0, reduce=torch.mean, zero=True):
    def repaired(X, y, w, b, lr, num_steps):
        for _ in range(num_steps):
            reduce(d2l.squared_loss(d2l.linreg(X, w, b), y)).backward()
            with torch.no_grad():
                for param in (w, b):
                    param += sign * lr * param.grad
                    if zero:
                        param.grad.zero_()
        return w, b

    return repaired


def least_squares(X, y):
    columns = torch.cat([X, torch.ones(len(X), 1)], dim=1)
    solution = torch.linalg.lstsq(columns, y).solution
    return solution[:2], solution[2]


def huber_with_long_steps_only(X, y):
    w, b = torch.zeros(2, 1), torch.zeros(1)
    for _ in range(3):
        for X_batch, y_batch in d2l.data_iter(10, X, y):
            pull = (X_batch @ w + b - y_batch).clamp(-1, 1)
            w, b = w - X_batch.T @ pull / len(pull), b - pull.mean(0)
    return w, b


def the_rule_of_the_chapter(X, y):
    return torch.tensor([[2.0], [-3.4]]), torch.tensor([4.2])


WRONG = {
    "08.1": [
        16,
        (15, 64, (64, 3), (3, 1), (64, 1), 1),
        (16, 64, (64, 3), (3, 1), (64, 1), 1),
        (15.625, 40, (40, 3), (3, 1), (40, 1), 0.625),
        (16, 40, (3, 40), (3, 1), (40, 1), 0.625),
        (16, 40, (40, 3), (3,), (40,), 0.625),
        (16, 40, (40, 3), (3, 1), (40, 1), 1),
        (16, 40, (40, 3), (3, 1), (40, 1), 1.6),
    ],
    "08.2": [lambda loss: 2 * loss, lambda loss: loss**0.5, lambda loss: loss, lambda loss: 0.01],
    "08.3": [
        mean_gradients_of_sum,
        mean_gradients_uphill,
        mean_gradients_without_half,
        mean_gradients_transposed,
        lambda X, y, w, b: X.T @ (X @ w + b - y),
    ],
    "08.4": [loop(sign=1.0), loop(reduce=torch.sum), loop(zero=False), lambda *arguments: 0],
    "08.5": [
        least_squares,
        huber_with_long_steps_only,
        lambda X, y: (X[:2], y[:1]),
        the_rule_of_the_chapter,
    ],
}
