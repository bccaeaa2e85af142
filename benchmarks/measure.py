"""Side-by-side timing: candidates take turns in one process, so that noise hits all alike."""

import datetime
import importlib.metadata
import json
import os
import platform
import re
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from d2lhelpers.train.results import Result

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Row:
    """One line of the table: a median, and its ratio to the peer measured in the same run.

    `ratio` is peer / this, so more is better, unless `target` says otherwise ("≤ ...").
    """

    what: str
    milliseconds: float
    peer: str
    ratio: float
    target: str = ""
    met: bool | None = None


def in_turns(measures: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Median of what each measure returns over `rounds` rounds in which each is called once."""
    found: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            found[name].append(measure())
    return {name: statistics.median(values) for name, values in found.items()}


def take_turns(
    candidates: Mapping[str, Callable[[], object]], rounds: int, warmup: int = 1
) -> dict[str, float]:
    """Median seconds of each candidate over `rounds` rounds in which each runs once."""

    def seconds(run: Callable[[], object]) -> float:
        start = time.perf_counter()
        run()
        return time.perf_counter() - start

    for _ in range(warmup):
        for run in candidates.values():
            run()
    return in_turns({name: partial(seconds, run) for name, run in candidates.items()}, rounds)


def at_least(
    what: str, seconds: float, peer: str, peer_seconds: float, target: float | None = None
) -> Row:
    """A row that should be `target` times faster than its peer."""
    ratio = peer_seconds / seconds
    wanted, met = ("", None) if target is None else (f"≥ {target:g}", ratio >= target)
    return Row(what, seconds * 1e3, peer, ratio, wanted, met)


def at_most(what: str, seconds: float, peer: str, peer_seconds: float, target: float) -> Row:
    """A row whose cost should be at most `target` times its peer's; the ratio is this / peer."""
    ratio = seconds / peer_seconds
    return Row(what, seconds * 1e3, peer, ratio, f"≤ {target:g}", ratio <= target)


def machine() -> dict[str, object]:
    """What a figure depends on: versions, processor kind and number of cores, day."""
    packages = ("torch", "numpy", "matplotlib", "ipykernel", "ipywidgets", "jupyterlab", "d2l")
    return {
        "date": datetime.date.today().isoformat(),
        "system": platform.system(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in packages},
    }


def _processor() -> str:
    """The processor's name where the system tells it, else its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def store(name: str, rows: Iterable[Row], command: str) -> int:
    """Write results/<name>.json and print the rows; 1 when a target was missed, else 0."""
    rows = list(rows)
    record = {"command": command, **machine(), "rows": [asdict(row) for row in rows]}
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(record, indent=1, ensure_ascii=False)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    print(table(rows))
    return int(any(row.met is False for row in rows))


def finished(path: Path, run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a long run gave: from the file, if it has come to its end before, else by running it."""
    if not path.exists():
        found = run()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found), encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))


def to_its_end(result: "Result") -> "Result":
    """A training that was not stopped on its way.

    Raises:
        KeyboardInterrupt: when it was.
    """
    if len(result.history) < result.config.epochs:
        raise KeyboardInterrupt("the training was stopped before its end")
    return result


def percent(share: float | None) -> float | None:
    """Of an accuracy between 0 and 1, with two decimals."""
    return None if share is None else round(100 * share, 2)


def spent(result: "Result", cpu_start: float) -> dict[str, Any]:
    """What a training cost: parameters, epochs, seconds of its steps, processor time since then."""
    return {
        "parameters": result.parameters,
        "epochs": len(result.history),
        "seconds": round(result.seconds, 1),
        "cpu_seconds": round(time.process_time() - cpu_start, 1),
        "precision": result.environment["precision"],
        "threads": result.environment["threads"],
    }


def store_runs(name: str, command: str, runs: Sequence[dict[str, Any]], **about: object) -> None:
    """Write results/<name>.json: how the trainings were run, what they have in common, a line each.

    Args:
        name: the file's name.
        command: what was typed.
        runs: settings and outcome of each.
        about: what else is to be known of all runs, such as the number of threads.
    """
    record = {"command": command, **machine(), **about}
    lines = ",\n".join(f"  {json.dumps(run, ensure_ascii=False)}" for run in runs)
    text = json.dumps({**record, "runs": []}, indent=1, ensure_ascii=False)
    # Innermost lists, such as the rows of a matrix, on one line each.
    text = re.sub(r"\[\s+([^][{}]+?)\s+\]", lambda m: f"[{' '.join(m[1].split())}]", text)
    text = text.removesuffix("[]\n}") + f"[\n{lines}\n ]\n}}\n"
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(text, encoding="utf-8")


def summary(values: Sequence[float]) -> str:
    """For instance "median 99.31 (99.25 to 99.40, 5 runs)"."""
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"median {middle:.2f} ({low:.2f} to {high:.2f}, {len(values)} runs)"


def table(rows: Iterable[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| what | ms | ratio | against | target |", "|---|---|---|---|---|"]
    for row in rows:
        verdict = {True: " ✓", False: " ✗", None: ""}[row.met]
        lines.append(
            f"| {row.what} | {row.milliseconds:.3g} | {row.ratio:.3g} | {row.peer} "
            f"| {row.target}{verdict} |"
        )
    return "\n".join(lines)
