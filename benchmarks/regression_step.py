"""Linear regression, 1000×2, batch 10, three epochs (300 steps): what one step costs, six ways."""

import sys

import numpy as np
import torch
from d2l import torch as d2l_reference
from torch import nn

import d2lhelpers as d2l

from .measure import Row, at_least, store, take_turns

LR, BATCH_SIZE, NUM_EPOCHS = 0.03, 10, 3


def autograd(features: torch.Tensor, labels: torch.Tensor) -> None:
    """Chapter 08: the book's helpers and autograd."""
    w = torch.normal(0, 0.01, (features.shape[1], 1), requires_grad=True)
    b = torch.zeros(1, requires_grad=True)
    for _ in range(NUM_EPOCHS):
        for X, y in d2l.data_iter(BATCH_SIZE, features, labels):
            d2l.squared_loss(d2l.linreg(X, w, b), y).sum().backward()
            d2l.sgd([w, b], LR, BATCH_SIZE)


def concise(batches) -> None:
    """Chapter 09: nn.Linear, MSELoss and torch.optim.SGD."""
    net = nn.Sequential(nn.Linear(2, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=LR / 2)
    loss = nn.MSELoss()
    for _ in range(NUM_EPOCHS):
        for X, y in batches:
            optimizer.zero_grad()
            loss(net(X), y).backward()
            optimizer.step()


def by_hand(features: torch.Tensor, labels: torch.Tensor) -> None:
    """The gradient written out, bias and weights apart."""
    w, b = torch.zeros(features.shape[1], 1), torch.zeros(1)
    for _ in range(NUM_EPOCHS):
        for X, y in d2l.data_iter(BATCH_SIZE, features, labels):
            error = X @ w + b - y
            w -= LR * (X.T @ error) / len(y)
            b -= LR * error.mean(0)


def by_hand_folded(features: torch.Tensor, labels: torch.Tensor) -> None:
    """The gradient written out, the bias folded into the features as a column of ones."""
    A = torch.cat([features, torch.ones(len(features), 1)], dim=1)
    w = torch.zeros(A.shape[1], 1)
    for _ in range(NUM_EPOCHS):
        for X, y in d2l.data_iter(BATCH_SIZE, A, labels):
            w.addmm_(X.T, torch.addmm(y, X, w, beta=-1), alpha=-LR / len(y))


def numpy_folded(features: np.ndarray, labels: np.ndarray) -> None:
    """The same in NumPy, whose calls cost less."""
    generator = np.random.default_rng()
    A = np.concatenate([features, np.ones((len(features), 1), features.dtype)], axis=1)
    w = np.zeros((A.shape[1], 1), features.dtype)
    for _ in range(NUM_EPOCHS):
        order = generator.permutation(len(A))
        X, y = A[order], labels[order]
        for start in range(0, len(A), BATCH_SIZE):
            X_batch, y_batch = X[start : start + BATCH_SIZE], y[start : start + BATCH_SIZE]
            w -= LR / len(y_batch) * (X_batch.T @ (X_batch @ w - y_batch))


def main() -> int:
    """Measure and store; the exit status."""
    features, labels = d2l.synthetic_data(torch.tensor([2.0, -3.4]), 4.2, 1000)
    fast = d2l.load_array((features, labels), BATCH_SIZE)
    slow = d2l_reference.load_array((features, labels), BATCH_SIZE)
    lab = d2l.labs.LearningRateAndBatchSize()
    seconds = take_turns(
        {
            "nn, d2l's DataLoader": lambda: concise(slow),
            "from scratch with autograd (chapter 08)": lambda: autograd(features, labels),
            "nn with load_array (chapter 09)": lambda: concise(fast),
            "gradient by hand": lambda: by_hand(features, labels),
            "gradient by hand, bias folded in": lambda: by_hand_folded(features, labels),
            "the same in NumPy": lambda: numpy_folded(features.numpy(), labels.numpy()),
            "the lab's simulation": lambda: lab.run(
                learning_rate=LR, batch_size=BATCH_SIZE, epochs=NUM_EPOCHS, features=2
            ),
        },
        rounds=15,
        warmup=2,
    )
    peer = "nn, d2l's DataLoader"
    rows: list[Row] = []
    for name, value in seconds.items():
        rows.append(at_least(f"{name}, 300 steps", value, peer, seconds[peer]))
    lab_seconds = seconds["the lab's simulation"]
    rows.append(
        Row("the lab's simulation, 300 steps", lab_seconds * 1e3, "10 ms", lab_seconds / 0.01,
            "≤ 1", lab_seconds <= 0.01)
    )  # fmt: skip
    return store("regression_step", rows, "python -m benchmarks.regression_step")


if __name__ == "__main__":
    sys.exit(main())
