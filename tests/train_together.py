"""The trainer on a tiny data set, for processes that torchrun starts: `-m tests.train_together`."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import torch

from d2lhelpers.train import datasets, learner
from d2lhelpers.train.__main__ import main

from .tiny_runs import STILL, tiny

datasets.DATA["tiny"] = tiny

parser = argparse.ArgumentParser()
parser.add_argument("--record", type=Path)
parser.add_argument("--pids", type=Path)
options, arguments = parser.parse_known_args()
rank = os.environ.get("RANK", "0")
if options.pids:
    (options.pids / f"pid-{rank}").write_text(str(os.getpid()))

seen: list[int] = []
if options.record:
    # Written down where the rows are used: the images that this process trains on.
    draw = learner.draw_changes

    def recording(*given: Any) -> Any:
        changes = draw(*given)
        apply = changes.apply

        def noting(images: torch.Tensor, rows: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
            seen.extend(rows.tolist())
            return apply(images, rows, *others)

        object.__setattr__(changes, "apply", noting)
        return changes

    learner.draw_changes = recording  # type: ignore[assignment]

settings = ["--model", STILL, "--data", "tiny", "--batch-size", "20", "--lr", "0.05"]
settings += ["--no-progress", "--device", "cpu", "--augment.shift", "1", "--augment.flip"]
epochs = [] if "--epochs" in arguments or "--resume" in arguments else ["--epochs", "4"]
status = main([*settings, *epochs, *arguments])
if options.record:
    (options.record / f"rows-{rank}.json").write_text(json.dumps(seen))
sys.exit(status)
