"""Lab of chapter 17: a curve built from steps or ramps, and its error against their number."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

from d2lhelpers.labs.base import Lab, number
from d2lhelpers.labs.controls import Choice, Control, LogSlider, Stops
from d2lhelpers.labs.stage import BLUE, GREY, INK, ORANGE, moving, set_limits

Array = NDArray[np.float64]

COUNTS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 25, 32, 40, 50, 64, 80, 100, 140, 200)
# Where errors are measured: on a grid and close to the jump, where no grid would see them.
JUMP = 1 / 3
X = np.sort(np.append(np.linspace(0.0, 1.0, 2001), [JUMP - 1e-9, JUMP + 1e-9]))
ERROR_RANGE = (1e-5, 1.3)  # of the right panel
EXACT = 1e-12  # an error below this is rounding
DOTS = 50  # more pieces than this get no dot each
# From 1% to 99% of its height a sigmoid step takes 2 ln 99 / w.
RISE = 2 * math.log(99)


@dataclass(frozen=True)
class Target:
    """A function on [0, 1] to be built.

    Args:
        function: for arrays.
        slope: largest |f'|, infinite where there is no largest one.
        curvature: largest |f''|, infinite at kinks and jumps.
        view: lowest and highest value in the left panel.
    """

    function: Callable[[Array], Array]
    slope: float
    curvature: float
    view: tuple[float, float] = (-0.12, 1.12)


TARGETS: dict[str, Target] = {
    "f of the chapter": Target(
        lambda x: 0.2 + 0.4 * x**2 + 0.3 * x * np.sin(15 * x) + 0.05 * np.cos(50 * x),
        6.99560,
        170.553,
        (-0.08, 1.08),
    ),
    "wave": Target(lambda x: 0.5 + 0.4 * np.sin(2 * np.pi * x), 0.8 * math.pi, 1.6 * math.pi**2),
    "kink |x − 0.4|": Target(lambda x: np.abs(x - 0.4), 1.0, math.inf),
    "root √x": Target(np.sqrt, math.inf, math.inf),
    "jump at 1/3": Target(lambda x: np.where(x > JUMP, 0.8, 0.2), math.inf, math.inf),
}
STEPS, RAMPS = "sigmoid steps", "ReLU ramps"


@dataclass(frozen=True)
class Built:
    """A function and the network that imitates it, at the places `X`.

    wanted, output: (2003,), the function and the network.
    places, heights: where the network was told the function: (N,) middles of the bumps, or (N + 1,)
        knots of the ramps.
    errors: largest error for each number in `COUNTS`, other things being equal.
    largest, mean: error of this network at `X`.
    num_neurons: of the hidden layer.
    bound: what the largest error cannot exceed with ideal pieces; None when nothing is known.
    """

    num_bumps: int
    steepness: float
    function: str
    pieces: str
    wanted: Array
    output: Array
    places: Array
    heights: Array
    errors: Array
    largest: float
    mean: float
    num_neurons: int
    bound: float | None


class BuildAFunction(Lab[Built]):
    """A curve on [0, 1] from N bumps, walled by sigmoid steps, or from N straight ReLU pieces.

    Left the function and the network, right the largest error against N on logarithmic axes, with
    the bound max|f'|/(2N) for ideal steps, or max|f''|/(8N²) for ramps. Explained in chapter 17.
    """

    title = "Build a function: bumps, steepness, error"
    size = (8.4, 3.4)
    controls: ClassVar[dict[str, Control]] = {
        "num_bumps": Stops("number of bumps N", COUNTS, 10),
        "steepness": LogSlider("steepness w", 1.0, 1e5, 1000.0),
        "function": Choice("function", tuple(TARGETS), "f of the chapter"),
        "pieces": Choice("pieces", (STEPS, RAMPS), STEPS),
    }

    def simulate(  # type: ignore[override]
        self, *, num_bumps: int, steepness: float, function: str, pieces: str
    ) -> Built:
        """The network with its weights set by construction, and its errors."""
        target = TARGETS[function]
        wanted = target.function(X)
        output, places, heights = _network(num_bumps, steepness, function, pieces)
        error = np.abs(output - wanted)
        if pieces == STEPS:
            bound = target.slope / (2 * num_bumps)
            num_neurons = num_bumps - 1
        else:
            bound = target.curvature / (8 * num_bumps**2)
            num_neurons = num_bumps
        for array in (wanted, output, places, heights):
            array.flags.writeable = False
        return Built(
            num_bumps=num_bumps,
            steepness=steepness,
            function=function,
            pieces=pieces,
            wanted=wanted,
            output=output,
            places=places,
            heights=heights,
            errors=_errors(steepness if pieces == STEPS else 1.0, function, pieces),
            largest=float(error.max()),
            mean=float(error.mean()),
            num_neurons=num_neurons,
            bound=bound if math.isfinite(bound) else None,
        )

    def describe(self, result: Built) -> str:
        """One sentence: the two errors, the neurons they cost, and what limits them."""
        count = result.num_bumps
        neurons = "neuron" if result.num_neurons == 1 else "neurons"
        shape = "bump" if result.pieces == STEPS else "straight piece"
        settings = f" and w = {number(result.steepness)}" if result.pieces == STEPS else ""
        name = _name(result.function)
        if result.largest < EXACT:
            outcome = f"gives the {name} exactly"
        else:
            outcome = (
                f"stays within {number(result.largest)} of the {name}, "
                f"and within {number(result.mean)} on average"
            )
        return (
            f"With {count} {shape}{'' if count == 1 else 's'}{settings}, a hidden layer of "
            f"{result.num_neurons} {neurons} {outcome}; {_reason(result)}."
        )

    def layout(self, figure: Figure) -> SimpleNamespace:
        """Left the function and the network, right the error against the number of pieces."""
        curve = figure.add_axes((0.065, 0.14, 0.5, 0.69))
        error = figure.add_axes((0.665, 0.14, 0.315, 0.69))

        curve.set_xlim(0.0, 1.0)
        curve.set_xlabel("input x", labelpad=1)
        curve.set_ylabel("output", labelpad=2)
        curve.grid(color="#e4e4e4", linewidth=0.7)
        (wanted,) = curve.plot([], [], color=GREY, linewidth=4, alpha=0.75)
        (output,) = curve.plot([], [], color=BLUE, linewidth=1.6, zorder=4)
        (dots,) = curve.plot([], [], "o", color=ORANGE, markersize=4.5, zorder=5)
        curve.legend(
            [wanted, output, dots],
            ["function", "network", "heights it was told"],
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            ncols=3,
            borderaxespad=0.1,
            handlelength=1.8,
            columnspacing=1.4,
        )
        head = curve.text(0.0, 1.125, "", transform=curve.transAxes, fontsize=10.5, va="bottom")

        error.set_xscale("log")
        error.set_yscale("log")
        error.set_xlim(0.85, 235.0)
        error.set_ylim(ERROR_RANGE)
        error.set_xticks([1, 10, 100], ["1", "10", "100"])
        error.set_yticks([1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1])
        error.xaxis.set_minor_locator(NullLocator())
        error.yaxis.set_minor_locator(NullLocator())
        error.set_xlabel("number of pieces N", labelpad=1)
        error.set_ylabel("largest error", labelpad=0)
        error.grid(color="#e4e4e4", linewidth=0.7)
        (bound,) = error.plot([], [], color=GREY, linewidth=1.6, linestyle=(0, (4, 2)))
        (errors,) = error.plot([], [], color=BLUE, linewidth=1.6, marker="o", markersize=2.8)
        (here,) = error.plot([], [], "o", color=ORANGE, markeredgecolor=INK, markersize=9)
        error.legend(
            [errors, bound],
            ["measured", "bound, ideal pieces"],
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            ncols=2,
            borderaxespad=0.1,
            handlelength=2.0,
            columnspacing=1.2,
        )
        value = error.text(0.0, 1.125, "", transform=error.transAxes, fontsize=10.5, va="bottom")
        return SimpleNamespace(
            curve=curve,
            wanted=moving(wanted),
            output=moving(output),
            dots=moving(dots),
            head=moving(head),
            bound=moving(bound),
            errors=moving(errors),
            here=moving(here),
            value=moving(value),
        )

    def draw(self, result: Built, axes: SimpleNamespace) -> None:
        """Move the curves and the points; only another function may change the axes."""
        set_limits(axes.curve, y=TARGETS[result.function].view)
        axes.wanted.set_data(X, result.wanted)
        axes.output.set_data(X, result.output)
        axes.dots.set_visible(result.num_bumps <= DOTS)
        axes.dots.set_data(result.places, result.heights)
        neurons = "neuron" if result.num_neurons == 1 else "neurons"
        kind = "sigmoid" if result.pieces == STEPS else "ReLU"
        axes.head.set_text(f"{result.num_neurons} hidden {kind} {neurons}")

        counts = np.array(COUNTS, dtype=np.float64)
        axes.errors.set_data(counts, _on_axis(result.errors))
        axes.here.set_data([result.num_bumps], _on_axis(np.array([result.largest])))
        axes.bound.set_visible(result.bound is not None)
        if result.bound is not None:
            power = 1 if result.pieces == STEPS else 2
            axes.bound.set_data(counts, result.bound * (result.num_bumps / counts) ** power)
        exact = result.largest < EXACT
        axes.value.set_text(f"largest error {'0' if exact else number(result.largest)}")


def _network(
    count: int, steepness: float, function: str, pieces: str
) -> tuple[Array, Array, Array]:
    """Output at `X`, and the places and heights that the weights were made of."""
    f = TARGETS[function].function
    walls = np.arange(count + 1) / count
    if pieces == STEPS:
        places = (np.arange(count) + 0.5) / count
        heights = f(places)
        # (1 + tanh(z/2)) / 2 is the sigmoid, and cannot overflow as exp(−z) can.
        hidden = (1 + np.tanh(steepness / 2 * (X[:, np.newaxis] - walls[1:-1]))) / 2
        return heights[0] + hidden @ np.diff(heights), places, heights
    heights = f(walls)
    slopes = np.diff(heights) * count
    hidden = np.maximum(X[:, np.newaxis] - walls[:-1], 0.0)
    return heights[0] + hidden @ np.diff(slopes, prepend=0.0), walls, heights


@lru_cache(maxsize=256)
def _errors(steepness: float, function: str, pieces: str) -> Array:
    """Largest error for each number of pieces; kept, since it does not change while N moves."""
    wanted = TARGETS[function].function(X)
    found = [
        np.abs(_network(count, steepness, function, pieces)[0] - wanted).max() for count in COUNTS
    ]
    errors = np.array(found)
    errors.flags.writeable = False
    return errors


def _on_axis(errors: Array) -> Array:
    """Errors as the right panel can show them: an error of 0 stands at its floor."""
    return np.clip(errors, ERROR_RANGE[0], ERROR_RANGE[1])


def _name(function: str) -> str:
    """The function in a sentence."""
    return "curve of the chapter" if function == "f of the chapter" else function


def _reason(result: Built) -> str:
    """What limits the error."""
    bound = "" if result.bound is None else number(result.bound)
    if result.pieces == RAMPS:
        if result.function == "jump at 1/3":
            return "no continuous output can follow a jump"
        if result.largest < EXACT:
            return "the function itself is made of straight pieces"
        if result.bound is None:
            return "no bound is known, since the curvature has no largest value"
        return f"the bound max|f″|/(8N²) is {bound}"
    rise = RISE / result.steepness
    wide = f"a step takes {number(rise)}, a bump is {number(1 / result.num_bumps)} wide"
    if result.num_bumps == 1:
        return "a single bump is a constant"
    if result.function == "jump at 1/3":
        return f"{wide}, and no continuous output can follow a jump"
    if rise > 2.5 / result.num_bumps:
        return f"{wide}: the steps are too soft and blur the curve"
    if rise > 0.5 / result.num_bumps:
        return f"{wide}: soft steps that round the stairs off"
    known = f"the bound for ideal steps is {bound}" if bound else "the slope has no bound"
    return f"{wide}: steep, and {known}"
