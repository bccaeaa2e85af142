"""The ladder of chapter 24 on MNIST: seven networks, each with a new idea.

Rates, epochs and widths change from rung to rung as well.

`python -m benchmarks.mnist_ladder` trains the recipes `mnist-mlp` to `mnist-dropout` of
`d2lhelpers/train/recipes.py` on 50,000 images, three seeds each. In each run the epoch that is best
on the 10,000 validation images is kept, and meets the test images once; they choose nothing.
Takes about 25 minutes on one core. It can be stopped and started again: each run has a
folder under build/mnist_ladder and goes on where it was. With `--rungs` or `--seeds` it does a
part, and stores nothing.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from d2lhelpers import train

from .measure import store_runs, summary

COMMAND = "python -m benchmarks.mnist_ladder"
RUNS = Path(__file__).resolve().parent.parent / "build" / "mnist_ladder"
SEEDS = range(3)
# Test accuracies of chapter 6 of Nielsen, Neural Networks and Deep Learning, 2015: of three runs
# the one with the best validation accuracy.
PUBLISHED = {
    "mnist-mlp": 97.80,
    "mnist-conv1": 98.78,
    "mnist-conv2": 99.06,
    "mnist-relu": 99.23,
    "mnist-shifts": 99.37,
    "mnist-fc2": 99.43,
    "mnist-dropout": 99.60,
}


def climb(rung: str, seed: int) -> dict[str, Any]:
    """Train one rung with one seed, or go on with it: its line of the table."""
    config = replace(train.RECIPES[rung], seed=seed)
    result = train.run(config, out=RUNS / f"{rung}-{seed}", resume=True)
    assert result.test_accuracy is not None and result.validation_accuracy is not None
    return {
        "rung": rung,
        "seed": seed,
        "validation": round(100 * result.validation_accuracy, 2),
        "test": round(100 * result.test_accuracy, 2),
        "chosen": result.chosen,
        "parameters": result.parameters,
        "seconds": round(result.seconds, 1),
        "precision": result.environment["precision"],
        "threads": result.environment["threads"],
    }


def main() -> int:
    """Climb, print the medians beside the published figures, and store all runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rungs", nargs="*", default=list(PUBLISHED), choices=PUBLISHED)
    parser.add_argument("--seeds", type=int, nargs="*", default=list(SEEDS))
    options = parser.parse_args()
    wanted = [(rung, seed) for rung in options.rungs for seed in options.seeds]
    runs = [climb(rung, seed) for rung, seed in tqdm(wanted, unit="run")]
    for rung in options.rungs:
        accuracies = [run["test"] for run in runs if run["rung"] == rung]
        print(f"{rung}: test {summary(accuracies)}, published best {PUBLISHED[rung]:.2f}")
    if options.rungs == list(PUBLISHED) and options.seeds == list(SEEDS):
        store_runs("mnist_ladder", COMMAND, runs, published=PUBLISHED)
    return 0


if __name__ == "__main__":
    sys.exit(main())
