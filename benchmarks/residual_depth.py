"""Plain and residual convolutional networks of several depths, for chapter 26.

`OMP_NUM_THREADS=1 python -m benchmarks.residual_depth` takes minutes on one core. Each
kind and depth gets the same width, budget and seeds on the embedded digits. Its learning rate is
searched on a fixed grid, by the median *training* loss: the question is whether a network can be
fitted at all. (Without batch normalization the grid lies lower, so that no best rate is its edge.)
The best rate then trains five networks from fresh seeds (ten without batch normalization, where
they scatter most), which are what is reported, because the best of many medians is luck in part.
The runs of 100 epochs take the rate of 20 epochs: too dear to search, so it may not suit them best.
Writes benchmarks/results/residual_depth.json.
With `--try` it takes one seed for each purpose, and one epoch, and stores nothing.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import nn
from tqdm import tqdm

import d2lhelpers as d2l

from .measure import store_runs

COMMAND = "OMP_NUM_THREADS=1 python -m benchmarks.residual_depth"
WIDTH, BATCH_SIZE, MOMENTUM = 8, 64, 0.9
RATES, RATES_WITHOUT_NORM = (0.01, 0.03, 0.1, 0.3, 1.0), (0.001, 0.003, 0.01, 0.03, 0.1)
SEARCHED, REPORTED, REPORTED_WITHOUT_NORM = range(3), range(3, 8), range(3, 13)
LONG = 100  # epochs, with the rate found for 20


class Kind(NamedTuple):
    """What a block is made of."""

    residual: bool
    batchnorm: bool
    zero: bool = False  # the last convolution of each block starts at 0, weights and bias


KINDS = {
    "plain, batchnorm": Kind(residual=False, batchnorm=True),
    "residual, batchnorm": Kind(residual=True, batchnorm=True),
    "plain": Kind(residual=False, batchnorm=False),
    "residual": Kind(residual=True, batchnorm=False),
    "residual, zero start": Kind(residual=True, batchnorm=False, zero=True),
}
TASKS = (
    *((k, blocks, 5) for k in KINDS if KINDS[k].batchnorm for blocks in (1, 4, 10)),
    *((k, 10, 20) for k in KINDS),
    *(("plain, batchnorm", blocks, 20) for blocks in (1, 4)),
    *(("plain, batchnorm", blocks, LONG) for blocks in (1, 10)),
    ("residual, batchnorm", 10, LONG),
)


def layers(channels_in: int, kind: Kind, stride: int = 1) -> list[nn.Module]:
    """A convolution, and its batch normalization where the kind has one."""
    conv = nn.Conv2d(channels_in, WIDTH, 3, stride, padding=1, bias=not kind.batchnorm)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    return [conv, nn.BatchNorm2d(WIDTH)] if kind.batchnorm else [conv]


class Block(nn.Module):
    """Two convolutions, with or without a shortcut around them."""

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.path = nn.Sequential(*layers(WIDTH, kind), nn.ReLU(), *layers(WIDTH, kind))
        self.residual = kind.residual
        if kind.zero:
            for parameter in self.path[-1].parameters():
                nn.init.zeros_(parameter)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Shape (n, WIDTH, 4, 4), as X."""
        Y: torch.Tensor = self.path(X)
        return torch.relu(Y + X if self.residual else Y)


def one_run(kind: str, blocks: int, num_epochs: int, lr: float, seed: int) -> dict[str, Any]:
    """Train once; the mean training loss of the last epoch, and the validation accuracy."""
    data = d2l.load_digits()
    mean, std = data.train.channel_statistics()
    torch.default_generator.manual_seed(seed)  # draws the weights
    parts = (Block(KINDS[kind]) for _ in range(blocks))
    net = nn.Sequential(
        *layers(1, KINDS[kind], stride=2), nn.ReLU(), *parts,
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(WIDTH, 10),
    )  # fmt: skip
    generator = torch.Generator().manual_seed(seed)
    scale: dict[str, Any] = {"mean": mean, "std": std}
    batches = d2l.data.Batches(data.train, BATCH_SIZE, shuffle=True, generator=generator, **scale)
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=MOMENTUM)
    cross_entropy = nn.CrossEntropyLoss()
    start = time.perf_counter()
    for _ in range(num_epochs):
        total = 0.0
        for X, y in batches:
            loss = cross_entropy(net(X), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(X)
    seconds = time.perf_counter() - start
    mean_loss = total / len(data.train)
    accuracy = d2l.evaluate_accuracy(net, d2l.data.Batches(data.validation, 300, **scale))
    return {
        "kind": kind,
        "blocks": blocks,
        "num_epochs": num_epochs,
        "lr": lr,
        "seed": seed,
        "loss": float(f"{mean_loss:.4g}") if mean_loss < float("inf") else None,
        "validation": round(accuracy, 4),
        "seconds": round(seconds, 2),
    }


def all_runs(trial: bool) -> Iterator[dict[str, Any]]:
    """Search and report for each kind, depth and budget."""
    best: dict[tuple[str, int], float] = {}  # of the latest search
    for kind, blocks, epochs in tqdm(TASKS):
        num_epochs, middle = 1 if trial else epochs, {}
        batchnorm = KINDS[kind].batchnorm
        rates = RATES if batchnorm else RATES_WITHOUT_NORM
        for lr in () if epochs == LONG else rates:
            found = [
                one_run(kind, blocks, num_epochs, lr, seed)
                for seed in (SEARCHED[:1] if trial else SEARCHED)
            ]
            yield from ({**run, "purpose": "search"} for run in found)
            middle[lr] = statistics.median(
                float("inf") if run["loss"] is None else run["loss"] for run in found
            )
        if middle:
            best[kind, blocks] = min(middle, key=lambda lr: middle[lr])
        seeds = REPORTED if batchnorm else REPORTED_WITHOUT_NORM
        for seed in seeds[:1] if trial else seeds:
            run = one_run(kind, blocks, num_epochs, best[kind, blocks], seed)
            yield {**run, "purpose": "report"}


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
    about = {"threads": 1, "width": WIDTH, "batch_size": BATCH_SIZE, "momentum": MOMENTUM}
    if not trial:
        store_runs("residual_depth", COMMAND, runs, **about)
    return 0


if __name__ == "__main__":
    sys.exit(main())
