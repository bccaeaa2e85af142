"""Lab of chapter 15: one neuron unlearns a wrong answer, with two costs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from d2lhelpers.labs.base import Lab, number
from d2lhelpers.labs.controls import Control, LogSlider, Slider
from d2lhelpers.labs.stage import BLUE, GREY, INK, ORANGE, moving

Array = NDArray[np.float64]

RIGHT_BELOW = 0.1  # an output below it counts as learned, since the target is 0
SHOWN_EPOCHS = 300  # in the picture
MOST_EPOCHS = 10_000  # after which the lab stops waiting
Z_RANGE = (-6.0, 12.0)  # of start weight + start bias
Z = np.linspace(*Z_RANGE, 361)


def sigmoid(z: Any) -> Any:
    """1/(1 + e^(−z)) by tanh, which cannot overflow; for numbers and arrays."""
    return (1 + np.tanh(z / 2)) / 2


def quadratic_gradient(a: Any) -> Any:
    """∂C/∂z of C = a²/2, the quadratic cost for the target 0: a σ′(z)."""
    return a * a * (1 - a)


def cross_entropy_gradient(a: Any) -> Any:
    """∂C/∂z of C = −ln(1 − a), the cross-entropy for the target 0: a itself."""
    return a


COSTS = {"quadratic": quadratic_gradient, "cross-entropy": cross_entropy_gradient}
COLORS = {"quadratic": BLUE, "cross-entropy": ORANGE}


@dataclass(frozen=True)
class Unlearning:
    """A neuron with input 1 on its way from a wrong answer to the target 0.

    start: the first output, σ(z) with z = w + b.
    slope: σ′(z) at the start.
    outputs: for each cost (301,), the output before each of the first 300 epochs and after them.
    epochs: for each cost, the epochs after which the output is below 0.1; None when it takes more
        than 10,000.
    """

    w: float
    b: float
    learning_rate: float
    start: float
    slope: float
    outputs: dict[str, Array]
    epochs: dict[str, int | None]


class SaturatedNeuron(Lab[Unlearning]):
    """One neuron, input 1, target 0: how long does a wrong start take to unlearn?

    Left the output after each epoch for both costs, right the gradient that decides about the
    first step. Weight and bias have the same gradient, since the input is 1. Explained in
    chapter 15; after M. Nielsen, Neural Networks and Deep Learning (2015), chapter 3.
    """

    title = "Saturated neuron: quadratic cost and cross-entropy"
    size = (8.4, 3.4)
    controls: ClassVar[dict[str, Control]] = {
        # Whole numbers are what the web edition shows of these two.
        "w": Slider("start weight w", -3.0, 6.0, 2.0, step=0.1),
        "b": Slider("start bias b", -3.0, 6.0, 2.0, step=0.1),
        "learning_rate": LogSlider("learning rate η", 0.005, 5.0, 0.15),
    }

    def simulate(self, *, w: float, b: float, learning_rate: float) -> Unlearning:  # type: ignore[override]
        """Gradient descent with both costs until the output is below 0.1 and the picture full."""
        outputs, epochs = {}, {}
        for cost, gradient in COSTS.items():
            outputs[cost], epochs[cost] = _descend(w + b, learning_rate, gradient)
        start = float(sigmoid(w + b))
        slope = float(sigmoid(w + b) * sigmoid(-(w + b)))
        return Unlearning(w, b, learning_rate, start, slope, outputs, epochs)

    def describe(self, result: Unlearning) -> str:
        """One sentence: the start, its slope, and the epochs that both costs need."""
        # 0.999994 rounded to three digits would be 1, which a sigmoid never is.
        rest = float(sigmoid(-(result.w + result.b)))
        a = f"1 \N{MINUS SIGN} {number(rest)}" if rest < 5e-4 else number(result.start)
        start = (
            f"From w = {number(result.w)} and b = {number(result.b)} the output starts at a = {a}"
        )
        slope = f"where σ′(z) = {number(result.slope)}"
        quadratic, entropy = result.epochs["quadratic"], result.epochs["cross-entropy"]
        if quadratic == 0:
            return f"{start}, already below {RIGHT_BELOW}, {slope}: there is little to unlearn."
        return (
            f"{start}, {slope}; with learning rate η = {number(result.learning_rate)} "
            f"the quadratic cost needs {_count(quadratic)} to bring it below {RIGHT_BELOW}, "
            f"cross-entropy {_count(entropy)}."
        )

    def layout(self, figure: Figure) -> SimpleNamespace:
        """Left the outputs over the epochs, right the gradients over z."""
        path = figure.add_axes((0.07, 0.15, 0.5, 0.68))
        force = figure.add_axes((0.665, 0.15, 0.315, 0.68))

        path.set_xlim(-3, SHOWN_EPOCHS)
        path.set_ylim(-0.04, 1.06)
        path.set_xlabel("epoch", labelpad=1)
        path.set_ylabel("output a (target 0)", labelpad=2)
        path.grid(color="#e4e4e4", linewidth=0.7)
        path.axhline(RIGHT_BELOW, color=GREY, linewidth=1, linestyle=(0, (4, 3)))
        path.text(
            SHOWN_EPOCHS, 0.115, "0.1", ha="right", va="bottom", color="#555555", fontsize=8.5
        )
        curves, arrivals, dots = {}, {}, {}
        for cost, style in (("quadratic", "-"), ("cross-entropy", (0, (6, 1.5)))):
            color = COLORS[cost]
            curves[cost] = path.plot([], [], color=color, linestyle=style, linewidth=2.2)[0]
            arrivals[cost] = path.plot([], [], "o", color=color, markersize=7, zorder=5)[0]
            force.plot(Z, COSTS[cost](sigmoid(Z)), color=color, linestyle=style, linewidth=2.2)
            dots[cost] = force.plot([], [], "o", color=color, markersize=8, zorder=5)[0]
        path.legend(
            list(curves.values()),
            ["quadratic cost", "cross-entropy"],
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            ncols=2,
            borderaxespad=0.1,
            handlelength=2.6,
        )
        head = path.text(0.0, 1.13, "", transform=path.transAxes, fontsize=10.5, va="bottom")
        _label_force(force)
        place = force.plot([], [], color=INK, linestyle=":", linewidth=1.6)[0]
        slope = force.text(0.0, 1.13, "", transform=force.transAxes, fontsize=10.5, va="bottom")
        for artist in (*curves.values(), *arrivals.values(), *dots.values(), head, place, slope):
            moving(artist)
        return SimpleNamespace(
            curves=curves, arrivals=arrivals, dots=dots, head=head, place=place, slope=slope
        )

    def draw(self, result: Unlearning, axes: SimpleNamespace) -> None:
        """Move lines, dots and words; the axes stay."""
        heads = []
        for cost, outputs in result.outputs.items():
            axes.curves[cost].set_data(np.arange(len(outputs)), outputs)
            epochs = result.epochs[cost]
            inside = epochs is not None and 0 < epochs <= SHOWN_EPOCHS
            axes.arrivals[cost].set_visible(inside)
            if inside:
                axes.arrivals[cost].set_data([epochs], [outputs[epochs]])
            axes.dots[cost].set_data([result.w + result.b], [COSTS[cost](result.start)])
            heads.append(f"over {MOST_EPOCHS:,}" if epochs is None else f"{epochs:,}")
        axes.head.set_text(f"epochs until a < {RIGHT_BELOW}: {heads[0]} and {heads[1]}")
        axes.place.set_data([result.w + result.b] * 2, [0, 1])
        axes.slope.set_text(f"start: σ′(z) = {number(result.slope)}")


def _descend(z: float, learning_rate: float, gradient: Any) -> tuple[Array, int | None]:
    """The outputs shown, and the epochs until the output is below 0.1 (None: too many).

    Weight and bias move by the same amount, since the input is 1: z moves by twice as much.
    """
    outputs: list[float] = []
    arrived = None
    for epoch in range(MOST_EPOCHS + 1):
        a = 0.5 + 0.5 * math.tanh(z / 2)
        if epoch <= SHOWN_EPOCHS:
            outputs.append(a)
        if arrived is None and a < RIGHT_BELOW:
            arrived = epoch
        if arrived is not None and epoch >= SHOWN_EPOCHS:
            break
        z -= 2 * learning_rate * gradient(a)
    array = np.array(outputs)
    array.flags.writeable = False
    return array, arrived


def _count(epochs: int | None) -> str:
    """A number of epochs in words."""
    if epochs is None:
        return f"more than {MOST_EPOCHS:,} epochs"
    return "1 epoch" if epochs == 1 else f"{epochs:,} epochs"


def _label_force(force: Axes) -> None:
    """The right panel's axes, and what stands above them."""
    force.set_xlim(Z_RANGE[0] - 0.6, Z_RANGE[1] + 0.6)
    force.set_ylim(-0.04, 1.06)
    force.set_xticks([-6, -3, 0, 3, 6, 9, 12])
    force.set_xlabel("weighted input z = w + b", labelpad=1)
    force.set_ylabel("gradient ∂C/∂z", labelpad=2)
    force.grid(color="#e4e4e4", linewidth=0.7)
    force.text(
        0.0,
        1.02,
        "dotted: where the neuron starts",
        transform=force.transAxes,
        fontsize=8.5,
        va="bottom",
    )
