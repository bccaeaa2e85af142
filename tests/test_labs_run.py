"""Labs with a start button: start, stop, continue, steer; one run at a time; nothing left over."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
import time
import weakref
from dataclasses import dataclass
from types import SimpleNamespace

import ipywidgets
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from d2lhelpers import labs
from d2lhelpers.labs import live_run
from d2lhelpers.labs.stage import moving


@dataclass(frozen=True)
class Walk:
    """Where each step led, and the walk before."""

    places: tuple[float, ...]
    planned: int
    before: Walk | None = None


class Walking(labs.Run[Walk]):
    """Each step is as long as `length` says at that moment; step 13 stumbles if it is told to."""

    def __init__(self, start, length, steps, stumble):
        self.places = [start]
        self.stumble = stumble
        self.steer(length=length, steps=steps)

    def steer(self, *, length, steps):
        self.length, self.steps = length, steps

    @property
    def done(self):
        return min(1.0, (len(self.places) - 1) / self.steps)

    def step(self):
        if self.stumble and len(self.places) == 13:
            raise RuntimeError("a <b>stone</b>")
        time.sleep(PAUSE)
        self.places.append(self.places[-1] + self.length)

    def result(self):
        return Walk(tuple(self.places), self.steps)


PAUSE = 0.0


class Walker(labs.RunLab[Walk]):
    """A lab small enough to see through."""

    title = "A walk"
    size = (3.0, 2.0)
    controls = {
        "length": labs.Slider("length", 0.0, 10.0, 1.0, unit="m", step=0.5),
        "steps": labs.IntSlider("steps", 1, 500, 40),
        "start": labs.Slider("start", -5.0, 5.0, 0.0, step=0.5),
        "stumble": labs.Toggle("stumble"),
    }
    steering = ("length", "steps")

    def begin(self, *, length, steps, start, stumble):
        return Walking(start, length, steps, stumble)

    def beside(self, result, before):
        return Walk(result.places, result.planned, before)

    def layout(self, figure):
        axes = figure.add_subplot()
        axes.set_xlim(0, 500)
        axes.set_ylim(-5, 500)
        return SimpleNamespace(line=moving(axes.plot([], [])[0]))

    def draw(self, result, axes):
        axes.line.set_data(range(len(result.places)), result.places)

    def describe(self, result):
        return f"At {result.places[-1]:g} after {len(result.places) - 1} of {result.planned} steps."


@pytest.fixture
def walker():
    lab = Walker()
    yield lab
    lab.close()


@pytest.fixture
def slow(monkeypatch):
    """Steps that last, so that other code gets a turn between them."""
    monkeypatch.setattr(f"{__name__}.PAUSE", 0.002)
    monkeypatch.setattr(live_run, "STRETCH", 0.001)


def steps_of(lab) -> int:
    return len(lab.result.places) - 1


async def until(condition):
    while not condition():
        await asyncio.sleep(0.001)


def said(lab) -> str:
    return lab.view.sentence.value


def test_run_and_begin_must_fit_the_controls():
    with pytest.raises(TypeError, match=r"begin takes \['steps'\], the controls are \['length'\]"):

        class Wrong(Walker):
            controls = {"length": labs.Slider("length", 0, 1, 0.5)}
            steering = ()

            def begin(self, *, steps):
                return steps

    with pytest.raises(TypeError, match="steering names 'pace', which is no control"):

        class Other(Walker):
            steering = ("pace",)


def test_settings_of_begin_are_checked(walker):
    with pytest.raises(ValueError, match="Walker: length is 11, wanted a number from 0 to 10"):
        walker.begin(length=11)
    assert walker.begin(length=2).length == 2.0


def test_before_the_start_nothing_is_run(walker):
    view = walker.view
    assert "At 0 after 0 of 40 steps." in said(walker)
    assert not walker.running
    assert (view.start_button.description, view.stop_button.description) == ("Start", "Stop")
    assert view.stop_button.disabled and not view.start_button.disabled
    assert view.bar.value == 0.0


@settings(max_examples=20, deadline=None)
@given(length=st.floats(0, 10), steps=st.integers(1, 60), start=st.floats(-5, 5))
def test_a_live_run_that_nobody_touches_ends_as_simulate(length, steps, start):
    lab = Walker()

    async def live():
        lab.set(length=length, steps=steps, start=start)
        lab.start()
        assert lab.running and steps_of(lab) == 0, "no step is made before the call returns"
        await lab.view.settled()

    try:
        asyncio.run(live())
        assert lab.result == lab.simulate(length=length, steps=steps, start=start)
        assert not lab.running and lab.view.bar.value == 1.0
    finally:
        lab.close()


def test_without_an_event_loop_the_run_is_finished_at_once(walker):
    walker.start()
    assert steps_of(walker) == 40
    assert not walker.running
    assert walker.view.start_button.description == "Start over"
    assert walker.view.stop_button.disabled


def test_stop_continue_and_start_over(walker, slow):
    view = walker.view

    async def main():
        view.start_button.click()
        assert view.stop_button.description == "Stop" and not view.stop_button.disabled
        await until(lambda: view._steps >= 3)
        view.stop_button.click()
        stopped = steps_of(walker)
        assert "Stopped: At" in said(walker) and not walker.running
        assert (view.stop_button.description, view.stop_button.disabled) == ("Continue", False)
        assert view.start_button.description == "Start over"
        await asyncio.sleep(0.05)
        assert view._steps == stopped, "no step after the stop"
        view.stop_button.click()
        assert walker.running
        await view.settled()
        assert walker.result.places == walker.simulate().places
        assert "Stopped" not in said(walker)
        view.start_button.click()
        assert walker.running and view.bar.value == 0.0
        await view.settled()
        assert walker.result.before.places == walker.simulate().places

    asyncio.run(main())


def test_stop_and_continue_in_one_turn_goes_on_with_the_same_run(walker, slow):
    async def main():
        walker.start()
        await until(lambda: walker.view._steps >= 3)
        for _ in range(3):
            walker.stop()
            walker.resume()
        assert walker.running
        await walker.view.settled()

    asyncio.run(main())
    assert walker.result.places == walker.simulate().places


def test_a_finished_run_is_continued_only_when_more_is_asked_for(walker):
    walker.start()
    walker.resume()
    assert steps_of(walker) == 40
    walker.set(steps=50)
    assert walker.view.stop_button.description == "Continue"
    assert not walker.view.stop_button.disabled
    walker.resume()
    assert walker.result.places == walker.simulate(steps=50).places


def test_controls_that_steer_count_from_the_next_step_on(walker, slow):
    async def main():
        walker.start()
        await until(lambda: walker.view._steps >= 5)
        turned = walker.view._steps
        walker.view.controls["length"].value = 3.0
        assert walker.running and walker.view._steps == turned
        await walker.view.settled()
        return turned

    turned = asyncio.run(main())
    steps = [b - a for a, b in zip(walker.result.places, walker.result.places[1:], strict=False)]
    assert steps == [1.0] * turned + [3.0] * (40 - turned)


def test_other_controls_begin_a_new_run_and_keep_running(walker, slow):
    async def main():
        walker.view.controls["start"].value = 2.0
        assert not walker.running, "nothing starts by itself"
        assert "At 2 after 0 of 40" in said(walker)
        walker.start()
        await until(lambda: walker.view._steps >= 5)
        walker.view.controls["start"].value = -1.0
        assert walker.running and walker.view._steps == 0
        await walker.view.settled()

    asyncio.run(main())
    assert walker.result.places == walker.simulate(start=-1.0).places
    assert 5 <= len(walker.result.before.places) - 1 < 40


def test_reset_stops_and_forgets(walker, slow):
    async def main():
        walker.set(length=2.0)
        walker.start()
        await until(lambda: walker.view._steps >= 3)
        walker.view.reset_button.click()
        assert not walker.running
        await asyncio.sleep(0.02)

    asyncio.run(main())
    assert walker.settings["length"] == 1.0
    assert (steps_of(walker), walker.result.before) == (0, None)
    assert walker.view.start_button.description == "Start"


def test_pictures_and_bar_grow_and_are_not_read_aloud_each_time(walker, slow, monkeypatch):
    monkeypatch.setattr(live_run, "NEW_PICTURE", 0.005)
    seen = []

    async def main():
        walker.start()
        while walker.running:
            seen.append((walker.view.bar.value, said(walker)))
            await asyncio.sleep(0.001)
        await walker.view.settled()

    asyncio.run(main())
    shares = [share for share, _ in seen]
    assert shares == sorted(shares) and len(set(shares)) >= 3
    assert walker.view.bar.value == 1.0
    between = [text for _, text in seen if "Running: " in text]
    assert between and all('aria-live="off"' in text for text in between)
    assert 'aria-live="polite"' in said(walker) and "Running" not in said(walker)


def test_an_error_is_shown_ends_the_run_and_the_next_start_recovers(walker, capsys):
    walker.set(stumble=True)
    walker.start()
    assert "RuntimeError: a &lt;b&gt;stone&lt;/b&gt;" in said(walker)
    assert not walker.running and walker.view.stop_button.disabled
    walker.resume()
    assert not walker.running
    walker.set(stumble=False)
    walker.start()
    assert steps_of(walker) == 40
    assert capsys.readouterr().err == ""


def test_other_code_runs_meanwhile(walker, slow):
    """Between any two turns of other code lie few steps, whatever the machine's speed."""

    async def main():
        walker.start()
        most, last = 0, 0
        while walker.running:
            await asyncio.sleep(0)
            most, last = max(most, walker.view._steps - last), walker.view._steps
        await walker.view.settled()
        return most

    assert asyncio.run(main()) <= 3


