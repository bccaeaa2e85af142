"""Beyond the ladder of chapter 24: MNIST in seconds, in minutes, and as well as a small net can.

`python -m benchmarks.mnist_beyond` trains, on all cores:

- `mnist-seconds`, `mnist-minutes` and `mnist-best` of `d2lhelpers/train/recipes.py`, five seeds
  each, on all 60,000 training images; the last epoch is kept and meets the test images once;
- what each part of `mnist-minutes` brings: the recipe without it, three seeds each, on 50,000
  images; only validation images are looked at.

`seconds` is the time of the training steps. It can be stopped and started again: each run has a
folder under build/mnist_beyond and goes on where it was. With `--only` it does a part, and stores
nothing.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from d2lhelpers import train

from .measure import store_runs, summary

COMMAND = "python -m benchmarks.mnist_beyond"
RUNS = Path(__file__).resolve().parent.parent / "build" / "mnist_beyond"
GOALS = ("mnist-seconds", "mnist-minutes", "mnist-best")
# What is taken away from mnist-minutes.
WITHOUT: dict[str, dict[str, Any]] = {
    "nothing": {},
    "bfloat16": {"precision": "float32"},
    "channels_last": {"channels_last": False},
    "bfloat16, channels_last": {"precision": "float32", "channels_last": False},
    "one-cycle": {"schedule": "constant", "lr": 0.02},
    "augmentation": {"augment": train.Augmentation()},
    "moving average": {"ema": 0.0},
    "label smoothing": {"label_smoothing": 0.0},
}


def trained(name: str, config: train.Config, test: bool) -> dict[str, Any]:
    """Train, or go on with it: a line of the table."""
    out = RUNS / f"{name.replace(', ', '-').replace(' ', '-')}-{config.seed}"
    result = train.run(config, out=out, resume=True, test=test)
    last = result.history[-1]

    def percent(share: float | None) -> float | None:
        return None if share is None else round(100 * share, 2)

    return {
        "rung": name,
        "seed": config.seed,
        "validation": percent(last.validation_accuracy),
        "test": percent(result.test_accuracy),
        "parameters": result.parameters,
        "seconds": round(result.seconds, 1),
        "precision": result.environment["precision"],
        "threads": result.environment["threads"],
    }


def main() -> int:
    """Train all, print the medians, and store all runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [*GOALS, *(f"without {part}" for part in WITHOUT)]
    parser.add_argument("--only", nargs="*", default=names, choices=names)
    only = parser.parse_args().only
    base = replace(train.RECIPES["mnist-minutes"], validation=None, keep="last")
    plan = [
        *((goal, replace(train.RECIPES[goal], seed=seed)) for goal in GOALS for seed in range(5)),
        *(
            (f"without {part}", replace(base, **changes, seed=seed))
            for part, changes in WITHOUT.items()
            for seed in range(3)
        ),
    ]
    wanted = [(name, config) for name, config in plan if name in only]
    runs = [trained(name, c, test=name in GOALS) for name, c in tqdm(wanted, unit="run")]
    for name in only:
        measured = [run for run in runs if run["rung"] == name]
        what = "test" if name in GOALS else "validation"
        seconds = summary([run["seconds"] for run in measured])
        print(f"{name}: {what} {summary([run[what] for run in measured])}; seconds {seconds}")
    if only == names:
        store_runs("mnist_beyond", COMMAND, runs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
