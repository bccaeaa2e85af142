"""CIFAR-10 for chapter 25: the tutorial's network, the same one trained longer, a residual one.

`python -m benchmarks.cifar10` trains, with several seeds each:

- `tutorial`: PyTorch's classic tutorial as it stands, on all 50,000 images, the last epoch kept;
- `lenet` and `lenet without augmentation`: its network with larger batches, one-cycle and more
  epochs; and `residual`, a small residual network in less than ten minutes of processor time. Of
  these the epoch that is best on 5,000 validation images is kept. Without augmentation only
  validation images are looked at, else the test images once.

`seconds` is the time of the training steps, `cpu_seconds` the processor time of the whole run, on
all threads together. Of the first seed of `lenet` and `residual` the file also holds the first
layer's filters, the confusion of classes on the validation images, and the errors made with the
greatest confidence. Takes about 70 minutes on one core. It can be stopped and started again: what
is finished lies under build/cifar10. With `--only` or `--seeds` it does a part, and stores nothing.
"""

import argparse
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

from d2lhelpers import data, train

from .measure import finished, percent, spent, store_runs, summary, to_its_end

COMMAND = "python -m benchmarks.cifar10"
RUNS = Path(__file__).resolve().parent.parent / "build" / "cifar10"
LENET = train.RECIPES["cifar10-lenet"]
CONFIGS: dict[str, train.Config] = {
    "tutorial": train.RECIPES["cifar10-tutorial"],
    "lenet": LENET,
    "lenet without augmentation": replace(LENET, augment=train.Augmentation()),
    "residual": train.RECIPES["cifar10-minutes"],
}
SEEDS = {"tutorial": 5, "lenet": 3, "lenet without augmentation": 3, "residual": 3}
LOOKED_AT = ("lenet", "residual")
ERRORS = 16


def trained(name: str, seed: int) -> dict[str, Any]:
    """A finished run: its line of the table, and what there is to see of it."""
    start = time.process_time()
    config = replace(CONFIGS[name], seed=seed)
    result = to_its_end(train.run(config, test="without" not in name))
    line = {
        "run": name,
        "seed": seed,
        "validation": percent(result.validation_accuracy),
        "test": percent(result.test_accuracy),
        **spent(result, start),
        "history": [percent(epoch.validation_accuracy) for epoch in result.history],
    }
    seen = look(result.trained, result.data) if name in LOOKED_AT and seed == 0 else None
    return {"line": line, "seen": seen}


def look(kept: train.Trained, name: str) -> dict[str, Any]:
    """Confusion, filters and errors of a model, on the validation images."""
    images = data.load_cifar10().validation
    logits = kept.logits(images.images)  # (5000, 10)
    chances, said = logits.softmax(1).max(1)
    size = len(kept.classes)
    pairs = images.labels * size + said
    confusion = torch.bincount(pairs, minlength=size**2).reshape(size, size)
    wrong = (said != images.labels).nonzero()[:, 0]
    worst = wrong[chances[wrong].argsort(descending=True)[:ERRORS]]
    first = next(m for m in kept.model.modules() if isinstance(m, nn.Conv2d)).weight
    return {
        "data": name,
        "confusion": confusion.tolist(),
        "filters": [[[[round(v, 3) for v in row] for row in c] for c in f] for f in first.tolist()],
        "errors": [
            {
                "validation image": int(index),
                "label": kept.classes[images.labels[index]],
                "said": kept.classes[said[index]],
                "probability": round(chances[index].item(), 4),
            }
            for index in worst
        ],
    }


def report(found: Mapping[str, list[dict[str, Any]]]) -> None:
    """Print a line for each kind of run."""
    for name, lines in found.items():
        accuracies = {
            what: summary(values)
            for what in ("validation", "test")
            if (values := [line[what] for line in lines if line[what] is not None])
        }
        print(f"{name}: {accuracies}; cpu {summary([line['cpu_seconds'] for line in lines])}")


def main() -> int:
    """Train all, print the medians, and store all runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=list(CONFIGS), choices=CONFIGS)
    parser.add_argument("--seeds", type=int, nargs="*")
    options = parser.parse_args()
    plan = [
        (name, seed)
        for name in options.only
        for seed in (range(SEEDS[name]) if options.seeds is None else options.seeds)
    ]
    done = {
        (name, seed): finished(
            RUNS / f"{name.replace(' ', '-')}-{seed}.json", partial(trained, name, seed)
        )
        for name, seed in tqdm(plan, unit="run")
    }
    report({n: [r["line"] for (m, _), r in done.items() if m == n] for n in options.only})
    if options.only == list(CONFIGS) and options.seeds is None:
        store_runs(
            "cifar10",
            COMMAND,
            [record["line"] for record in done.values()],
            data=done["residual", 0]["seen"]["data"],
            classes=list(data.load_cifar10().classes),
            looked_at={name: done[name, 0]["seen"] for name in LOOKED_AT},
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
