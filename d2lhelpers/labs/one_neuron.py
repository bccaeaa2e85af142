"""Lab of chapter 11: one neuron, its output against one input and over two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from numpy.typing import NDArray

from d2lhelpers.labs.base import Lab, number
from d2lhelpers.labs.controls import Choice, Control, Slider
from d2lhelpers.labs.stage import BLUE, GREY, INK, ORANGE, moving, set_limits

Array = NDArray[np.float64]

X_RANGE = (-3.0, 3.0)  # of the first input, left panel
PLANE_RANGE = (-0.75, 1.75)  # of both inputs, right panel
CORNERS = np.array([(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)])
GRID = np.linspace(*X_RANGE, 301)
PLANE = np.linspace(*PLANE_RANGE, 101)
# Sixteen shades from white to light blue, as RGBA bytes: Matplotlib draws them faster than a color
# map, and bands are read as easily as a smooth change.
SHADES = np.round(255 * np.linspace((1, 1, 1, 1), to_rgba("#8fc0de"), 16)).astype(np.uint8)
# What two inputs can decide with one border, by the corners 00, 01, 10, 11 at which z > 0.
GATES: dict[tuple[bool, ...], str] = {
    (False, False, False, False): "never",
    (False, False, False, True): "AND",
    (False, False, True, False): "x₁ AND NOT x₂",
    (False, False, True, True): "x₁",
    (False, True, False, False): "x₂ AND NOT x₁",
    (False, True, False, True): "x₂",
    (False, True, True, True): "OR",
    (True, False, False, False): "NOT (x₁ OR x₂)",
    (True, False, True, False): "NOT x₂",
    (True, False, True, True): "x₁ OR NOT x₂",
    (True, True, False, False): "NOT x₁",
    (True, True, False, True): "x₂ OR NOT x₁",
    (True, True, True, False): "NAND",
    (True, True, True, True): "always",
}


@dataclass(frozen=True)
class Activation:
    """What a neuron makes of its weighted sum z.

    Args:
        function: for numbers and arrays; never overflows.
        slope: derivative at z = 0; None where there is none.
        formula: how the slope at the threshold follows from the weight.
        view: lowest and highest output in the left panel.
        lowest: the least output there is, white in the right panel.
    """

    function: Callable[[Any], Any]
    slope: float | None
    formula: str
    view: tuple[float, float]
    lowest: float = 0.0


ACTIVATIONS: dict[str, Activation] = {
    "step": Activation(lambda z: np.where(z > 0, 1.0, 0.0), None, "", (-0.08, 1.08)),
    # (1 + tanh(z/2)) / 2 is the sigmoid, and cannot overflow as exp(−z) can.
    "sigmoid": Activation(lambda z: (1 + np.tanh(z / 2)) / 2, 0.25, "w/4", (-0.08, 1.08)),
    "tanh": Activation(np.tanh, 1.0, "w", (-1.16, 1.16), -1.0),
    "ReLU": Activation(lambda z: np.maximum(z, 0.0), None, "", (-0.5, 6.5)),
}


@dataclass(frozen=True)
class Response:
    """The output a = f(w x₁ + w₂ x₂ + b) of one neuron.

    inputs, outputs: (n,), the first input and the output while the second is 0; a jump stands as
        two points at the threshold.
    surface: (101, 101), the output over the plane: rows are x₂, columns x₁, both at `PLANE`.
    corners: (4,), the outputs at `CORNERS`.
    threshold: the first input at which z = 0 while the second is 0; None when w = 0.
    slope: of the output there; None at a jump or a kink, and when w = 0.
    fires: (4,), whether z > 0 at `CORNERS`.
    """

    w: float
    b: float
    activation: str
    w2: float
    inputs: Array
    outputs: Array
    surface: Array
    corners: Array
    threshold: float | None
    slope: float | None
    fires: tuple[bool, ...]

    @property
    def gate(self) -> str:
        """Which truth table of two inputs the corners with z > 0 make."""
        return GATES[self.fires]


class OneNeuron(Lab[Response]):
    """One neuron with a choice of activation: threshold −b/w, slope there, and border.

    Left the output against the first input, while the second is 0; right the output over both,
    with the outputs at the four corners that truth tables are made of. Explained in chapter 11.
    """

    title = "One neuron: weights, bias, activation"
    size = (8.4, 3.5)
    controls: ClassVar[dict[str, Control]] = {
        # Even numbers, 0 among them, are what the web edition shows of these two.
        "w": Slider("weight w of x₁", -8.0, 10.0, 4.0, step=0.1),
        "b": Slider("bias b", -10.0, 8.0, -2.0, step=0.1),
        "activation": Choice("activation", tuple(ACTIVATIONS), "sigmoid"),
        "w2": Slider("weight w₂ of x₂", -10.0, 10.0, 0.0, step=0.1),
    }

    def simulate(  # type: ignore[override]
        self, *, w: float, b: float, activation: str, w2: float
    ) -> Response:
        """The output along the first input, over the plane, and at the corners."""
        kind = ACTIVATIONS[activation]
        threshold = None if w == 0 else -b / w + 0.0  # + 0.0: no minus sign before a zero
        inputs, sums = GRID, w * GRID + b
        outputs = kind.function(sums)
        if threshold is not None and X_RANGE[0] < threshold < X_RANGE[1]:
            distance = GRID - threshold
            left, right = distance < -1e-9, distance > 1e-9
            edge = kind.function(np.array([-w, w]) if activation == "step" else np.zeros(2))
            inputs = np.concatenate([GRID[left], [threshold] * 2, GRID[right]])
            outputs = np.concatenate([outputs[left], edge, outputs[right]])
        surface = kind.function(w * PLANE[np.newaxis, :] + w2 * PLANE[:, np.newaxis] + b)
        at_corners = CORNERS @ np.array([w, w2]) + b
        # 0.1 + 0.2 − 0.3 is not 0 on a computer, but it is meant to be.
        at_corners[np.abs(at_corners) < 1e-12 * (abs(w) + abs(w2) + abs(b))] = 0.0
        corners = kind.function(at_corners)
        for array in (inputs, outputs, surface, corners):
            array.flags.writeable = False
        return Response(
            w=w,
            b=b,
            activation=activation,
            w2=w2,
            inputs=inputs,
            outputs=outputs,
            surface=surface,
            corners=corners,
            threshold=threshold,
            slope=None if threshold is None or kind.slope is None else kind.slope * w,
            fires=tuple(bool(z > 0) for z in at_corners),
        )

    def describe(self, result: Response) -> str:
        """One sentence: the threshold, what happens there, and what the corners make."""
        second = f", b = {number(result.b)} and w₂ = {number(result.w2)}"
        rest = second if result.w2 else f" and b = {number(result.b)}"
        start = f"With w = {number(result.w)}{rest}"
        corners = {
            "never": "it fires (z > 0) at none of the four corners",
            "always": "it fires (z > 0) at all four corners",
        }.get(
            result.gate,
            f"the corners at which it fires (z > 0) make the truth table of {result.gate}",
        )
        if result.threshold is None:
            same = number(float(result.outputs[0]))
            return (
                f"{start} the {result.activation} neuron has no threshold, since x₁ has no say: "
                f"with x₂ = 0 its output is always {same}, and {corners}."
            )
        return (
            f"{start} the output of the {result.activation} neuron {_passage(result)}, "
            f"and {corners}."
        )

    def layout(self, figure: Figure) -> SimpleNamespace:
        """Left output against the first input, right output over both."""
        cut = figure.add_axes((0.07, 0.135, 0.5, 0.68))
        plane = figure.add_axes((0.675, 0.135, 0.283, 0.68))

        cut.set_xlim(X_RANGE)
        cut.set_xlabel("first input x₁ (second input x₂ = 0)", labelpad=1)
        cut.set_ylabel("output a", labelpad=2)
        cut.grid(color="#e4e4e4", linewidth=0.7)
        (threshold,) = cut.plot([], [], color=GREY, linestyle=":", linewidth=2, label="threshold")
        (tangent,) = cut.plot(
            [], [], color=ORANGE, linestyle=(0, (5, 2)), linewidth=1.8, label="tangent there"
        )
        (curve,) = cut.plot([], [], color=BLUE, linewidth=2.2, label="output")
        (point,) = cut.plot([], [], "o", color=INK, markersize=7, zorder=5)
        cut.legend(
            [curve, threshold, tangent],
            ["output", "threshold", "tangent there"],
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            ncols=3,
            borderaxespad=0.1,
            handlelength=2.2,
        )
        head = cut.text(0.0, 1.135, "", transform=cut.transAxes, fontsize=10.5, va="bottom")

        low, high = PLANE_RANGE
        half = (PLANE[1] - PLANE[0]) / 2
        image = plane.imshow(
            np.zeros((len(PLANE), len(PLANE), 4), dtype=np.uint8),
            origin="lower",
            interpolation="nearest",
            extent=(low - half, high + half, low - half, high + half),
            aspect="auto",
        )
        plane.set_xlim(low, high)
        plane.set_ylim(low, high)
        plane.set_xticks([0, 1])
        plane.set_yticks([0, 1])
        plane.set_xlabel("first input x₁", labelpad=1)
        plane.set_ylabel("second input x₂", labelpad=2)
        plane.text(
            0.0,
            1.02,
            "darker: larger output; line: z = 0",
            transform=plane.transAxes,
            fontsize=8.5,
            va="bottom",
        )
        gate = plane.text(0.0, 1.135, "", transform=plane.transAxes, fontsize=10.5, va="bottom")
        (border,) = plane.plot([], [], color=INK, linewidth=1.8)
        (silent,) = plane.plot(
            [], [], "o", color="white", markeredgecolor=INK, markersize=28, linestyle="none"
        )
        (firing,) = plane.plot([], [], "o", color=INK, markersize=28, linestyle="none")
        values = [
            moving(plane.text(x, y, "", ha="center", va="center", fontsize=8, zorder=6))
            for x, y in CORNERS
        ]
        return SimpleNamespace(
            cut=cut,
            curve=moving(curve),
            threshold=moving(threshold),
            tangent=moving(tangent),
            point=moving(point),
            head=moving(head),
            image=moving(image),
            gate=moving(gate),
            border=moving(border),
            silent=moving(silent),
            firing=moving(firing),
            values=values,
        )

    def draw(self, result: Response, axes: SimpleNamespace) -> None:
        """Move lines, colors and numbers; only another activation changes the axes."""
        kind = ACTIVATIONS[result.activation]
        set_limits(axes.cut, y=kind.view)
        _draw_cut(axes, result, kind)
        _draw_plane(axes, result, kind)


def _passage(result: Response) -> str:
    """What the output does at the threshold, beginning with a verb."""
    kind, threshold, w = ACTIVATIONS[result.activation], result.threshold, result.w
    assert threshold is not None
    where = f"at the threshold x₁ = \N{MINUS SIGN}b/w = {number(threshold)}"
    if not X_RANGE[0] <= threshold <= X_RANGE[1]:
        where += " (outside the picture)"
    if result.activation == "step":
        return f"jumps {'up' if w > 0 else 'down'} {where}, where it has no slope"
    if result.activation == "ReLU":
        change = f"0 to w = {number(w)}" if w > 0 else f"w = {number(w)} to 0"
        return (
            f"{'leaves' if w > 0 else 'reaches'} 0 {where}, where its slope changes from {change}"
        )
    assert result.slope is not None
    middle = number(float(kind.function(0.0)))
    slope = f"{kind.formula} = {number(result.slope)}"
    return f"{'rises' if w > 0 else 'falls'} through {middle} {where}, where its slope is {slope}"


def _short(value: float) -> str:
    """`value` in a circle: two decimals, unless it is whole or large."""
    exact = value == int(value) or abs(value) >= 10
    text = f"{value:.0f}" if exact else f"{round(value, 2) + 0.0:.2f}"
    return text.replace("-", "\N{MINUS SIGN}")


def _draw_cut(axes: SimpleNamespace, result: Response, kind: Activation) -> None:
    axes.curve.set_data(result.inputs, result.outputs)
    threshold = result.threshold
    inside = threshold is not None and X_RANGE[0] <= threshold <= X_RANGE[1]
    for artist in (axes.threshold, axes.point):
        artist.set_visible(inside)
    axes.tangent.set_visible(inside and result.slope is not None)
    if threshold is None:
        axes.head.set_text("w = 0: no threshold")
        return
    minus = "\N{MINUS SIGN}"
    slope = "" if result.slope is None else f",  slope {kind.formula} = {number(result.slope)}"
    outside = "" if inside else ", outside"
    axes.head.set_text(f"threshold {minus}b/w = {number(threshold)}{outside}{slope}")
    if not inside:
        return
    height = float(kind.function(0.0))
    axes.threshold.set_data([threshold] * 2, kind.view)
    axes.point.set_data([threshold], [height])
    if result.slope is not None:
        height_left = (kind.view[1] - kind.view[0]) / 2
        reach = min(1.2, height_left / max(abs(result.slope), 1e-9))
        ends = np.array([-reach, reach])
        axes.tangent.set_data(threshold + ends, height + result.slope * ends)


def _draw_plane(axes: SimpleNamespace, result: Response, kind: Activation) -> None:
    highest = max(1.0, float(result.surface.max()))
    level = (result.surface - kind.lowest) / (highest - kind.lowest)  # 0 to 1
    axes.image.set_data(SHADES[(level * (len(SHADES) - 1)).round().astype(np.intp)])
    name = {"never": "fires at no corner", "always": "fires at all corners"}
    axes.gate.set_text(name.get(result.gate, f"truth table of {result.gate}"))

    normal = np.array([result.w, result.w2])
    length = float(np.hypot(*normal))
    foot = -result.b * (normal / length) / length if length else np.full(2, np.nan)
    near = bool(np.abs(foot).max() < 10)  # false for NaN and infinity
    axes.border.set_visible(near)
    if near:
        along = np.array([-normal[1], normal[0]]) / length
        axes.border.set_data(*np.stack([foot - 20 * along, foot + 20 * along], axis=1))

    fires = np.array(result.fires)
    axes.silent.set_data(*CORNERS[~fires].T)
    axes.firing.set_data(*CORNERS[fires].T)
    for text, value, black in zip(axes.values, result.corners, fires, strict=True):
        text.set_text(_short(float(value)))
        text.set_color("white" if black else INK)
