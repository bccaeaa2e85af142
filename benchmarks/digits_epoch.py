"""One epoch of MNIST by hand: the book's `Network` against one example at a time.

The peer is written the way of the classic program for this task: column vectors in NumPy, one
example after another, new arrays for each example's gradients, added up over the mini-batch. Both
start from the same weights, read the same batches, and must end with nearly the same accuracy.
"""

import sys
from collections.abc import Sequence

import numpy as np
import torch

import d2lhelpers as d2l

from .measure import Row, at_least, store, take_turns

SIZES = [784, 30, 10]
LR = 3.0
# (batch size, how many times faster than one example at a time is wanted)
TARGETS = ((10, 8), (256, 15))

Column = np.ndarray  # shape (k, 1)


def sigmoid(z: np.ndarray) -> np.ndarray:
    """The sigmoid of each entry."""
    return 1.0 / (1.0 + np.exp(-z))


class OneAtATime:
    """The peer: weights of shape (out, in), biases and activations of shape (k, 1)."""

    def __init__(self, weights: Sequence[torch.Tensor], biases: Sequence[torch.Tensor]) -> None:
        self.weights = [W.numpy().copy() for W in weights]
        self.biases = [b.numpy()[:, None].copy() for b in biases]

    def answer(self, x: Column) -> Column:
        """Activations of the output layer."""
        for W, b in zip(self.weights, self.biases, strict=True):
            x = sigmoid(W @ x + b)
        return x

    def gradients(self, x: Column, y: Column) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """The gradient of one example's quadratic cost, for all weights and biases."""
        zs, activations = [], [x]
        for W, b in zip(self.weights, self.biases, strict=True):
            zs.append(W @ activations[-1] + b)
            activations.append(sigmoid(zs[-1]))
        delta = (activations[-1] - y) * sigmoid(zs[-1]) * (1 - sigmoid(zs[-1]))
        for_weights, for_biases = [delta @ activations[-2].T], [delta]
        for i in range(len(zs) - 2, -1, -1):
            slope = sigmoid(zs[i]) * (1 - sigmoid(zs[i]))
            delta = (self.weights[i + 1].T @ delta) * slope
            for_weights.insert(0, delta @ activations[i].T)
            for_biases.insert(0, delta)
        return for_weights, for_biases

    def learn(self, batch: Sequence[tuple[Column, Column]], lr: float) -> None:
        """One step along the mean gradient of a mini-batch."""
        sum_weights = [np.zeros_like(W) for W in self.weights]
        sum_biases = [np.zeros_like(b) for b in self.biases]
        for x, y in batch:
            for_weights, for_biases = self.gradients(x, y)
            sum_weights = [s + g for s, g in zip(sum_weights, for_weights, strict=True)]
            sum_biases = [s + g for s, g in zip(sum_biases, for_biases, strict=True)]
        share = lr / len(batch)
        self.weights = [W - share * g for W, g in zip(self.weights, sum_weights, strict=True)]
        self.biases = [b - share * g for b, g in zip(self.biases, sum_biases, strict=True)]


def batched_epoch(X: torch.Tensor, y: torch.Tensor, batch_size: int) -> d2l.Network:
    """The book's network after one epoch; it is judged on one example, the peer not at all."""
    net = d2l.Network(SIZES, generator=torch.Generator().manual_seed(0))
    order = torch.Generator().manual_seed(1)
    few = X[:1], y[:1]
    net.fit(X, y, 1, batch_size, LR, validation=few, generator=order, progress=False)
    return net


def single_epoch(examples: Sequence[tuple[Column, Column]], batch_size: int) -> OneAtATime:
    """The peer after one epoch from the same weights, in the same order."""
    start = d2l.Network(SIZES, generator=torch.Generator().manual_seed(0))
    net = OneAtATime(start.weights, start.biases)
    order = torch.randperm(len(examples), generator=torch.Generator().manual_seed(1)).tolist()
    for first in range(0, len(order), batch_size):
        net.learn([examples[i] for i in order[first : first + batch_size]], LR)
    return net


def measure(data: d2l.data.ImageDataset, batch_size: int, target: float, rounds: int) -> Row:
    """The row of one batch size; RuntimeError when the two do not reach the same accuracy."""
    X, y = data.train.images.flatten(1) / 255, data.train.labels
    Y = torch.nn.functional.one_hot(y, 10).float()
    columns = (part.numpy()[:, :, None] for part in (X, Y))
    examples = list(zip(*columns, strict=True))
    test_X, test_y = data.test.images.flatten(1) / 255, data.test.labels
    with np.errstate(over="ignore"):  # exp(-z) of a saturated neuron; the sigmoid is 0 all the same
        seconds = take_turns(
            {
                "batched": lambda: batched_epoch(X, y, batch_size),
                "single": lambda: single_epoch(examples, batch_size),
            },
            rounds=rounds,
        )
        ours = batched_epoch(X, y, batch_size)
        peer = single_epoch(examples, batch_size)
        answers = np.concatenate([peer.answer(x[:, None]).T for x in test_X.numpy()])
    wanted = d2l.accuracy(torch.from_numpy(answers), test_y) / len(test_y)
    found = d2l.evaluate_accuracy(ours, [(test_X, test_y)])
    if abs(wanted - found) > 0.01:  # sums in another order are rounded differently
        raise RuntimeError(f"accuracy {found:.4f} in batches, {wanted:.4f} one at a time")
    what = f"{data.name} {SIZES}, an epoch in batches of {batch_size} (then {found:.1%} right)"
    peer_name = f"NumPy, one example at a time (then {wanted:.1%})"
    return at_least(what, seconds["batched"], peer_name, seconds["single"], target)


def main() -> int:
    """Measure and store; the exit status."""
    torch.set_num_threads(1)
    data = d2l.load_mnist()
    rows = [measure(data, batch_size, target, rounds=7) for batch_size, target in TARGETS]
    return store("digits_epoch", rows, "OMP_NUM_THREADS=1 python -m benchmarks.digits_epoch")


if __name__ == "__main__":
    sys.exit(main())
