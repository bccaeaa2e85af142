"""Labs that are started: work of seconds, such as a training, that controls steer on its way.

Such a lab declares, instead of `simulate`,

    steering = ("learning_rate",)  # controls that a run in work obeys; the others begin a new one
    def begin(self, *, learning_rate, seed): return Training(...)  # a `Run`

One `Run` serves all three editions: taken from its beginning to its end under the first settings it
is what `simulate` returns, for the snapshot and the web edition; in the live lab the reader starts,
stops and steers it. A live run that nobody touches ends with exactly the same result.

Only one run is at work in a kernel: whoever starts one, or shows another lab of this kind (runs its
cell again, say), stops the one before. No thread is involved: steps are made on the kernel's event
loop, between which other cells run; while a cell computes, the run waits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, TypeVar

from d2lhelpers.labs.base import Lab
from d2lhelpers.labs.live_run import LiveRun

Result = TypeVar("Result")


class Run(ABC, Generic[Result]):
    """Work that goes on step by step under settings that may change on its way."""

    @abstractmethod
    def steer(self, **steering: Any) -> None:
        """Obey other values of the lab's `steering` controls from the next step on."""

    @abstractmethod
    def step(self) -> None:
        """One short step, of a few milliseconds; only called until the run is `over`."""

    @property
    @abstractmethod
    def done(self) -> float:
        """The share of the work that is done, 0 to 1."""

    @property
    def over(self) -> bool:
        """Whether there are no further steps: all is done, or going on makes no sense."""
        return self.done >= 1

    @property
    def due(self) -> float:
        """Seconds of running after which the live lab may be this far; 0 is as fast as it can."""
        return 0.0

    @abstractmethod
    def result(self) -> Result:
        """What has come of it so far; later steps do not change it."""


class RunLab(Lab[Result]):
    """Base class of labs with a start button; see the module's text."""

    steering: ClassVar[tuple[str, ...]]
    _takes_settings: ClassVar[frozenset[str]] = frozenset({"begin"})
    _view: LiveRun | None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for unknown in set(cls.steering) - cls.controls.keys():
            raise TypeError(f"{cls.__name__}: steering names {unknown!r}, which is no control")

    @abstractmethod
    def begin(self, **settings: Any) -> Run[Result]:
        """A run of which no step is done yet."""

    def simulate(self, **settings: Any) -> Result:
        """The result of a whole run that nobody steers."""
        run = self.begin(**settings)
        while not run.over:
            run.step()
        return run.result()

    def beside(self, result: Result, before: Result | None) -> Result:
        """`result` with what the run before it came to, for a lab that draws both."""
        return result

    @property
    def view(self) -> LiveRun:
        """The live widgets, made when first asked for."""
        if self._view is None:
            self._view = LiveRun(self, self._stage, self.check({}))
        return self._view

    @property
    def running(self) -> bool:
        """Whether a run is at work."""
        return self._view is not None and self._view.running

    def start(self) -> None:
        """Begin a new run; where no event loop runs, in a script say, it is finished at once."""
        self.view.start()

    def stop(self) -> None:
        """Stop the run after the step in work; it can be resumed."""
        self.view.stop()

    def resume(self) -> None:
        """Go on with a run that was stopped; one that is finished stays as it is."""
        self.view.resume()
