"""What the benchmarks share: benchmarks/measure.py."""

import json
import time
from functools import partial
from pathlib import Path

import pytest

from benchmarks import measure
from d2lhelpers import train

SHORT = train.Config(model="mlp", data="digits", epochs=2, batch_size=256)


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of results that is not the book's."""
    folder = tmp_path / "results"
    monkeypatch.setattr(measure, "RESULTS", folder)
    return folder


def test_candidates_take_turns_after_a_warmup() -> None:
    calls: list[str] = []
    candidates = {name: lambda name=name: calls.append(name) for name in "ab"}
    seconds = measure.take_turns(candidates, rounds=3, warmup=1)
    assert calls == list("ab" * 4)
    assert set(seconds) == {"a", "b"}
    assert min(seconds.values()) >= 0


def test_measures_are_taken_in_turns_and_give_their_median() -> None:
    values = {"a": iter([3.0, 1.0, 2.0]), "b": iter([5.0, 9.0, 7.0])}
    calls: list[str] = []

    def measure_one(name: str) -> float:
        calls.append(name)
        return next(values[name])

    measures = {name: partial(measure_one, name) for name in values}
    assert measure.in_turns(measures, rounds=3) == {"a": 2.0, "b": 7.0}
    assert calls == list("ababab")


def test_median_seconds_are_not_moved_by_one_slow_round() -> None:
    waits = iter([0.0, 0.0, 0.0, 0.2, 0.0])
    seconds = measure.take_turns({"a": lambda: time.sleep(next(waits))}, rounds=5, warmup=0)
    assert seconds["a"] < 0.1


def test_rows_say_whether_the_target_is_met() -> None:
    fast = measure.at_least("fast", 0.001, "slow", 0.004, target=4)
    assert (fast.milliseconds, fast.ratio, fast.target, fast.met) == (1.0, 4.0, "≥ 4", True)
    assert measure.at_least("fast", 0.001, "slow", 0.0039, target=4).met is False
    assert measure.at_least("fast", 0.001, "slow", 0.004).met is None
    light = measure.at_most("light", 0.003, "heavy", 0.002, target=1.5)
    assert (light.ratio, light.target, light.met) == (1.5, "≤ 1.5", True)
    assert measure.at_most("light", 0.0031, "heavy", 0.002, target=1.5).met is False


def test_storing_rows_tells_of_a_missed_target(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    met = measure.at_least("one", 0.001, "two", 0.002, target=2)
    missed = measure.at_least("one", 0.001, "two", 0.002, target=3)
    assert measure.store("met", [met], "command") == 0
    assert measure.store("missed", [met, missed], "command") == 1
    assert "| one | 1 | 2 | two | ≥ 3 ✗ |" in capsys.readouterr().out
    record = json.loads((results / "missed.json").read_text())
    assert record["command"] == "command"
    assert record["packages"].keys() >= {"torch", "numpy"}
    assert [row["met"] for row in record["rows"]] == [True, False]


def test_a_finished_run_is_not_run_again(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "one.json"
    assert measure.finished(path, lambda: {"test": 99.5}) == {"test": 99.5}
    assert measure.finished(path, lambda: pytest.fail("it ran again")) == {"test": 99.5}


def test_a_run_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "one.json"
    with pytest.raises(ZeroDivisionError):
        measure.finished(path, lambda: {"test": 1 / 0})
    assert not path.exists()


def test_a_training_that_was_stopped_is_no_result(tmp_path: Path) -> None:
    whole = train.run(SHORT, progress=False)
    assert measure.to_its_end(whole) is whole
    whole.history.pop()
    with pytest.raises(KeyboardInterrupt, match="before its end"):
        measure.finished(tmp_path / "one.json", lambda: vars(measure.to_its_end(whole)))
    assert not (tmp_path / "one.json").exists()


def test_what_a_training_cost() -> None:
    start = time.process_time() - 3  # as if it had taken longer
    result = train.run(SHORT, progress=False)
    cost = measure.spent(result, start)
    assert cost["parameters"] == 64 * 100 + 100 + 100 * 10 + 10
    assert (cost["epochs"], cost["precision"]) == (2, "float32")
    assert cost["threads"] >= 1
    assert 3 <= cost["cpu_seconds"] <= time.process_time() - start + 0.05
    assert cost["seconds"] == pytest.approx(sum(e.seconds for e in result.history), abs=0.051)


def test_accuracies_become_percent() -> None:
    assert measure.percent(0.991349) == 99.13
    assert measure.percent(None) is None


def test_stored_runs_have_a_line_each(results: Path) -> None:
    runs = [{"seed": 0, "matrix": [[1, 2], [3, 4]]}, {"seed": 1, "matrix": []}]
    measure.store_runs("runs", "command", runs, threads=1, table=[[1, 2], [3, 4]])
    text = (results / "runs.json").read_text()
    record = json.loads(text)
    assert (record["command"], record["threads"], record["runs"]) == ("command", 1, runs)
    assert record["table"] == [[1, 2], [3, 4]]
    assert "  [1, 2],\n" in text
    assert [json.loads(line.rstrip(",")) for line in text.splitlines() if '"seed"' in line] == runs


def test_the_summary_shows_the_spread() -> None:
    assert measure.summary([99.4, 99.25, 99.314]) == "median 99.31 (99.25 to 99.40, 3 runs)"
