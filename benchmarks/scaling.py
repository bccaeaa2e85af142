"""Threads, number formats, compilation and processes, side by side, for chapter 27.

`python -m benchmarks.scaling` takes about a quarter of an hour on two cores, on which nothing else
should run. Candidates of one group take turns, arrangements of processes too. Each line has a
ratio: how many times as fast as the first line of its group. Writes results/scaling.json. With
`--try` it only sees whether everything runs.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import distributed, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from d2lhelpers import train

from .measure import in_turns, store_runs, take_turns

COMMAND = "python -m benchmarks.scaling"
SHAPE = (1, 28, 28)
PRODUCTS = (16, 64, 256, 1024, 2048)
BATCHES = (8, 32, 128, 512)
MODELS = ("conv2-relu", "small")
GLOBAL_BATCHES = (32, 128, 512)
Run = dict[str, Any]


class Task:
    """A network, its optimizer and one batch of random images.

    Args:
        model: a name that the trainer knows.
        batch_size: images in the batch.
        precision: float32 or bfloat16, the latter by autocast.
        channels_last: whether images and weights are stored pixel by pixel.
        compiled: whether the forward pass goes through torch.compile.
        ddp: whether the gradients are averaged over all processes.
    """

    def __init__(
        self,
        model: str,
        batch_size: int,
        *,
        precision: str = "float32",
        channels_last: bool = False,
        compiled: bool = False,
        ddp: bool = False,
    ) -> None:
        torch.manual_seed(0)
        net: nn.Module = train.build_model(model, SHAPE, 10)
        layout = torch.channels_last if channels_last else torch.contiguous_format
        net = net.to(memory_format=layout)
        self.optimizer = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9, fused=True)
        self.images = torch.randn(batch_size, *SHAPE).contiguous(memory_format=layout)
        self.labels = torch.randint(10, (batch_size,))
        self.bfloat16 = precision == "bfloat16"
        wrapped = DistributedDataParallel(net) if ddp else net
        self.net: Any = torch.compile(wrapped) if compiled else wrapped

    def step(self) -> None:
        """One training step."""
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bfloat16):
            logits = self.net(self.images)
        loss = functional.cross_entropy(logits.float(), self.labels)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def with_threads(count: int, work: Callable[[], object]) -> None:
    """Run the work with so many threads."""
    torch.set_num_threads(count)
    work()


def repeated(work: Callable[[], object], count: int) -> None:
    """Run the work several times."""
    for _ in range(count):
        work()


def lines(group: str, seconds: Mapping[str, float], per: float, **about: object) -> list[Run]:
    """A line for each candidate; its ratio is that of the first candidate's time to its own.

    Args:
        group: what is measured.
        seconds: of each candidate, for `per` repetitions.
        per: what the seconds are divided by.
        about: what the candidates have in common.
    """
    first = next(iter(seconds.values()))
    return [
        {
            "group": group,
            **about,
            "candidate": name,
            "seconds": float(f"{value / per:.4g}"),
            "ratio": round(first / value, 3),
        }
        for name, value in seconds.items()
    ]


def by_threads(rounds: int) -> Iterator[Run]:
    """Matrix products and training steps on one thread and on two."""
    for size in PRODUCTS:
        A, B = torch.randn(2, size, size)
        count = max(1, min(2000, 2 * 10**8 // size**3))
        work = partial(repeated, partial(torch.mm, A, B), count)
        candidates = {f"{n} threads": partial(with_threads, n, work) for n in (1, 2)}
        yield from lines("product", take_turns(candidates, rounds), count, size=size)
    for batch_size in BATCHES:
        task = Task("conv2-relu", batch_size)
        count = max(1, 256 // batch_size)
        work = partial(repeated, task.step, count)
        candidates = {f"{n} threads": partial(with_threads, n, work) for n in (1, 2)}
        yield from lines("step", take_turns(candidates, rounds), count, size=batch_size)


def by_format(rounds: int) -> Iterator[Run]:
    """Number formats, memory formats and compilation, on one thread."""
    torch.set_num_threads(1)
    for size in (64, 1024):
        candidates = {}
        count = max(1, min(2000, 10**9 // size**3))
        for dtype in (torch.float32, torch.bfloat16):
            A, B = torch.randn(2, size, size).to(dtype)
            name = str(dtype).removeprefix("torch.")
            candidates[name] = partial(repeated, partial(torch.mm, A, B), count)
        yield from lines("product format", take_turns(candidates, rounds), count, size=size)
    for model in MODELS:
        tasks = {
            "float32": Task(model, 128),
            "bfloat16": Task(model, 128, precision="bfloat16"),
            "channels_last": Task(model, 128, channels_last=True),
            "both": Task(model, 128, precision="bfloat16", channels_last=True),
            "compiled": Task(model, 128, compiled=True),
            "all three": Task(model, 128, precision="bfloat16", channels_last=True, compiled=True),
        }
        first_calls = {}
        for name, task in tasks.items():
            start = time.perf_counter()
            task.step()
            first_calls[name] = time.perf_counter() - start
        steps = {name: task.step for name, task in tasks.items()}
        for line in lines("format", take_turns(steps, 2 * rounds, warmup=2), 1, model=model):
            yield {**line, "first_call": round(first_calls[line["candidate"]], 2)}


def chain(x: torch.Tensor) -> torch.Tensor:
    """Seven operations, each of which passes through memory once if nobody fuses them."""
    return torch.tanh(x * 0.5 + 1) * x - x.square() * 0.1


def by_compilation(rounds: int) -> Iterator[Run]:
    """A chain of elementwise operations, one by one and fused."""
    torch.set_num_threads(1)
    x = torch.randn(1_000_000)
    compiled = torch.compile(chain)
    start = time.perf_counter()
    compiled(x)
    first = time.perf_counter() - start
    candidates = {"one by one": partial(chain, x), "compiled": partial(compiled, x)}
    for line in lines("chain", take_turns(candidates, 3 * rounds, warmup=3), 1):
        yield {**line, **({"first_call": round(first, 2)} if line["ratio"] != 1 else {})}


def work_until(start: float, seconds: float) -> None:
    """In a process of its own: steps until the time is over; prints images per second."""
    task = Task("conv2-relu", 64)
    task.step()
    time.sleep(max(0.0, start - time.time()))
    begin, count = time.perf_counter(), 0
    while time.perf_counter() - begin < seconds:
        task.step()
        count += 1
    print(64 * count / (time.perf_counter() - begin))


def image_seconds(processes: int, threads: int, seconds: float) -> float:
    """Seconds an image when so many processes work that know nothing of each other."""
    own = ["--alone", str(time.time() + 12), str(seconds)]
    command = [sys.executable, "-m", "benchmarks.scaling", *own]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    running = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    return 1 / sum(float(one.communicate()[0].split()[-1]) for one in running)


def side_by_side(turns: int, seconds: float) -> Iterator[Run]:
    """Strangers on one machine: one or two processes."""
    measures = {
        f"{processes} × {threads} threads": partial(image_seconds, processes, threads, seconds)
        for processes, threads in ((1, 1), (1, 2), (2, 1), (2, 2))
    }
    yield from lines("strangers", in_turns(measures, turns), 1)


def work_together(batch_size: int, count: int, rounds: int) -> None:
    """In a process that torchrun started: equal shares; number 0 prints the seconds of a step."""
    together = "RANK" in os.environ
    if together:
        distributed.init_process_group("gloo")
    size = distributed.get_world_size() if together else 1
    task = Task("conv2-relu", batch_size // size, ddp=together)
    repeated(task.step, 3)
    times = []
    for _ in range(rounds):
        if together:
            distributed.barrier()
        start = time.perf_counter()
        repeated(task.step, count)
        times.append((time.perf_counter() - start) / count)
    if not together or distributed.get_rank() == 0:
        print(statistics.median(times))
    if together:
        distributed.destroy_process_group()


def step_seconds(batch_size: int, rounds: int, starter: Sequence[str], threads: int) -> float:
    """Seconds a training step takes in the processes that `starter` starts (without one: one)."""
    own = ["--together", str(batch_size), str(max(2, 1024 // batch_size)), str(rounds)]
    command = [sys.executable, *starter, "-m", "benchmarks.scaling", *own]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    with contextlib.suppress(OSError):
        if "lo" in os.listdir("/sys/class/net"):
            environment["GLOO_SOCKET_IFNAME"] = "lo"
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout.split()[-1])


def by_processes(turns: int, rounds: int) -> Iterator[Run]:
    """One batch computed by one thread, by two threads, by two processes."""
    two = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    for size in GLOBAL_BATCHES:
        measures = {
            "1 process": partial(step_seconds, size, rounds, [], 1),
            "1 process, 2 threads": partial(step_seconds, size, rounds, [], 2),
            "2 processes": partial(step_seconds, size, rounds, two, 1),
        }
        yield from lines("processes", in_turns(measures, turns), 1, size=size)


def bfloat16_instructions() -> list[str]:
    """What the processor says it has for bfloat16, in Linux's words."""
    try:
        flags = Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return []
    return [name for name in ("avx512_bf16", "amx_bf16", "bf16") if name in flags]


