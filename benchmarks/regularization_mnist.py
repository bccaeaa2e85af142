"""What each technique of chapter 16 is worth on MNIST: 1,000 training images, and all 50,000.

`OMP_NUM_THREADS=1 python -m benchmarks.regularization_mnist` takes about 13 minutes on one core.
It finds MNIST as `d2l.load_mnist` does. Five seeds for each technique: a seed draws the start, the
order, what dropout drops and how images are shifted; of the 1,000-image problems each seed has
images of its own, the same for all techniques. Where a technique has a setting, the median
validation accuracy chooses it from a fixed grid. A run sees the test images once, after the
choice for its technique, and no choice depends on them; the runs that were not chosen never see
them. With other `--seeds` or `--epochs` it is a trial: it prints and stores nothing.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

import d2lhelpers as d2l

from .measure import RESULTS, machine

COMMAND = "OMP_NUM_THREADS=1 python -m benchmarks.regularization_mnist"
SEEDS = range(5)
HIDDEN, LR = 100, 0.2
PATIENCE = 5  # measurements of the validation cost without a new best one
GRIDS: dict[str, dict[str, list[Any]]] = {
    "plain": {},
    "L2": {"weight_decay": [0.0001, 0.001, 0.01]},
    "L1": {"l1": [0.00001, 0.0001, 0.001]},
    "dropout": {"dropout": [0.2, 0.5, 0.8]},
    "expanded data": {"max_shift": [1, 2, 3]},
    "dropout, expanded data": {},  # with what is chosen for each alone
    "N(0, 1) start": {"scaled": [False]},
    "sigmoid": {"activation": ["sigmoid"]},
}
ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid}

Examples = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Problem:
    """Examples to train and choose on, and how long: the same number of steps for all techniques.

    `choosing` says how many seeds decide about a setting; `records` how often a run is measured.
    """

    train: Callable[[int], Examples]
    validation: Examples
    num_epochs: int
    batch_size: int
    records: int
    choosing: int


def make_net(seed: int, dropout: float, scaled: bool, activation: str) -> nn.Sequential:
    """A network 784-100-10 whose weights are drawn with a spread of 1/√inputs, or of 1."""
    generator = torch.Generator().manual_seed(seed)
    layers = [nn.Linear(784, HIDDEN), nn.Linear(HIDDEN, 10)]
    for layer in layers:
        spread = layer.in_features**-0.5 if scaled else 1.0
        nn.init.normal_(layer.weight, std=spread, generator=generator)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(layers[0], ACTIVATIONS[activation](), nn.Dropout(dropout), layers[1])


def measured(net: nn.Module, examples: Examples) -> tuple[float, float]:
    """Cost and accuracy, in evaluation mode."""
    X, y = examples
    net.eval()
    with torch.no_grad():
        logits = net(X)
        cost = nn.functional.cross_entropy(logits, y).item()
    net.train()
    return cost, d2l.accuracy(logits, y) / len(y)


def one_run(
    problem: Problem,
    seed: int,
    *,
    weight_decay: float = 0.0,
    l1: float = 0.0,
    dropout: float = 0.0,
    max_shift: int = 0,
    scaled: bool = True,
    activation: str = "relu",
) -> dict[str, Any]:
    """Train once; the curves, the trained net, and what early stopping would have kept of it."""
    start = time.perf_counter()
    X, y = problem.train(seed)
    net = make_net(seed, dropout, scaled, activation)
    weights = [parameter for parameter in net.parameters() if parameter.dim() > 1]
    biases = [parameter for parameter in net.parameters() if parameter.dim() == 1]
    groups: list[dict[str, Any]] = [
        {"params": weights, "weight_decay": weight_decay},
        {"params": biases},
    ]
    optimizer = torch.optim.SGD(groups, lr=LR)
    generator = torch.Generator().manual_seed(seed)
    torch.default_generator.manual_seed(seed)  # nn.Dropout draws from this one
    stoppers = {
        "cost": d2l.EarlyStopping(PATIENCE),
        "accuracy": d2l.EarlyStopping(PATIENCE, mode="max"),
    }
    running = set(stoppers)
    total = problem.num_epochs * -(-len(X) // problem.batch_size)
    every = max(1, total // problem.records)
    curves: dict[str, list[float]] = {"train_cost": [], "cost": [], "accuracy": []}
    done = 0
    for _ in range(problem.num_epochs):
        for rows in torch.randperm(len(X), generator=generator).split(problem.batch_size):
            images = X[rows]
            if max_shift:
                images = d2l.random_shift(
                    images.reshape(-1, 28, 28), max_shift, generator=generator
                ).flatten(1)
            optimizer.zero_grad()
            cost = nn.functional.cross_entropy(net(images), y[rows])
            cost.backward()
            optimizer.step()
            if l1:
                with torch.no_grad():
                    for weight in weights:
                        weight.sub_(weight.sign(), alpha=LR * l1)
            done += 1
            if done % every == 0 or done == total:  # the last measurement is of the end
                found = measured(net, problem.validation)
                few = measured(net, (X[:1000], y[:1000]))
                for name, value in zip(curves, (few[0], *found), strict=True):
                    curves[name].append(round(value, 4))
                values = dict(zip(("cost", "accuracy"), found, strict=True))
                running -= {name for name in running if stoppers[name].step(values[name], net)}
    final = {"train_cost": few[0], "train_accuracy": few[1], "validation": found[1]}
    return {"seed": seed, **{key: round(value, 4) for key, value in final.items()},
            "curves": curves, "net": net, "stoppers": stoppers,
            "seconds": round(time.perf_counter() - start, 2)}  # fmt: skip


def settings_of(technique: str, chosen: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The settings among which a technique is to choose; one where there is nothing to choose."""
    if technique == "dropout, expanded data":
        return [{**chosen["dropout"], **chosen["expanded data"]}]
    (name, values), *_ = GRIDS[technique].items() or [("", [])]
    return [{name: value} for value in values] or [{}]


