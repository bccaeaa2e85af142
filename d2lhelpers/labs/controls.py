"""Controls of a lab: a label with its unit, the values allowed, and the widget that changes them.

A control knows nothing about the lab that it steers. It checks a value at the border (`parse`),
builds its widget, reads and writes it, and lists a few spread values (`grid`) for precomputed
states.
"""

from __future__ import annotations

import asyncio
import math
import numbers
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets
import numpy as np
import traitlets

# One width for all labels keeps the sliders of a lab in line and cuts no label off.
LABEL_WIDTH = "160px"
CONTROL_WIDTH = "412px"
# Seconds without a key press after which typed text counts; half a word is not worth a picture.
TYPING_PAUSE = 0.25
_ROUND = ("1", "1.2", "1.5", "2", "2.5", "3", "4", "5", "6", "8")


@dataclass(frozen=True)
class Control(ABC):
    """One setting of a lab: `label` is what the reader sees, `unit` stands behind it."""

    label: str

    def __post_init__(self) -> None:
        if not self.label.strip():
            raise ValueError(f"{type(self).__name__}: a control needs a label")

    @property
    @abstractmethod
    def default(self) -> Any:
        """The value at the start and after a reset."""

    @property
    def caption(self) -> str:
        """Label and unit as shown beside the control."""
        unit = getattr(self, "unit", "")
        return f"{self.label} ({unit})" if unit else self.label

    @abstractmethod
    def parse(self, name: str, value: Any) -> Any:
        """`value` as `simulate` gets it; ValueError or TypeError says what was wanted."""

    @abstractmethod
    def build(self) -> ipywidgets.ValueWidget:
        """A fresh widget that stands at the default."""

    @abstractmethod
    def grid(self, count: int) -> tuple[Any, ...]:
        """At most `count` values spread over the range, in the order of the control."""

    def read(self, widget: ipywidgets.ValueWidget) -> Any:
        """The value that the widget stands at."""
        return widget.value

    def write(self, widget: ipywidgets.ValueWidget, value: Any) -> None:
        """Move the widget to `value` (already parsed)."""
        widget.value = value

    def widget_options(self) -> dict[str, Any]:
        """What all widgets get: the caption in full and one width."""
        return {
            "description": self.caption,
            "style": {"description_width": LABEL_WIDTH},
            "layout": ipywidgets.Layout(width=CONTROL_WIDTH, max_width="100%"),
        }


def _number(name: str, value: Any, low: float, high: float, whole: bool) -> Any:
    """`value` as int or float when it is a number of the right kind from `low` to `high`."""
    wanted = f"a {'whole ' if whole else ''}number from {low:g} to {high:g}"
    kind: Any = numbers.Integral if whole else numbers.Real
    if isinstance(value, bool | np.bool_) or not isinstance(value, kind):
        raise TypeError(f"{name} is {value!r} ({type(value).__name__}), wanted {wanted}")
    if not low <= value <= high:  # also refuses NaN
        raise ValueError(f"{name} is {value!r}, wanted {wanted}")
    return int(value) if whole else float(value)


def _stops_widget(control: Control, stops: Sequence[float]) -> ipywidgets.ValueWidget:
    return ipywidgets.SelectionSlider(
        options=[(f"{stop:g}", stop) for stop in stops],
        value=control.default,
        continuous_update=True,
        **control.widget_options(),
    )


def _move_to_stop(widget: ipywidgets.ValueWidget, stops: Sequence[float], value: float) -> None:
    if value not in [stop for _, stop in widget.options]:
        # A value set from code becomes a stop of its own, so that the slider can stand there.
        widget.options = [(f"{stop:g}", stop) for stop in sorted([*stops, value])]
    widget.value = value


def _spread(values: Sequence[Any], count: int) -> tuple[Any, ...]:
    places = np.linspace(0, len(values) - 1, min(count, len(values))).round()
    return tuple(values[int(place)] for place in places)


@dataclass(frozen=True)
class _Number(Control):
    """A number from `low` to `high`."""

    low: float
    high: float
    value: float
    unit: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.low < self.high:
            raise ValueError(
                f"{self.label}: low is {self.low}, high is {self.high}; wanted low < high"
            )
        self.parse(self.label, self.value)

    @property
    def default(self) -> Any:
        return self.parse(self.label, self.value)

    def parse(self, name: str, value: Any) -> Any:
        return _number(name, value, self.low, self.high, whole=False)

    def grid(self, count: int) -> tuple[Any, ...]:
        return tuple(float(f"{v:.6g}") for v in np.linspace(self.low, self.high, count))


