"""Right answers to the exercises of chapter 08, other than the solutions; each must be accepted."""

import math

import numpy as np
import torch
from torch import nn


def gradients_by_loops(X, y, w, b):
    n, d = X.shape
    grad_w, grad_b = torch.zeros_like(w), torch.zeros_like(b)
    for i in range(n):
        error = sum(X[i, j] * w[j, 0] for j in range(d)) + b - y[i]
        for j in range(d):
            grad_w[j] += error * X[i, j] / n
        grad_b += error / n
    return [grad_w, grad_b]


def gradients_by_mean(X, y, w, b):
    error = torch.mm(X, w).add(b).sub(y)
    return (X * error).mean(0, keepdim=True).T, error.mean().reshape(1)


def repaired_with_optimizer(X, y, w, b, lr, num_steps):
    optimizer = torch.optim.SGD([w, b], lr=lr)
    for _ in range(num_steps):
        optimizer.zero_grad()
        (nn.functional.mse_loss(X @ w + b, y) / 2).backward()
        optimizer.step()
    return w, b


def repaired_without_autograd(X, y, w, b, lr, num_steps):
    w, b = w.detach(), b.detach()
    for _ in range(num_steps):
        error = X @ w + b - y
        w, b = w - lr * X.T @ error / len(y), b - lr * error.mean(0)
    return w, b


def robust_by_reweighting(X, y):
    """Least squares again and again, where an example weighs 1 over its error if that is large."""
    columns = torch.cat([X, torch.ones(len(X), 1)], dim=1)
    weights = torch.ones(len(X), 1)
    for _ in range(50):
        solution = torch.linalg.lstsq(columns * weights.sqrt(), y * weights.sqrt()).solution
        weights = 1 / (columns @ solution - y).abs().clamp(min=1)
    return solution[:2], solution[2]


def robust_with_adam(X, y):
    net = nn.Linear(2, 1)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 300)
    for _ in range(300):
        optimizer.zero_grad()
        nn.functional.huber_loss(net(X), y).backward()
        optimizer.step()
        scheduler.step()
    return net.weight.T, net.bias


RIGHT = {
    "08.1": [
        (16, 40, [40, 3], [3, 1], [40, 1], 0.625),
        (16.0, 40.0, torch.Size([40, 3]), (3, 1), (40, 1), torch.tensor(0.625)),
    ],
    "08.2": [
        lambda loss: math.sqrt(2 * loss),
        lambda loss: torch.tensor(2 * loss, dtype=torch.float64).sqrt(),
        lambda loss: np.sqrt(loss) * 2**0.5,
    ],
    "08.3": [gradients_by_loops, gradients_by_mean],
    "08.4": [repaired_with_optimizer, repaired_without_autograd],
    "08.5": [robust_by_reweighting, robust_with_adam],
}
