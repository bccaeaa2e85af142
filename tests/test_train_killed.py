"""Runs that are killed: none is lost, none is broken."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from d2lhelpers.train import checkpoint

ROOT = Path(__file__).resolve().parent.parent
KILLS = 50

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


@needs_fork
@pytest.mark.slow
def test_fifty_kills_lose_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.train_and_die", str(tmp_path), str(KILLS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    print(report)
    assert report["killed"] >= KILLS
    assert report["while writing"] >= 10
    assert report["runs"] >= 1
    assert report["lost"] == report["unequal"] == report["leftovers"] == 0


WRITE_AND_DIE = """
import os, signal, sys
from pathlib import Path
import torch
from d2lhelpers.train import checkpoint

path, place = Path(sys.argv[1]), sys.argv[2]
new = {"numbers": torch.full((300_000,), 2.0)}
def die(*arguments, **options):
    os.kill(os.getpid(), signal.SIGKILL)
if place == "before the bytes are on the disk":
    os.fsync = die
elif place == "before the name is changed":
    os.replace = die
elif place == "after the name is changed":
    checkpoint._sync_folder = die
else:
    class Dying:
        def __init__(self, file, left): self.file, self.left = file, left
        def write(self, data):
            part = bytes(data)[: self.left]
            self.left -= len(part)
            self.file.write(part)
            if self.left <= 0:
                self.file.flush()
                die()
            return len(part)
        def __getattr__(self, name): return getattr(self.file, name)
    save = torch.save
    torch.save = lambda record, file: save(record, Dying(file, int(place)))
checkpoint.save(path, "a test", new)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL on this system")
@pytest.mark.parametrize(
    ("place", "new"),
    [
        ("1", False),
        ("1000", False),
        ("600000", False),
        ("1200300", False),
        ("before the bytes are on the disk", False),
        ("before the name is changed", False),
        ("after the name is changed", True),
    ],
)
def test_killed_while_writing_there_is_the_old_file_or_the_new(
    place: str, new: bool, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(path, "a test", {"numbers": torch.ones(300_000)})
    done = subprocess.run([sys.executable, "-c", WRITE_AND_DIE, str(path), place], cwd=ROOT)
    assert done.returncode == -signal.SIGKILL
    numbers = checkpoint.load(path, "a test")["numbers"]
    assert torch.equal(numbers, torch.full((300_000,), 2.0 if new else 1.0))
    if not new:
        assert list(tmp_path.glob("checkpoint.pt.*.tmp"))  # it was in the middle of it
    checkpoint.remove_unfinished(path)
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]
