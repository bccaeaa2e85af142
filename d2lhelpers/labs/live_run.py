"""The live widget of a lab with a start button: start, stop, continue, steer."""

from __future__ import annotations

import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import ipywidgets

from d2lhelpers.labs.live import LiveView, Shown
from d2lhelpers.labs.stage import PIXELS_PER_INCH, Stage, quiet

# Seconds from one picture of a run to the next: enough to see a curve grow, and little work.
NEW_PICTURE = 0.2
# Seconds of steps at a stretch. A rest as long follows, so that a message from the page or another
# cell never waits longer than this, one step and one picture, and half of the time stays free.
STRETCH = 0.01

_at_work: weakref.ref[LiveRun] | None = None


class SomeRun(Protocol):
    """What the live view needs of a run."""

    @property
    def done(self) -> float: ...

    @property
    def over(self) -> bool: ...

    @property
    def due(self) -> float: ...

    def steer(self, **steering: Any) -> None: ...

    def step(self) -> None: ...

    def result(self) -> Any: ...


class Startable(Shown, Protocol):
    """What the live view needs of a lab with runs."""

    @property
    def steering(self) -> tuple[str, ...]: ...

    def begin(self, **settings: Any) -> SomeRun: ...

    def beside(self, result: Any, before: Any, /) -> Any: ...


