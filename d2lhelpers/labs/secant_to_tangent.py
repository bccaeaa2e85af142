"""Lab of chapter 05: difference quotients with ever smaller steps, in float32 and float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

from d2lhelpers.labs.base import Lab, number
from d2lhelpers.labs.controls import Choice, Control, LogSlider, Slider
from d2lhelpers.labs.stage import BLUE, GREEN, GREY, INK, ORANGE, moving, set_limits

Array = NDArray[np.float64]

POINT_RANGE = (-3.0, 3.0)
STEP_RANGE = (1e-14, 1.0)
ERROR_RANGE = (1e-16, 1e5)  # of the error panel; an error of 0 is drawn at the lower edge
PRECISIONS: dict[str, Any] = {"float32": np.float32, "float64": np.float64}
# Steps at which the error curve is computed: ten round ones to a decade, as the slider has them.
STEPS = np.array([float(f"{d}e{p}") for p in range(-14, 0) for d in (1, 1.5, 2, 3, 5, 7)] + [1.0])
ZOOM = np.linspace(-1.6, 1.6, 481)  # where the middle panel looks, in units of h


@dataclass(frozen=True)
class Curve:
    """A function of one number with its derivatives, all for numbers and arrays.

    Args:
        function: keeps the dtype of an array.
        slopes: first, second and third derivative.
        kink: where there is no derivative; None when there is one everywhere.
    """

    function: Callable[[Any], Any]
    slopes: tuple[Callable[[Any], Any], Callable[[Any], Any], Callable[[Any], Any]]
    kink: float | None = None


def _sigmoid(w: Any) -> Any:
    return 1 / (1 + np.exp(-w))


def _sigmoid_slope(w: Any) -> Any:
    return _sigmoid(w) * (1 - _sigmoid(w))


CURVES: dict[str, Curve] = {
    "w³": Curve(lambda w: w * w * w, (lambda w: 3 * w * w, lambda w: 6 * w, lambda w: 6.0 + 0 * w)),
    "sin(w)": Curve(np.sin, (np.cos, lambda w: -np.sin(w), lambda w: -np.cos(w))),
    "exp(w)": Curve(np.exp, (np.exp, np.exp, np.exp)),
    "sigmoid(w)": Curve(
        _sigmoid,
        (
            _sigmoid_slope,
            lambda w: _sigmoid_slope(w) * (1 - 2 * _sigmoid(w)),
            lambda w: _sigmoid_slope(w) * (1 - 6 * _sigmoid_slope(w)),
        ),
    ),
    "|w|, a kink": Curve(np.abs, (np.sign, lambda w: 0 * w, lambda w: 0 * w), kink=0.0),
}


@dataclass(frozen=True)
class Quotient:
    """A difference quotient, computed in one precision, beside the true slope.

    left, right: where the function was taken, as stored in that precision.
    left_value, right_value: the function there.
    slope: the derivative at the point as stored; None at a kink.
    quotient: what the formula gives.
    truncation, rounding: how large an error each of the two causes is expected to bring.
    zoom: (481,), rise of the computed function above its value at the point, at `ZOOM` · h.
    errors: (85,), the error of the quotient for each of `STEPS`; NaN at a kink.
    """

    function: str
    formula: str
    precision: str
    point: float
    h: float
    left: float
    right: float
    left_value: float
    right_value: float
    point_value: float
    slope: float | None
    quotient: float
    truncation: float
    rounding: float
    zoom: Array
    errors: Array

    @property
    def error(self) -> float:
        """Distance of the quotient from the slope; NaN at a kink."""
        return math.nan if self.slope is None else abs(self.quotient - self.slope)


class SecantToTangent(Lab[Quotient]):
    """The difference quotients (f(w + h) − f(w)) / h and (f(w + h) − f(w − h)) / 2h.

    Shows secant and tangent, the function as it is computed near the point, and the error for all
    steps h with its two causes: truncation, |f″| h/2 or |f‴| h²/6, and rounding, proportional to
    ε/h (W. Press et al., Numerical Recipes, 3rd edition, section 5.7). Explained in chapter 05.
    """

    title = "Secant to tangent: how small should h be?"
    size = (8.4, 3.4)
    controls: ClassVar[dict[str, Control]] = {
        "h": LogSlider("step h", *STEP_RANGE, 0.5),
        "precision": Choice("precision", tuple(PRECISIONS), "float32"),
        "function": Choice("function f", tuple(CURVES), "w³"),
        "point": Slider("point w", *POINT_RANGE, 2.0, step=0.1),
        "formula": Choice("quotient", ("central", "forward"), "central"),
    }

    def simulate(  # type: ignore[override]
        self, *, h: float, precision: str, function: str, point: float, formula: str
    ) -> Quotient:
        """The quotient of `h`, and the errors of all steps, computed in the precision."""
        curve, dtype = CURVES[function], PRECISIONS[precision]
        w = dtype(point)
        left, right, left_value, right_value, quotient = (
            float(found[0]) for found in _quotients(curve, w, np.array([h]), formula)
        )
        # What is true is computed in double precision, at the point as it is stored.
        exact = float(w)
        slope, second, third = (float(derivative(exact)) for derivative in curve.slopes)
        height = abs(float(curve.function(exact)))
        eps, shift = float(np.finfo(dtype).eps), abs(exact * slope)
        if formula == "central":
            truncation, rounding = abs(third) * h * h / 6, eps * (height + shift) / (2 * h)
        else:
            truncation, rounding = abs(second) * h / 2, eps * (height + shift / 2) / h
        kink = exact == curve.kink
        errors = np.abs(_quotients(curve, w, STEPS, formula)[-1] - (math.nan if kink else slope))
        value = curve.function(w)
        zoom = (curve.function(w + (ZOOM * h).astype(dtype)) - value).astype(np.float64)
        zoom.flags.writeable = errors.flags.writeable = False
        return Quotient(
            function=function,
            formula=formula,
            precision=precision,
            point=exact,
            h=h,
            left=left,
            right=right,
            left_value=left_value,
            right_value=right_value,
            point_value=float(value),
            slope=None if kink else slope,
            quotient=quotient,
            truncation=truncation,
            rounding=rounding,
            zoom=zoom,
            errors=errors,
        )

    def describe(self, result: Quotient) -> str:
        """One sentence: quotient, slope, error, and which of its two causes is the larger."""
        h, quotient = number(result.h), _digits(result.quotient, result.precision)
        start = (
            f"In {result.precision} with h = {h}, the {result.formula} quotient of "
            f"{_formula(result.function)} at w = {number(result.point)} is {quotient}"
        )
        if result.slope is None:
            why = "and no slope there is the right one"
            if result.formula == "central":
                why = (
                    f"the mean of the slopes \N{MINUS SIGN}1 on the left and 1 on the right, {why}"
                )
            return f"{start}, {why}."
        text = f"{start} and the slope is {_digits(result.slope, result.precision)}"
        if result.left == result.right:
            return f"{text}: h is so small that w + h is stored as w, and no digit is left."
        if result.error == 0:
            return f"{text}: they agree in every digit."
        text = f"{text}: the error {number(result.error)}"
        kink = CURVES[result.function].kink
        if kink is not None and result.left < kink < result.right:
            return f"{text} comes from the kink, which lies between the two points."
        cause = "truncation" if result.truncation >= result.rounding else "rounding"
        smaller = min(result.truncation, result.rounding)
        other = "rounding" if cause == "truncation" else "truncation"
        return f"{text} comes mostly from {cause}, and about {number(smaller)} from {other}."

    def layout(self, figure: Figure) -> SimpleNamespace:
        """Left the whole curve, in the middle the neighborhood of the point, right the error."""
        whole = figure.add_axes((0.052, 0.145, 0.265, 0.765))
        zoom = figure.add_axes((0.365, 0.145, 0.245, 0.765))
        error = figure.add_axes((0.685, 0.145, 0.3, 0.765))

        whole.set_xlim(-4.2, 4.2)
        whole.set_xlabel("w", labelpad=1)
        zoom.set_title("The points, enlarged")
        zoom.set_xlim(ZOOM[0], ZOOM[-1])
        zoom.set_ylim(-1.08, 1.45)
        zoom.set_xticks([-1, 0, 1], ["w \N{MINUS SIGN} h", "w", "w + h"])
        zoom.set_yticks([])
        zoom.set_xlabel("height stretched to fit", labelpad=1)

        error.set_title("Error of the quotient")
        error.set_xscale("log")
        error.set_yscale("log")
        error.set_xlim(STEP_RANGE[0] / 2, STEP_RANGE[1] * 2)
        error.set_ylim(ERROR_RANGE)
        error.set_xticks([1e-14, 1e-10, 1e-6, 1e-2])
        error.set_yticks([1e-16, 1e-12, 1e-8, 1e-4, 1, 1e4])
        error.xaxis.set_minor_locator(NullLocator())
        error.yaxis.set_minor_locator(NullLocator())
        error.grid(color="#e4e4e4", linewidth=0.7)
        error.set_xlabel("step h", labelpad=1)

        whole_lines = _lines(whole, with_curve=False)
        zoom_lines = _lines(zoom, with_curve=True)
        names = ("f, as computed", "tangent", "secant")
        handles = (zoom_lines.curve, zoom_lines.tangent, zoom_lines.secant)
        zoom.legend(handles, names, loc="upper left", borderaxespad=0.2, handlelength=1.8)
        (truncation,) = error.plot(
            [], [], color=GREEN, linewidth=1.6, linestyle=(0, (4, 2)), label="truncation"
        )
        (rounding,) = error.plot(
            [], [], color=ORANGE, linewidth=1.8, linestyle=":", label="rounding"
        )
        (found,) = error.plot([], [], color=BLUE, linewidth=1.3, label="found")
        (here,) = error.plot(
            [], [], marker="o", color=INK, markersize=8, clip_on=False, zorder=6, linestyle="none"
        )
        error.legend(loc="upper right", borderaxespad=0.2, handlelength=2.2)
        no_slope = error.text(
            0.5, 0.45, "no slope at the kink,\nso no error", transform=error.transAxes, ha="center"
        )
        return SimpleNamespace(
            whole=whole,
            error=error,
            function=None,
            whole_lines=whole_lines,
            zoom_lines=zoom_lines,
            truncation=moving(truncation),
            rounding=moving(rounding),
            found=moving(found),
            here=moving(here),
            no_slope=moving(no_slope),
            base=None,
        )

    def draw(self, result: Quotient, axes: SimpleNamespace) -> None:
        """Move the lines; a new function changes the axes of the left panel."""
        if axes.function != result.function:
            _draw_curve(axes, result.function)
        _draw_whole(axes.whole_lines, result)
        _draw_zoom(axes.zoom_lines, result)
        known = result.slope is not None
        for line, size, power in (
            (axes.truncation, result.truncation, 2 if result.formula == "central" else 1),
            (axes.rounding, result.rounding, -1),
        ):
            line.set_visible(known and size > 0)
            ends = np.array(STEP_RANGE)
            line.set_data(ends, size * (ends / result.h) ** power)
        axes.found.set_visible(known)
        axes.found.set_data(STEPS, np.clip(result.errors, *ERROR_RANGE))
        axes.here.set_visible(known)
        axes.here.set_data([result.h], np.clip([result.error], *ERROR_RANGE))
        axes.no_slope.set_visible(not known)


def _quotients(
    curve: Curve, w: Any, steps: Array, formula: str
) -> tuple[Array, Array, Array, Array, Array]:
    """Places left and right, values there, quotient, for each step; all in the dtype of w."""
    h = steps.astype(w.dtype)
    left, right = (w - h, w + h) if formula == "central" else (w + 0 * h, w + h)
    low, high = curve.function(left), curve.function(right)
    quotient = (high - low) / (2 * h if formula == "central" else h)
    return left, right, low, high, quotient.astype(np.float64)


def _formula(name: str) -> str:
    """The formula alone, from the name of a choice."""
    return name.split(",")[0]


def _digits(value: float, precision: str) -> str:
    """`value` with as many digits as the precision holds."""
    if value == 0 or not 1e-4 < abs(value) < 1e6:
        return number(value)
    text = f"{value:.{7 if precision == 'float32' else 12}g}"
    return text.replace("-", "\N{MINUS SIGN}")


def _lines(axes: Axes, with_curve: bool) -> SimpleNamespace:
    """The artists that both left panels share."""
    curve = axes.plot([], [], color=BLUE, linewidth=1.6, zorder=4)[0] if with_curve else None
    (tangent,) = axes.plot([], [], color=GREY, linewidth=1.8, linestyle=(0, (5, 2)))
    (secant,) = axes.plot([], [], color=ORANGE, linewidth=1.5)
    (points,) = axes.plot([], [], "o", color=ORANGE, markeredgecolor=INK, markersize=6.5, zorder=5)
    for artist in (curve, tangent, secant, points):
        if artist is not None:
            moving(artist)
    return SimpleNamespace(curve=curve, tangent=tangent, secant=secant, points=points)


def _draw_curve(axes: SimpleNamespace, name: str) -> None:
    w = np.linspace(-4.2, 4.2, 421)
    heights = CURVES[name].function(w)
    if axes.base is None:
        (axes.base,) = axes.whole.plot([], [], color=BLUE, linewidth=1.6)
    axes.base.set_data(w, heights)
    low, high = {"w³": (-30.0, 30.0), "exp(w)": (-4.0, 24.0)}.get(
        name, (float(heights.min()), float(heights.max()))
    )
    room = 0.12 * (high - low)
    set_limits(axes.whole, y=(low - room, high + room))
    axes.whole.set_title(f"f(w) = {_formula(name)}")
    axes.function = name


def _draw_whole(lines: SimpleNamespace, result: Quotient) -> None:
    reach = np.array([-10.0, 10.0])
    middle = (result.left_value + result.right_value) / 2
    center = (result.left + result.right) / 2
    # A quotient that rounding has torn far off is drawn as steep as the picture can show.
    steep = float(np.clip(result.quotient, -1e4, 1e4))
    lines.secant.set_data(center + reach, middle + steep * reach)
    lines.tangent.set_visible(result.slope is not None)
    lines.tangent.set_data(result.point + reach, result.point_value + (result.slope or 0.0) * reach)
    lines.points.set_data([result.left, result.right], [result.left_value, result.right_value])


def _draw_zoom(lines: SimpleNamespace, result: Quotient) -> None:
    slope, h = result.slope or 0.0, result.h
    span = float(np.abs(result.zoom).max())
    scale = max(span, abs(slope) * h * ZOOM[-1]) or 1.0
    lines.curve.set_data(ZOOM, result.zoom / scale)
    lines.tangent.set_visible(result.slope is not None)
    lines.tangent.set_data(ZOOM[[0, -1]], slope * h * ZOOM[[0, -1]] / scale)
    first = -1.0 if result.formula == "central" else 0.0
    rises = np.array([result.left_value, result.right_value]) - result.point_value
    lines.points.set_data([first, 1.0], rises / scale)
    middle = rises.mean() + result.quotient * h * (ZOOM[[0, -1]] - (first + 1) / 2)
    lines.secant.set_data(ZOOM[[0, -1]], np.clip(middle / scale, -50, 50))
