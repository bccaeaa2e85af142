"""What all labs share: checked settings, live widget, and snapshot.

A lab is a small class:

    class Falling(Lab[Fall]):
        title = "A falling stone"
        controls = {"height": Slider("height", 1, 100, 20, unit="m")}

        # pure; may be a generator that yields ever better results instead
        def simulate(self, *, height): return Fall(...)
        # axes and artists; those that change are marked with `stage.moving`
        def layout(self, figure): ...
        # move the artists
        def draw(self, result, axes): ...
        # one sentence
        def describe(self, result): return "The stone ..."

Everything else follows from these: `Falling()` at the end of a cell is the live lab,
`Falling().snapshot()` a picture for pages without a kernel. Labs whose work takes seconds and has a
start button are in run.py.
"""

from __future__ import annotations

import base64
import functools
import inspect
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Generic, Literal, TypeVar, overload

import ipywidgets
from matplotlib.figure import Figure

from d2lhelpers.labs.controls import Control
from d2lhelpers.labs.live import LiveView
from d2lhelpers.labs.stage import PIXELS_PER_INCH, Stage, quiet

Result = TypeVar("Result")

_STORED_COMPRESSION = 6  # a snapshot is kept in the notebook, a live picture lives for a moment
_WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


class Lab(ABC, Generic[Result]):
    """Base class of all labs; see the module's text for what a lab declares.

    Settings given to `simulate`, `snapshot` and `set` are checked here: TypeError for an unknown
    name or a wrong type, ValueError for a value out of range. Settings left out take their first
    values.
    """

    title: ClassVar[str]
    controls: ClassVar[Mapping[str, Control]]
    #: Width and height of the picture in inches of 100 CSS pixels.
    size: ClassVar[tuple[float, float]] = (8.4, 3.3)
    # Methods whose arguments are the controls; in subclasses they get checked settings.
    _takes_settings: ClassVar[frozenset[str]] = frozenset({"simulate"})

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in cls._takes_settings & cls.__dict__.keys():
            if getattr(cls.__dict__[name], "__isabstractmethod__", False):
                continue
            wanted = list(cls.controls)
            found = list(inspect.signature(cls.__dict__[name]).parameters)[1:]
            if found != wanted:
                raise TypeError(f"{cls.__name__}: {name} takes {found}, the controls are {wanted}")
            setattr(cls, name, _checked(cls.__dict__[name]))

    def __init__(self) -> None:
        self._stage_kept: Stage | None = None
        self._view: LiveView | None = None

    @abstractmethod
    def simulate(self, **settings: Any) -> Result | Iterator[Result]:
        """The result of `settings`, without widgets or drawing; or ever better results, yielded."""

    @abstractmethod
    def layout(self, figure: Figure) -> Any:
        """Fill the empty figure once; returns whatever `draw` needs: axes and artists."""

    @abstractmethod
    def draw(self, result: Result, axes: Any) -> None:
        """Show `result` on what `layout` returned; the picture may depend on nothing else."""

    @abstractmethod
    def describe(self, result: Result) -> str:
        """One sentence: the outcome in words and numbers, also when it diverged."""

    @property
    def slug(self) -> str:
        """The class name in the form that CSS classes have, such as `learning-rate`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", type(self).__name__).lower()

    @property
    def settings(self) -> dict[str, Any]:
        """What the lab stands at."""
        return self._view.settings if self._view is not None else self.check({})

    @property
    def result(self) -> Result | None:
        """The result shown in the live lab; None before the lab is shown."""
        return None if self._view is None else self._view.result

    def check(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """`settings` completed with the first values, every value checked and converted."""
        name = type(self).__name__
        for unknown in settings.keys() - self.controls.keys():
            raise TypeError(
                f"{name}: unknown setting {unknown!r}, wanted {', '.join(self.controls)}"
            )
        return {
            key: control.parse(f"{name}: {key}", settings[key])
            if key in settings
            else control.default
            for key, control in self.controls.items()
        }

    def results(self, **settings: Any) -> Iterator[Result]:
        """The result of `settings`, after the partial ones of a lab that works step by step.

        At least one; a `simulate` that yields none raises RuntimeError.
        """
        outcome = self.simulate(**settings)
        if not isinstance(outcome, Iterator):
            yield outcome
            return
        try:
            first = next(outcome)
        except StopIteration:
            raise RuntimeError(f"{type(self).__name__}.simulate yielded nothing") from None
        yield first
        yield from outcome

    def run(self, **settings: Any) -> Result:
        """The final result of `settings`."""
        with quiet():
            for result in self.results(**settings):
                final = result
        return final

    @overload
    def snapshot(self, format: Literal["png"] = "png", /, **settings: Any) -> bytes: ...

    @overload
    def snapshot(self, format: Literal["svg"], /, **settings: Any) -> str: ...

    def snapshot(self, format: str = "png", /, **settings: Any) -> bytes | str:
        """The picture of `settings`, the bytes of a PNG file or SVG text; needs no browser."""
        if format not in ("png", "svg"):
            raise ValueError(f"snapshot: format is {format!r}, wanted 'png' or 'svg'")
        result = self.run(**settings)
        if format == "svg":
            return self._stage.svg(result)
        return self._stage.png(result, _STORED_COMPRESSION)

    @property
    def view(self) -> LiveView:
        """The live widgets, made when first asked for."""
        if self._view is None:
            self._view = self._make_view()
        return self._view

    @property
    def widget(self) -> ipywidgets.VBox:
        """The live lab as one widget."""
        return self.view.box

    def set(self, **settings: Any) -> None:
        """Move controls of the live lab from code and show the result before returning."""
        self.view.set(self.check({**self.settings, **settings}))

    def reset(self) -> None:
        """Back to the settings at the start."""
        self.view.set(self.check({}))

    def close(self) -> None:
        """Free the widgets; the lab can be shown again later, with fresh ones."""
        if self._view is not None:
            self._view.close()
            self._view = None

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        settings = self.settings
        result = self.run(**settings)
        sentence = self.describe(result)
        picture = self._stage.png(result, _STORED_COMPRESSION)
        bundle: dict[str, Any] = {
            "text/plain": sentence,
            "image/png": base64.b64encode(picture).decode("ascii"),
        }
        view = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        bundle[_WIDGET_VIEW] = view
        width = round(self.size[0] * PIXELS_PER_INCH)
        return bundle, {"image/png": {"alt": sentence, "width": width}}

    def _make_view(self) -> LiveView:
        return LiveView(self, self._stage, self.check({}))

    @property
    def _stage(self) -> Stage:
        if self._stage_kept is None:
            self._stage_kept = Stage(self)
        return self._stage_kept


def _checked(simulate: Callable[..., Any]) -> Callable[..., Any]:
    """`simulate` that checks its settings at once, also when it is a generator."""

    @functools.wraps(simulate)
    def checked(self: Lab[Any], **settings: Any) -> Any:
        return simulate(self, **self.check(settings))

    return checked


SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float) -> str:
    """`value` for a sentence: three digits, powers of ten where that is shorter."""
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "infinity" if value > 0 else "minus infinity"
    if value == 0:
        return "0"
    if 1e-5 <= abs(value) < 1e6:
        text = f"{float(f'{value:.3g}'):.8f}".rstrip("0").rstrip(".")
        return text.replace("-", "\N{MINUS SIGN}")
    digits, power = f"{value:.1e}".split("e")
    return f"{digits}×10{str(int(power)).translate(SUPERSCRIPTS)}".replace("-", "\N{MINUS SIGN}")
