"""`Timer` of chapter 10: values on a clock that the tests set, misuse, and d2l as the reference."""

import inspect
import math
import time
from types import SimpleNamespace
from unittest import mock

import pytest
from d2l import torch as reference
from hypothesis import given
from hypothesis import strategies as st

import d2lhelpers as d2l
from d2lhelpers import timing

# Durations in seconds whose sums are exact, so that nothing here depends on rounding.
seconds = st.integers(0, 2**20).map(lambda n: n / 1024)
runs = st.lists(st.tuples(seconds, seconds), min_size=1, max_size=20)  # (pause, duration) each


class Clock:
    """A clock that moves only when told to."""

    def __init__(self, now=0.0):
        self.now = now

    def __call__(self):
        return self.now

    def stand_in(self):
        """What replaces the module `time` in the code under test."""
        return SimpleNamespace(perf_counter=self, time=self)


@pytest.fixture
def clock(monkeypatch):
    """The clock that `Timer` reads."""
    clock = Clock(100.0)
    monkeypatch.setattr(timing, "time", clock.stand_in())
    return clock


def recorded(timer, clock, runs):
    """The timer after the given pauses and durations."""
    for pause, duration in runs:
        clock.now += pause
        timer.start()
        clock.now += duration
        assert timer.stop() == duration
    return timer


# Values


def test_it_starts_when_made(clock):
    timer = d2l.Timer()
    clock.now += 2.5
    assert timer.stop() == 2.5
    assert timer.times == [2.5]


@given(runs=runs, origin=st.integers(-(2**20), 2**20))
def test_times_sum_avg_and_cumsum(runs, origin):
    clock = Clock(float(origin))
    with mock.patch.object(timing, "time", clock.stand_in()):
        timer = recorded(d2l.Timer(), clock, runs)
    durations = [duration for _, duration in runs]
    assert timer.times == durations
    assert timer.sum() == math.fsum(durations)
    assert timer.avg() == pytest.approx(math.fsum(durations) / len(durations), rel=1e-12)
    assert timer.cumsum() == [math.fsum(durations[: k + 1]) for k in range(len(durations))]
    assert timer.cumsum()[-1] == timer.sum()


@given(runs=runs)
def test_same_readings_as_d2l_on_the_same_clock(runs):
    ours, theirs = Clock(), Clock()
    with (
        mock.patch.object(timing, "time", ours.stand_in()),
        mock.patch.object(reference, "time", theirs.stand_in()),
    ):
        timer = recorded(d2l.Timer(), ours, runs)
        other = recorded(reference.Timer(), theirs, runs)
    assert timer.times == other.times
    assert timer.sum() == other.sum()
    assert timer.avg() == other.avg()
    assert timer.cumsum() == other.cumsum()


def test_signatures_are_those_of_d2l():
    for name in ("__init__", "start", "stop", "avg", "sum", "cumsum"):
        ours = list(inspect.signature(getattr(d2l.Timer, name)).parameters)
        assert ours == list(inspect.signature(getattr(reference.Timer, name)).parameters), name


def test_results_are_plain_floats_and_lists(clock):
    timer = d2l.Timer()
    assert type(timer.sum()) is float and timer.sum() == 0.0 and timer.cumsum() == []
    clock.now += 1
    stopped = timer.stop()
    assert {type(value) for value in (stopped, timer.avg(), timer.sum())} == {float}
    assert type(timer.cumsum()) is list and timer.cumsum() is not timer.times


def test_two_timers_keep_their_times_apart(clock):
    first, second = d2l.Timer(), d2l.Timer()
    clock.now += 1
    first.stop()
    assert first.times == [1.0] and second.times == []
    clock.now += 1
    assert second.stop() == 2.0


# Start, stop and the with block


def test_a_second_start_drops_the_run_before(clock):
    timer = d2l.Timer()
    clock.now += 10
    timer.start()
    clock.now += 1
    assert timer.stop() == 1.0
    assert timer.times == [1.0]


def test_stop_without_start_is_refused_and_records_nothing(clock):
    timer = d2l.Timer()
    clock.now += 1
    timer.stop()
    clock.now += 1
    for _ in range(2):
        with pytest.raises(RuntimeError, match=r"not running.*start\(\)"):
            timer.stop()
    assert timer.times == [1.0]
    timer.start()
    assert timer.stop() == 0.0


def test_avg_of_no_times_is_refused():
    with pytest.raises(ValueError, match=r"Timer\.avg: finished_runs .* got 0"):
        d2l.Timer().avg()


@given(runs=runs)
def test_with_block_is_start_and_stop(runs):
    clock = Clock()
    with mock.patch.object(timing, "time", clock.stand_in()):
        timer = d2l.Timer()
        for pause, duration in runs:
            clock.now += pause
            with timer as inside:
                clock.now += duration
            assert inside is timer
    assert timer.times == [duration for _, duration in runs]


def test_a_block_that_raises_is_not_recorded_and_the_error_comes_out(clock):
    timer = d2l.Timer()
    with pytest.raises(KeyError), timer:
        clock.now += 5
        raise KeyError("work failed")
    assert timer.times == []
    with timer:
        clock.now += 1
    assert timer.times == [1.0]


def test_stop_inside_a_with_block_is_refused_at_its_end(clock):
    timer = d2l.Timer()
    with pytest.raises(RuntimeError, match="not running"), timer:
        clock.now += 1
        timer.stop()
    assert timer.times == [1.0]


# The real clock


def test_it_measures_seconds_of_wall_clock_time():
    timer = d2l.Timer()
    with timer:
        time.sleep(0.02)
    assert 0.015 < timer.times[0] < 2  # a busy machine may sleep long, never much too short


def test_setting_the_time_of_day_changes_nothing():
    with mock.patch.object(time, "time", side_effect=AssertionError("reads the time of day")):
        timer = d2l.Timer()
        assert timer.stop() >= 0