def test_a_second_lab_and_a_cell_run_again_stop_the_first(walker, slow):
    async def main():
        walker.start()
        await until(lambda: walker.view._steps >= 2)
        second = Walker()
        try:
            assert walker.running
            assert second.widget is not None  # as when the cell shows it
            assert not walker.running and "Stopped: " in said(walker)
            walker.resume()
            second.start()
            assert second.running and not walker.running
            await second.view.settled()
            assert steps_of(second) == 40 and steps_of(walker) < 40
        finally:
            second.close()

    asyncio.run(main())


def test_closing_ends_the_run_and_leaves_nothing(slow):
    widgets, threads = len(ipywidgets.widgets.widget._instances), threading.active_count()

    async def main():
        lab = Walker()
        lab.start()
        await until(lambda: lab.view._steps >= 2)
        view = lab.view
        lab.close()
        await asyncio.sleep(0.02)
        after = view._steps
        await asyncio.sleep(0.05)
        assert view._steps == after and not view.running
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return weakref.ref(view)

    view = asyncio.run(main())
    gc.collect()
    assert view() is None
    assert len(ipywidgets.widgets.widget._instances) == widgets
    assert threading.active_count() == threads


def test_an_interrupt_between_cells_stops_the_run(walker, slow):
    """A kernel ignores interrupts while no cell runs; a run in work listens to them."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:

        async def main():
            walker.start()
            await until(lambda: walker.view._steps >= 3)
            os.kill(os.getpid(), signal.SIGINT)
            await walker.view.settled()

        asyncio.run(main())
        assert "Stopped: " in said(walker) and steps_of(walker) < 40
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN, "as it was"
        walker.resume()
        assert walker.result.places == walker.simulate().places
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_interrupt_in_a_script_stops_the_run_and_keeps_what_it_has(walker, monkeypatch):
    step = Walking.step

    def interrupted(self):
        if len(self.places) == 6:
            monkeypatch.setattr(Walking, "step", step)
            raise KeyboardInterrupt
        step(self)

    monkeypatch.setattr(Walking, "step", interrupted)
    walker.start()
    assert (steps_of(walker), walker.running) == (5, False)
    assert "Stopped: " in said(walker)
    walker.resume()
    assert walker.result.places == walker.simulate().places


def test_a_run_ahead_of_its_pace_waits(walker, monkeypatch):
    rests = []
    monkeypatch.setattr(Walking, "due", property(lambda self: 100.0 * (len(self.places) - 1)))
    view = walker.view
    view._begin(walker.settings)
    view._working = object()
    work = view._work((view._run, view._working))
    rests = [next(work) for _ in range(3)]
    work.close()
    assert [round(rest / 100) for rest in rests] == [1, 2, 3]
    assert not walker.running
