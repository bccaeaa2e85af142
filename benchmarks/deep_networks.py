"""Deep networks with and without remedies, for chapter 18: a search for each learning rate.

`OMP_NUM_THREADS=1 python -m benchmarks.deep_networks` takes about ten minutes on one core. Each
method gets the same width, budget and seeds. Its learning rate is searched on a fixed grid, which
grows while the best rate stands at its edge. The best rate then trains three networks from fresh
seeds: they are what is reported, because the best of many medians is luck in part. Accuracies are
those of the validation images; no test image is looked at. MNIST is found as `d2l.load_mnist` finds
it. Writes benchmarks/results/deep_networks.json. With `--try` it takes one seed for each purpose,
on MNIST one epoch, and stores nothing.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise, product
from typing import Any, NamedTuple

import torch
from torch import nn
from tqdm import tqdm

import d2lhelpers as d2l

from .measure import store_runs

COMMAND = "OMP_NUM_THREADS=1 python -m benchmarks.deep_networks"
WIDTH = 30
REPORTED = range(3, 6)  # seeds that no search has seen
RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
GUESSING = 0.15  # no search goes on for a method that is below this at every rate


class Method(NamedTuple):
    """What is done about the gradient: activation, start, remedies.

    gain: the weights of a hidden layer with n inputs have the standard deviation gain/√n; None
        stands for 1, whatever n is.
    """

    activation: Callable[[torch.Tensor], torch.Tensor]
    gain: float | None = 1.0
    batchnorm: bool = False
    residual: bool = False


METHODS = {
    "sigmoid, N(0, 1)": Method(torch.sigmoid, None),
    "sigmoid, 1/√n": Method(torch.sigmoid),
    "tanh, 1/√n": Method(torch.tanh),
    "ReLU, 1/√n": Method(torch.relu),
    "ReLU, √(2/n)": Method(torch.relu, 2**0.5),
    "sigmoid, batchnorm": Method(torch.sigmoid, batchnorm=True),
    "ReLU, batchnorm": Method(torch.relu, 2**0.5, batchnorm=True),
    "sigmoid, residual": Method(torch.sigmoid, residual=True),
    "ReLU, batchnorm, residual": Method(torch.relu, 2**0.5, batchnorm=True, residual=True),
}
PLAIN = ("sigmoid, N(0, 1)", "sigmoid, 1/√n")
DEEPER = (
    "tanh, 1/√n",
    "ReLU, √(2/n)",
    "sigmoid, batchnorm",
    "ReLU, batchnorm",
    "sigmoid, residual",
    "ReLU, batchnorm, residual",
)


class Task(NamedTuple):
    """One data set with the budget that all methods have on it.

    rates: where each search starts, a slice of `RATES`.
    seeds: of the search.
    """

    name: str
    num_epochs: int
    batch_size: int
    rates: slice
    seeds: range
    runs: tuple[tuple[str, int], ...]  # method, hidden layers


TASKS = (
    Task(
        "digits",
        20,
        63,  # 19 equal batches of 1,197 examples
        slice(2, 7),  # 0.03 to 3
        range(3),
        (
            *product(METHODS, (8,)),
            *product(DEEPER, (20,)),
            *product(PLAIN, (1, 2, 3, 4, 6)),
        ),
    ),
    Task(
        "mnist",
        3,
        64,
        slice(3, 6),  # 0.1 to 1
        range(1),
        (("sigmoid, 1/√n", 1), *product(METHODS, (8,))),
    ),
)


class DeepNet(nn.Module):
    """Hidden layers of one width; weights drawn from the generator, biases 0.

    Args:
        num_inputs: features of an example.
        depth: hidden layers, at least 1.
        method: activation, start and remedies.
        generator: for the CPU.
    """

    def __init__(
        self, num_inputs: int, depth: int, method: Method, generator: torch.Generator
    ) -> None:
        super().__init__()
        sizes = [num_inputs] + [WIDTH] * depth + [10]
        # A bias before a normalization is subtracted again.
        self.layers = nn.ModuleList(
            nn.Linear(k, j, bias=i == depth or not method.batchnorm)
            for i, (k, j) in enumerate(pairwise(sizes))
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(WIDTH) for _ in range(depth * method.batchnorm))
        self.method = method
        with torch.no_grad():
            for i, layer in enumerate(self.layers):
                assert isinstance(layer, nn.Linear)
                n = layer.in_features
                gain = 1.0 if i == depth else method.gain
                std = 1.0 if gain is None else gain / n**0.5
                layer.weight.copy_(std * torch.randn(layer.weight.shape, generator=generator))
                if layer.bias is not None:
                    layer.bias.zero_()

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """The logits, shape (n, 10)."""
        A = X
        for i, layer in enumerate(self.layers[:-1]):
            Z = layer(A)  # (n, WIDTH)
            if self.method.batchnorm:
                Z = self.norms[i](Z)
            out = self.method.activation(Z)
            A = A + out if self.method.residual and i > 0 else out
        return self.layers[-1](A)


def examples(name: str) -> tuple[torch.Tensor, ...]:
    """Training and validation images as rows, each followed by its labels."""
    data = d2l.load_digits() if name == "digits" else d2l.load_mnist()
    pairs = [(s.images.flatten(1) / 255, s.labels) for s in (data.train, data.validation)]
    return pairs[0] + pairs[1]


def one_run(
    task: Task, method: str, depth: int, lr: float, seed: int, num_epochs: int, data: Any
) -> dict[str, Any]:
    """Train once; the accuracy on the validation images, and the last batches' mean loss."""
    X, y, X_val, y_val = data
    generator = torch.Generator().manual_seed(seed)
    net = DeepNet(X.shape[1], depth, METHODS[method], generator)
    optimizer = torch.optim.SGD(net.parameters(), lr=lr)
    loss = nn.CrossEntropyLoss()
    start = time.perf_counter()
    for _ in range(num_epochs):
        total = torch.zeros(())
        order = torch.randperm(len(X), generator=generator)
        batches = order.split(task.batch_size)
        for batch in batches:
            value = loss(net(X[batch]), y[batch])
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            total += value.detach()
    seconds = time.perf_counter() - start
    accuracy = d2l.evaluate_accuracy(net, [(X_val, y_val)])
    mean_loss = float(f"{total.item() / len(batches):.3g}")
    return {
        "data": task.name,
        "method": method,
        "depth": depth,
        "lr": lr,
        "seed": seed,
        "validation": round(accuracy, 4),
        "loss": mean_loss if mean_loss < float("inf") else None,  # JSON has neither NaN nor ∞
        "seconds": round(seconds, 2),
    }