@dataclass(frozen=True)
class Slider(_Number):
    """A number on an even scale; one key press moves it by `step`."""

    step: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.step <= self.high - self.low:
            raise ValueError(
                f"{self.label}: step is {self.step}; wanted 0 < step <= {self.high - self.low:g}, "
                "the range"
            )

    def build(self) -> ipywidgets.ValueWidget:
        return ipywidgets.FloatSlider(
            value=self.default,
            min=self.low,
            max=self.high,
            step=self.step,
            readout_format=f".{max(0, math.ceil(-math.log10(self.step)))}f",
            continuous_update=True,
            **self.widget_options(),
        )

    def read(self, widget: ipywidgets.ValueWidget) -> float:
        # 0.1 * 3 arrives as 0.30000000000000004: the step says how many digits are meant.
        return min(self.high, max(self.low, float(f"{widget.value:.6g}")))


@dataclass(frozen=True)
class LogSlider(_Number):
    """A positive number on a logarithmic scale with ten round stops per decade.

    A slider over the exponent would be simpler, but the page moves such a slider to its nearest
    step as soon as it is shown, and 0.03 turns into 0.0316.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low <= 0:
            raise ValueError(f"{self.label}: low is {self.low}; a log scale needs low > 0")

    @property
    def stops(self) -> tuple[float, ...]:
        """The ends, the first value, and the round numbers between the ends."""
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        round_ones = {float(f"{m}e{d}") for d in decades for m in _ROUND}
        inside = {stop for stop in round_ones if self.low < stop < self.high}
        return tuple(sorted(inside | {float(self.low), float(self.high), float(self.value)}))

    def build(self) -> ipywidgets.ValueWidget:
        return _stops_widget(self, self.stops)

    def write(self, widget: ipywidgets.ValueWidget, value: Any) -> None:
        _move_to_stop(widget, self.stops, value)

    def grid(self, count: int) -> tuple[float, ...]:
        return _spread(self.stops, count)


@dataclass(frozen=True)
class IntSlider(_Number):
    """A whole number on an even scale."""

    def parse(self, name: str, value: Any) -> int:
        return _number(name, value, self.low, self.high, whole=True)

    def build(self) -> ipywidgets.ValueWidget:
        return ipywidgets.IntSlider(
            value=self.default,
            min=int(self.low),
            max=int(self.high),
            continuous_update=True,
            **self.widget_options(),
        )

    def grid(self, count: int) -> tuple[int, ...]:
        values = np.linspace(self.low, self.high, count).round().astype(int)
        return tuple(dict.fromkeys(int(v) for v in values))


@dataclass(frozen=True)
class Stops(Control):
    """A slider with listed stops, such as 1, 2, 5, 10; code can set other values between them."""

    values: tuple[float, ...]
    value: float
    unit: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.values) < 2 or list(self.values) != sorted(set(self.values)):
            raise ValueError(f"{self.label}: stops are {self.values}; wanted two or more, rising")
        self.parse(self.label, self.value)

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are meant: true when every stop is an int."""
        return all(isinstance(v, numbers.Integral) for v in self.values)

    @property
    def default(self) -> Any:
        return self.parse(self.label, self.value)

    def parse(self, name: str, value: Any) -> Any:
        return _number(name, value, self.values[0], self.values[-1], self.whole)

    def build(self) -> ipywidgets.ValueWidget:
        return _stops_widget(self, self.values)

    def write(self, widget: ipywidgets.ValueWidget, value: Any) -> None:
        _move_to_stop(widget, self.values, value)

    def grid(self, count: int) -> tuple[Any, ...]:
        return _spread(self.values, count)


@dataclass(frozen=True)
class Choice(Control):
    """One of several named options."""

    options: tuple[str, ...]
    value: str
    unit: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.parse(self.label, self.value)

    @property
    def default(self) -> str:
        return self.value

    def parse(self, name: str, value: Any) -> str:
        wanted = "one of " + ", ".join(repr(option) for option in self.options)
        if not isinstance(value, str):
            raise TypeError(f"{name} is {value!r} ({type(value).__name__}), wanted {wanted}")
        if value not in self.options:
            raise ValueError(f"{name} is {value!r}, wanted {wanted}")
        return value

    def build(self) -> ipywidgets.ValueWidget:
        return ipywidgets.Dropdown(
            options=list(self.options), value=self.value, **self.widget_options()
        )

    def grid(self, count: int) -> tuple[str, ...]:
        return self.options[:count]


