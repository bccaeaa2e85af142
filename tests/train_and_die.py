"""A training process that is killed by SIGKILL, again and again, and its successor that resumes.

`python -m tests.train_and_die FOLDER KILLS` imports everything once and forks the processes that
are killed, so that most of their time is training and writing. It prints one JSON line: how often
a process was killed before the run was finished, how often while a checkpoint was being written,
and whether the result is that of a run that nobody disturbed.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import torch

from d2lhelpers.train import Config, checkpoint, datasets, run
from d2lhelpers.train.run import KIND

from .tiny_runs import ALL_CHANGES, config, same, tiny

datasets.DATA["tiny"] = tiny
torch.set_num_threads(1)  # threads do not survive a fork
STEADY = {"device": "cpu", "progress": False}


def settings() -> Config:
    """A run in which writing takes a good part of the time."""
    return config(epochs=12, augment=ALL_CHANGES, ema=0.9)


def train_in_child(out: Path) -> int:
    """Fork a process that resumes the run; its number."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            run(settings(), out=out, resume=True, **STEADY)  # type: ignore[arg-type]
            status = 0
        finally:
            os._exit(status)
    return child


def finished_epochs(out: Path) -> int:
    """How many epochs the checkpoint holds; it must be whole, whenever one looks."""
    path = out / "checkpoint.pt"
    return len(checkpoint.load(path, KIND)["history"]) if path.exists() else 0


def unfinished(out: Path, name: str = "checkpoint.pt") -> list[Path]:
    """The files that are being written, or that nobody will finish."""
    return list(out.glob(f"{name}.*.tmp"))


def wait_for_writing(out: Path, child: int) -> None:
    """Return when the child begins to write its next checkpoint, or has ended."""
    old = {path for path in unfinished(out) if f".{child}." not in path.name}
    while not set(unfinished(out)) - old:
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return
        time.sleep(0.0002)


def final_state(out: Path) -> dict[str, Any]:
    """The last checkpoint, without the seconds in it."""
    record = checkpoint.load(out / "checkpoint.pt", KIND)
    for epoch in record["history"]:
        del epoch["seconds"]
    return record


def main(folder: Path, kills: int) -> None:
    """Kill, look at what is left, go on; compare each run that gets to its end."""
    chance = random.Random(0)
    for name in ("with the imports", "whole"):
        start = time.perf_counter()
        run(settings(), out=folder / name, **STEADY)  # type: ignore[arg-type]
        seconds = time.perf_counter() - start
    whole = final_state(folder / "whole")
    report = {"killed": 0, "while writing": 0, "runs": 0, "lost": 0, "unequal": 0, "leftovers": 0}
    out = folder / "0"
    while report["killed"] < kills or not report["runs"] or finished_epochs(out):
        before = finished_epochs(out)
        child = train_in_child(out)
        if report["killed"] < kills:  # the last run is left in peace
            time.sleep(chance.uniform(0, seconds / 3))
            if report["killed"] % 2:  # every second one while it writes a checkpoint
                wait_for_writing(out, child)
            os.kill(child, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        report["lost"] += finished_epochs(out) < before
        if status == -signal.SIGKILL:
            report["killed"] += 1
            report["while writing"] += bool(unfinished(out))
        elif status == 0:
            report["runs"] += 1
            report["unequal"] += not same(final_state(out), whole)
            report["leftovers"] += len(unfinished(out, "*"))
            out = folder / str(report["runs"])
        else:
            raise SystemExit(f"a resumed run failed with status {status}")
    print(json.dumps(report))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