Train = Callable[[float, int], dict[str, Any]]


def searched(train: Train, rates: slice, seeds: range) -> tuple[float, list[dict[str, Any]]]:
    """The learning rate with the best median accuracy, and the runs that say so.

    Args:
        train: one run with a learning rate and a seed.
        rates: the first grid; it grows while the best rate is its first or last.
        seeds: of each rate.
    """
    first, last = rates.start, rates.stop - 1
    found: dict[float, list[dict[str, Any]]] = {}
    while True:
        for lr in RATES[first : last + 1]:
            if lr not in found:
                found[lr] = [train(lr, seed) for seed in seeds]
        middle = {
            lr: statistics.median(run["validation"] for run in found[lr])
            for lr in RATES[first : last + 1]
        }
        best = max(middle, key=lambda lr: middle[lr])
        if middle[best] >= GUESSING and best == RATES[first] and first > 0:
            first -= 1
        elif middle[best] >= GUESSING and best == RATES[last] and last < len(RATES) - 1:
            last += 1
        else:
            return best, [run for lr in sorted(found) for run in found[lr]]


def all_runs(trial: bool) -> Iterator[dict[str, Any]]:
    """Search and report for each task, method and depth."""
    for task in TASKS:
        data = examples(task.name)
        num_epochs = epochs(task, trial)
        for method, depth in tqdm(task.runs, desc=task.name):

            def train(lr: float, seed: int, method: str = method, depth: int = depth) -> Any:
                return one_run(task, method, depth, lr, seed, num_epochs, data)  # noqa: B023

            lr, runs = searched(train, task.rates, task.seeds[:1] if trial else task.seeds)
            yield from ({**run, "purpose": "search"} for run in runs)
            for seed in REPORTED[:1] if trial else REPORTED:
                yield {**train(lr, seed), "purpose": "report"}


def epochs(task: Task, trial: bool) -> int:
    """How long a run is."""
    return 1 if trial and task.name == "mnist" else task.num_epochs


def main() -> int:
    """Train all and store; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--try", action="store_true", dest="trial", help="a quick trial")
    trial = parser.parse_args().trial
    torch.set_num_threads(1)
    runs = []
    for run in all_runs(trial):
        runs.append(run)
        tqdm.write(str(run))
    budgets = {
        task.name: {"num_epochs": epochs(task, trial), "batch_size": task.batch_size}
        for task in TASKS
    }
    about = {"threads": torch.get_num_threads(), "width": WIDTH, "budgets": budgets}
    if not trial:
        store_runs("deep_networks", COMMAND, runs, **about)
    return 0


if __name__ == "__main__":
    sys.exit(main())