@dataclass(frozen=True)
class Toggle(Control):
    """A switch: on or off."""

    value: bool = False
    unit: str = ""

    @property
    def default(self) -> bool:
        return self.value

    def parse(self, name: str, value: Any) -> bool:
        if not isinstance(value, bool | np.bool_):
            raise TypeError(f"{name} is {value!r} ({type(value).__name__}), wanted True or False")
        return bool(value)

    def build(self) -> ipywidgets.ValueWidget:
        return ipywidgets.Checkbox(value=self.value, **self.widget_options())

    def grid(self, count: int) -> tuple[bool, ...]:
        return (False, True)[:count]


@dataclass(frozen=True)
class Text(Control):
    """A line of text, typed freely or chosen from `examples` with the slider below it.

    `simulate` gets any text at all and has to deal with it: whoever types passes through much that
    makes no sense. `complain` says what is wrong with a text, or returns "" when nothing is; the
    box is colored while there is something. Text that was typed counts after a short pause, text
    chosen with the slider at once. Typed text that is no example becomes the first place of the
    slider, so that every example is one move away, also the one chosen last.
    """

    examples: tuple[str, ...]
    value: str
    complain: Callable[[str], str] | None = None
    unit: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.examples) < 2 or len(set(self.examples)) != len(self.examples):
            raise ValueError(
                f"{self.label}: examples are {self.examples}; wanted two or more, all different"
            )
        if self.value not in self.examples:
            raise ValueError(
                f"{self.label}: the first value {self.value!r} is not among the examples"
            )
        for example in self.examples:
            self.parse(self.label, example)
            if self.complain is not None and (complaint := self.complain(example)):
                raise ValueError(f"{self.label}: the example {example!r} is refused: {complaint}")

    @property
    def default(self) -> str:
        return self.value

    def parse(self, name: str, value: Any) -> str:
        if not isinstance(value, str):
            raise TypeError(
                f"{name} is {value!r} ({type(value).__name__}), wanted text such as "
                f"{self.examples[0]!r} or {self.examples[-1]!r}"
            )
        return value

    def build(self) -> TextField:
        return TextField(self)

    def write(self, widget: ipywidgets.ValueWidget, value: Any) -> None:
        assert isinstance(widget, TextField)
        widget.show(value)

    def grid(self, count: int) -> tuple[str, ...]:
        return _spread(self.examples, count)


class TextField(ipywidgets.VBox):
    """The widget of `Text`: a box to type in, a slider through the examples, and one `value`."""

    value = traitlets.Unicode()

    def __init__(self, control: Text) -> None:
        self._complain = control.complain
        self._examples = control.examples
        self._pending: asyncio.TimerHandle | None = None
        self._following = True
        self.box = ipywidgets.Text(
            value=control.default,
            placeholder=control.examples[-1],
            continuous_update=True,
            **control.widget_options(),
        )
        # Two labels, since who cannot see the page hears only one of them. The slider shows no
        # value of its own: the box above it does.
        self.slider = ipywidgets.SelectionSlider(
            options=control.examples,
            value=control.default,
            continuous_update=True,
            readout=False,
            **control.widget_options() | {"description": f"{control.label}, listed"},
        )
        self.box.observe(self._typed, "value")
        self.slider.observe(self._slid, "value")
        super().__init__(
            [self.box, self.slider],
            value=control.default,
            layout=ipywidgets.Layout(width=CONTROL_WIDTH, max_width="100%", overflow="visible"),
        )

    def show(self, text: str) -> None:
        """Stand at `text` now; what was typed and is still waiting is dropped."""
        self._drop_pending()
        self._following = False
        try:
            self.box.value = text
            self._slide_to(text)
        finally:
            self._following = True
        # The picture comes first: an error in `complain` must not keep the old one.
        self.value = text
        self._color(text)

    def close(self) -> None:
        """Free the widget; what was typed and is still waiting is dropped."""
        self._drop_pending()
        super().close()

    def _typed(self, change: Any) -> None:
        if not self._following:
            return
        self._drop_pending()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.show(change["new"])
        else:
            self._pending = loop.call_later(TYPING_PAUSE, self.show, change["new"])

    def _slid(self, change: Any) -> None:
        if self._following:
            self.show(change["new"])

    def _slide_to(self, text: str) -> None:
        if self.slider.value == text:  # its own move: the places under a thumb stay as they are
            return
        places = [(example, example) for example in self._examples]
        if text not in self._examples:
            places.insert(0, ("as typed", text))
        with self.slider.hold_sync():  # one message, so that the page never sees half of it
            self.slider.options = places
            self.slider.value = text

    def _drop_pending(self) -> None:
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None

    def _color(self, text: str) -> None:
        refused = self._complain is not None and self._complain(text) != ""
        self.box.style.background = "#ffe3d6" if refused else None
        self.box.style.text_color = "#222222" if refused else None  # the page may be dark