class LiveRun(LiveView):
    """Widgets of one lab with runs."""

    def __init__(self, lab: Startable, stage: Stage, settings: Mapping[str, Any]) -> None:
        _stop_all_but(self)
        self._runs = lab
        self._run: SomeRun | None = None
        self._chosen: dict[
            str, Any
        ] = {}  # what the controls were moved to, digits beyond theirs too
        self._begun_with: dict[str, Any] = {}
        self._before: Any = None  # what the run before this one came to
        self._steps = 0
        self._seconds = 0.0  # of running, rests included
        self._working: object | None = None  # one object from start or continue to stop
        self.interrupted = False
        self.start_button = _button("Begin a new run with these settings")
        self.stop_button = _button("Stop the run, or go on with it")
        self.bar = ipywidgets.FloatProgress(
            min=0.0, max=1.0, layout=ipywidgets.Layout(flex="1 1 auto", min_width="120px")
        )
        self.share = ipywidgets.HTML(layout=ipywidgets.Layout(width="52px"))
        self.start_button.on_click(lambda _: self._click(self.start))
        self.stop_button.on_click(lambda _: self._click(self.stop if self.running else self.resume))
        super().__init__(lab, stage, settings)

    @property
    def running(self) -> bool:
        """Whether steps are being made."""
        return self._working is not None

    def start(self) -> None:
        """Begin a new run with the settings chosen."""
        self._begin(self._chosen)
        self.resume()

    def stop(self) -> None:
        """Make no further step until the run is resumed."""
        if self.running:
            self._halt()
            self._show_run("Stopped: ")

    def resume(self) -> None:
        """Go on with the run, unless it is finished."""
        global _at_work
        if self._run is None or self._run.over or self.running:
            return
        _stop_all_but(self)
        _at_work = weakref.ref(self)
        self.interrupted = False
        self._working = object()
        self._show_buttons()
        self._newest.request((self._run, self._working))

    def set(self, settings: Mapping[str, Any]) -> None:
        """Move the controls; a run goes on if it can obey, else a new one begins."""
        self._move_controls(settings)
        self._follow_controls(self.settings | dict(settings))

    def reset(self) -> None:
        """Stop; all controls back to their first values, and nothing run yet."""
        self._chosen = {name: c.default for name, c in self._lab.controls.items()}
        self._move_controls(self._chosen)
        self._begin(self._chosen)
        self._before = None
        self._show_run("")

    def close(self) -> None:
        """Stop the run and free all widgets, here and in the page."""
        self._halt()
        super().close()

    def _above_picture(self) -> list[ipywidgets.Widget]:
        width = f"{round(self._lab.size[0] * PIXELS_PER_INCH)}px"
        return [
            ipywidgets.HBox(
                [self.start_button, self.stop_button, self.bar, self.share],
                layout=ipywidgets.Layout(align_items="center", width=width, max_width="100%"),
            )
        ]

    def _click(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:
            self._show_error(error)

    def _follow_controls(self, settings: dict[str, Any]) -> None:
        self._chosen = settings
        steering = self._runs.steering
        fresh = {name: value for name, value in settings.items() if name not in steering}
        if self._run is not None and fresh == self._begun_with:
            self._run.steer(**{name: settings[name] for name in steering})
            if not self.running:
                self._show_run("Stopped: " if self._steps and not self._run.over else "")
            return
        running = self.running
        self._begin(settings)
        if running:
            self.resume()
        else:
            self._show_run("")

    def _begin(self, settings: dict[str, Any]) -> None:
        self._halt()
        if self._steps and self._run is not None:
            self._before = self._run.result()
        self._run = self._runs.begin(**settings)
        self._begun_with = {k: v for k, v in settings.items() if k not in self._runs.steering}
        self._steps, self._seconds = 0, 0.0

    def _halt(self) -> None:
        self._newest.cancel()
        self._working = None

    def _work(self, job: tuple[SomeRun, object]) -> Iterator[float | None]:
        """Steps to the end of the run, a picture now and then."""
        run, working = job
        last = resumed = shown = time.perf_counter()
        try:
            while not run.over and not self.interrupted:
                _listen_to_interrupts()
                with quiet():
                    run.step()
                self._steps += 1
                now = time.perf_counter()
                # While another cell computes, the run's own clock stands still.
                self._seconds += min(now - last, NEW_PICTURE)
                last = now
                if now - shown > NEW_PICTURE and not run.over:
                    self._show_run("Running: ")
                    shown = time.perf_counter()
                ahead = run.due - self._seconds
                if ahead > STRETCH or now - resumed > STRETCH:
                    yield max(ahead, now - resumed)
                    resumed = time.perf_counter()
                else:
                    yield None
            self._working = None
            self._show_run("" if run.over else "Stopped: ")
        except KeyboardInterrupt:
            self._working = None
            self._show_run("Stopped: ")
        except Exception as error:
            self._working = self._run = None
            self._show_error(error)
            self._show_buttons()
        finally:
            if self._working is working:
                self._working = None
            if not self.running:
                _ignore_interrupts()

    def _show_run(self, prefix: str) -> None:
        assert self._run is not None
        try:
            result = self._runs.beside(self._run.result(), self._before)
            self._show(result, prefix, announce=not self.running)
        except Exception as error:
            self._show_error(error)
        self._show_buttons()

    def _show_buttons(self) -> None:
        run, running = self._run, self.running
        begun = self._steps > 0
        _label(self.start_button, *(("Start over", "refresh") if begun else ("Start", "play")))
        goes_on = begun and not running
        _label(self.stop_button, *(("Continue", "play") if goes_on else ("Stop", "stop")))
        self.stop_button.disabled = not running and (not begun or run is None or run.over)
        self.bar.value = 0.0 if run is None else run.done
        self.share.value = f"{self.bar.value:.0%}"


def _button(tooltip: str) -> ipywidgets.Button:
    return ipywidgets.Button(tooltip=tooltip, layout=ipywidgets.Layout(width="116px"))


def _label(button: ipywidgets.Button, text: str, icon: str) -> None:
    button.description, button.icon = text, icon


def _working_view() -> LiveRun | None:
    view = None if _at_work is None else _at_work()
    return view if view is not None and view.running else None


def _stop_all_but(view: LiveRun) -> None:
    other = _working_view()
    if other is not None and other is not view:
        other.stop()


def _on_interrupt(_signal: int, _frame: Any) -> None:
    # Python calls this between any two instructions, even of a step; the loop of steps looks here.
    view = _working_view()
    if view is not None:
        view.interrupted = True


def _listen_to_interrupts() -> None:
    """A kernel ignores an interrupt between cells; while a run is at work, the run is meant."""
    if (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    ):
        signal.signal(signal.SIGINT, _on_interrupt)


def _ignore_interrupts() -> None:
    if (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is _on_interrupt
    ):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