def main() -> int:
    """Measure and store, or be one of the processes that are measured; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--try", action="store_true", dest="trial")
    parser.add_argument("--alone", nargs=2, type=float, help=argparse.SUPPRESS)
    parser.add_argument("--together", nargs=3, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        work_until(*options.alone)
        return 0
    if options.together:
        work_together(*options.together)
        return 0
    turns, rounds, seconds = (1, 1, 1.0) if options.trial else (5, 11, 5.0)
    with tempfile.TemporaryDirectory() as cache:  # a first call finds nothing compiled already
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache
        runs = measured(turns, rounds, seconds)
    if not options.trial:
        store_runs("scaling", COMMAND, runs, bfloat16_instructions=bfloat16_instructions())
    return 0


def measured(turns: int, rounds: int, seconds: float) -> list[Run]:
    """All groups, each line printed when it is there.

    Args:
        turns: how often arrangements of processes, which start slowly, take turns.
        rounds: how often other candidates take turns.
        seconds: how long strangers work.
    """
    runs = []
    for lines_of_group in (
        by_processes(turns, max(1, rounds // 2)),
        side_by_side(turns, seconds),
        by_threads(rounds),
        by_format(rounds),
        by_compilation(rounds),
    ):
        for run in lines_of_group:
            print(json.dumps(run, ensure_ascii=False), flush=True)
            runs.append(run)
    return runs


if __name__ == "__main__":
    sys.exit(main())
