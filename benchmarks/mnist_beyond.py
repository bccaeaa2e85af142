"""Beyond the ladder of chapter 24: MNIST in seconds and in minutes, and what brings how much.

`python -m benchmarks.mnist_beyond` trains

- five seeds each, the recipes `mnist-seconds` and `mnist-minutes` (on all cores) and `mnist-best`
  (on one thread) of `d2lhelpers/train/recipes.py`, on all 60,000 training images; the last epoch
  is kept and meets the test images once;
- on one thread, three seeds each, four epochs of `mnist-minutes` on 50,000 images, as it is and
  without one or two of its parts (without one-cycle the learning rate is lower as well); only
  validation images are looked at.

`seconds` is the time of the training steps, which means something while nothing else runs;
`cpu_seconds` the processor time of the whole run. It can be stopped and started again: what is
finished lies under build/mnist_beyond. With `--only` it does a part, and stores nothing.
"""

import argparse
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from d2lhelpers import train

from .measure import finished, percent, spent, store_runs, summary, to_its_end

COMMAND = "python -m benchmarks.mnist_beyond"
RUNS = Path(__file__).resolve().parent.parent / "build" / "mnist_beyond"
TIMED = ("mnist-seconds", "mnist-minutes")
GOALS = (*TIMED, "mnist-best")
# What is taken away from mnist-minutes.
WITHOUT: dict[str, dict[str, Any]] = {
    "nothing": {},
    "bfloat16": {"precision": "float32"},
    "channels_last": {"channels_last": False},
    "bfloat16, channels_last": {"precision": "float32", "channels_last": False},
    "one-cycle": {"schedule": "constant", "lr": 0.002},
    "augmentation": {"augment": train.Augmentation()},
}


def trained(name: str, config: train.Config) -> dict[str, Any]:
    """Train: a line of the table."""
    cores = torch.get_num_threads()
    torch.set_num_threads(cores if name in TIMED else 1)
    start = time.process_time()
    try:
        result = to_its_end(train.run(config, test=name in GOALS))
    finally:
        torch.set_num_threads(cores)
    return {
        "rung": name,
        "seed": config.seed,
        "validation": percent(result.history[-1].validation_accuracy),
        "test": percent(result.test_accuracy),
        **spent(result, start),
    }


def main() -> int:
    """Train all, print the medians, and store all runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [*GOALS, *(f"without {part}" for part in WITHOUT)]
    parser.add_argument("--only", nargs="*", default=names, choices=names)
    only = parser.parse_args().only
    base = replace(train.RECIPES["mnist-minutes"], validation=None, keep="last", epochs=4)
    plan = [
        *((goal, replace(train.RECIPES[goal], seed=seed)) for goal in GOALS for seed in range(5)),
        *(
            (f"without {part}", replace(base, **changes, seed=seed))
            for part, changes in WITHOUT.items()
            for seed in range(3)
        ),
    ]
    wanted = [(name, config) for name, config in plan if name in only]
    runs = [
        finished(
            RUNS / f"{name.replace(', ', '-').replace(' ', '-')}-{config.seed}.json",
            partial(trained, name, config),
        )
        for name, config in tqdm(wanted, unit="run")
    ]
    for name in only:
        measured = [run for run in runs if run["rung"] == name]
        what = "test" if name in GOALS else "validation"
        time_of = "seconds" if name in TIMED else "cpu_seconds"
        shares, times = (summary([run[key] for run in measured]) for key in (what, time_of))
        print(f"{name}: {what} {shares}; {time_of} {times}")
    if only == names:
        store_runs("mnist_beyond", COMMAND, runs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
