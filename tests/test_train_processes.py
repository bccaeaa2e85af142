"""Several processes that train one model."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from d2lhelpers.train import load, run
from d2lhelpers.train.processes import Processes, from_environment

from .tiny_runs import config, tiny

ROOT = Path(__file__).resolve().parent.parent
MODULE = "tests.train_together"


@given(count=st.integers(1, 200), size=st.integers(1, 8))
def test_every_row_is_in_exactly_one_share(count: int, size: int) -> None:
    rows = torch.randperm(count)
    shares = [Processes(rank, size).share(rows) for rank in range(size)]
    assert sorted(torch.cat(shares).tolist()) == list(range(count))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_the_environment_says_who_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    alone = from_environment()
    assert alone == Processes() and alone.leads and not alone.together
    assert alone.gather("me") == ["me"]
    assert alone.add_up(torch.ones(2)).tolist() == [1, 1]
    for name, value in (("RANK", "3"), ("WORLD_SIZE", "4"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    third = from_environment()
    assert third == Processes(3, 4, 1) and third.together and not third.leads


def torchrun(arguments: list[str], count: int = 2) -> list[str]:
    """The command that starts so many processes on a port of their own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    starter = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={count}"]
    return [*starter, "--master-addr=127.0.0.1", f"--master-port={port}", "-m", MODULE, *arguments]


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": _loopback()}


def _loopback() -> str:
    return "lo0" if sys.platform == "darwin" else "lo"


def together(arguments: list[str], count: int = 2) -> subprocess.CompletedProcess[str]:
    command = torchrun(arguments, count)
    return subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=240
    )


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="torchrun without gloo")


def test_two_processes_learn_what_one_learns(tmp_path: Path) -> None:
    done = together(["--out", str(tmp_path / "two")])
    assert done.returncode == 0, done.stderr
    one = [sys.executable, "-m", MODULE, "--out", str(tmp_path / "one")]
    subprocess.run(one, cwd=ROOT, env=environment(), check=True, capture_output=True)
    curves = []
    for name in ("one", "two"):
        lines = (tmp_path / name / "log.csv").read_text().splitlines()
        curves.append([[float(word) for word in line.split(",")[:-1]] for line in lines[1:]])
    assert torch.allclose(torch.tensor(curves[0]), torch.tensor(curves[1]), atol=1e-4)
    results = [json.loads((tmp_path / n / "result.json").read_text()) for n in ("one", "two")]
    assert [result["environment"]["processes"] for result in results] == [1, 2]
    assert results[0]["test_accuracy"] == pytest.approx(results[1]["test_accuracy"], abs=0.021)
    # One of them wrote and printed.
    assert done.stdout.count("epoch 1/") == 1
    assert not list((tmp_path / "two").glob("*.tmp"))


def test_the_figures_are_those_of_the_model_that_is_kept(tmp_path: Path) -> None:
    """Batch normalization counts in each process by itself."""
    done = together(["--out", str(tmp_path), "--model", "small", "--epochs", "3", "--lr", "0.2"])
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "result.json").read_text())
    trained, data = load(tmp_path), tiny()
    for split, name in ((data.validation, "validation"), (data.test, "test")):
        right = (trained.predict(split.images) == split.labels).double().mean()
        assert float(right) == pytest.approx(result[f"{name}_accuracy"])


def test_each_image_is_seen_once_an_epoch(tmp_path: Path) -> None:
    done = together(["--epochs", "1", "--record", str(tmp_path)], count=2)
    assert done.returncode == 0, done.stderr
    seen = [json.loads(file.read_text()) for file in sorted(tmp_path.glob("rows-*.json"))]
    assert len(seen) == 2 and len(seen[0]) == len(seen[1]) == 50
    assert sorted(seen[0] + seen[1]) == list(range(100))


def test_a_killed_worker_ends_the_job_and_the_run_resumes(tmp_path: Path) -> None:
    out = tmp_path / "run"
    arguments = ["--out", str(out), "--epochs", "400", "--pids", str(tmp_path)]
    job = subprocess.Popen(
        torchrun(arguments),
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 120
        while not (out / "log.csv").exists() and time.monotonic() < deadline:
            assert job.poll() is None, job.communicate()[1]
            time.sleep(0.05)
        os.kill(int((tmp_path / "pid-1").read_text()), signal.SIGKILL)
        stdout, stderr = job.communicate(timeout=120)
    finally:
        job.kill()
    assert job.returncode != 0
    assert "d2lhelpers.train: " in stderr and "--resume goes on" in stderr
    done = len((out / "log.csv").read_text().splitlines()) - 1
    assert 1 <= done < 400
    # It goes on with one process, as it would with two.
    kept = (out / "log.csv").read_text()
    resume = [sys.executable, "-m", MODULE, "--out", str(out), "--resume", "--epochs", "400"]
    again = subprocess.Popen(resume, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True)
    try:
        assert again.stdout is not None
        assert again.stdout.readline().startswith(f"epoch {done + 1}/400")
    finally:
        again.kill()
        again.communicate()
    assert (out / "log.csv").read_text().startswith(kept)


def test_batches_that_cannot_be_shared_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    done = together(["--batch-size", "5"])
    assert done.returncode != 0
    assert "batch_size 5 cannot be shared evenly by 2 processes" in done.stderr
    with pytest.raises(ValueError, match="batch_size is 2000"):
        run(config(data="digits", batch_size=2000), device="cpu", progress=False)