def all_runs(problem: Problem, test: Examples, seeds: range) -> list[dict[str, Any]]:
    """Every technique: choose its setting, complete its seeds, and look at the test set once."""
    rows: list[dict[str, Any]] = []
    chosen: dict[str, dict[str, Any]] = {}
    for technique in GRIDS:
        options = settings_of(technique, chosen)
        first = seeds if len(options) == 1 else seeds[: problem.choosing]
        tried = [[one_run(problem, seed, **option) for seed in first] for option in options]
        medians = [statistics.median(run["validation"] for run in runs) for runs in tried]
        best = max(range(len(options)), key=medians.__getitem__)
        chosen[technique] = options[best]
        runs = tried[best]
        runs += [one_run(problem, seed, **options[best]) for seed in seeds[len(runs) :]]
        grid = [{**option, "validation": m} for option, m in zip(options, medians, strict=True)]
        rows.append(row(technique, options[best], grid if len(grid) > 1 else [], runs, test))
        if technique == "plain":
            rows += [stopped_early(by, runs, test) for by in ("cost", "accuracy")]
    return rows


def stopped_early(by: str, runs: list[dict[str, Any]], test: Examples) -> dict[str, Any]:
    """The plain runs once more, each as it was when the validation `by` was best."""
    kept = []
    for run in runs:
        net, stopper = run["net"], run["stoppers"][by]
        stopper.restore(net)
        kept.append({"seed": run["seed"], "best_step": stopper.best_step, "net": net})
    return row(f"early stopping by {by}", {"patience": PATIENCE}, [], kept, test)


def row(
    technique: str,
    settings: dict[str, Any],
    grid: list[dict[str, Any]],
    runs: list[dict[str, Any]],
    test: Examples,
) -> dict[str, Any]:
    """The runs of a technique in a form that fits into JSON, with their test accuracies."""
    stored = []
    for run in runs:
        kept = {key: value for key, value in run.items() if key not in ("net", "stoppers")}
        stored.append({**kept, "test": round(measured(run["net"], test)[1], 4)})
    tests = [run["test"] for run in stored]
    tqdm.write(f"{technique} {settings}: {statistics.median(tests):.4f} {tests}")
    return {"technique": technique, "settings": settings, "grid": grid, "runs": stored}


def main() -> int:
    """Train all and store; the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=len(SEEDS))
    parser.add_argument("--epochs", type=float, default=1.0, help="share of the usual epochs")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    data = d2l.load_mnist()
    train, validation, test = (
        (split.images.flatten(1) / 255, split.labels)
        for split in (data.train, data.validation, data.test)
    )

    def thousand(seed: int) -> Examples:
        part = slice(1000 * seed, 1000 * (seed + 1))
        return train[0][part], train[1][part]

    share = arguments.epochs
    few = (validation[0][:1000], validation[1][:1000])  # who has little has little to validate on
    problems = {
        "1000": Problem(thousand, few, max(1, round(60 * share)), 20, 30, 5),
        "50000": Problem(lambda seed: train, validation, max(1, round(15 * share)), 100, 15, 1),
    }
    start = time.perf_counter()
    found = {
        name: {
            "examples": [len(problem.train(0)[0]), len(problem.validation[0]), len(test[0])],
            "num_epochs": problem.num_epochs,
            "batch_size": problem.batch_size,
            "rows": all_runs(problem, test, range(arguments.seeds)),
        }
        for name, problem in tqdm(problems.items(), unit="problem")
    }
    if arguments.seeds != len(SEEDS) or share != 1:
        return 0  # a trial
    record = {
        "command": COMMAND,
        **machine(),
        "threads": 1,
        "data": data.name,
        "sizes": [784, HIDDEN, 10],
        "lr": LR,
        "seconds": round(time.perf_counter() - start, 1),
        "problems": found,
    }
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(record, indent=None, ensure_ascii=False)
    text = text.replace('{"seed"', '\n{"seed"').replace('{"technique"', '\n\n{"technique"')
    (RESULTS / "regularization_mnist.json").write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
