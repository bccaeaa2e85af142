"""Lab of chapter 18: the gradient in each layer of a deep network, before it has learned."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

from d2lhelpers.labs.base import Lab, number
from d2lhelpers.labs.controls import Choice, Control, IntSlider, LogSlider
from d2lhelpers.labs.stage import BLUE, INK, ORANGE, moving

Array = NDArray[np.float64]

WIDTH = 30  # neurons in each hidden layer
EXAMPLES = 50  # digits in the batch
CLASSES = 10
DEEPEST = 20
SEED = 18
EPS = 1e-5  # in the variance of batch normalization, as PyTorch has it
FLAT = 0.01  # a neuron whose slope is below this hardly passes an error on
STEADY = (0.7, 1.4)  # factors from layer to layer that are called steady
GRADIENTS = (1e-12, 1e8)  # shown by the bars
SPREADS = (1e-8, 1e8)

REMEDIES = ("none", "batch normalization", "residual connections", "both")


def _sigmoid(z: Array) -> Array:
    return (1 + np.tanh(z / 2)) / 2  # cannot overflow, as exp(−z) can


def _sigmoid_slope(z: Array) -> Array:
    return _sigmoid(z) * _sigmoid(-z)


def _tanh_slope(z: Array) -> Array:
    return 4 * _sigmoid_slope(2 * z)  # 1 − tanh² without the subtraction, which loses all digits


# Name: the function and its slope.
ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "sigmoid": (_sigmoid, _sigmoid_slope),
    "tanh": (np.tanh, _tanh_slope),
    "ReLU": (lambda z: np.maximum(z, 0.0), lambda z: (z > 0).astype(np.float64)),
}


@dataclass(frozen=True)
class Gradients:
    """What a network of `depth` hidden layers does with a batch before it has learned.

    norms: (depth,), the length of the gradient of each hidden layer's biases.
    spreads: (depth,), how far the examples differ in each layer: the root mean square, over the
        neurons, of the standard deviation over the examples.
    flat: (depth,), the share of slopes below `FLAT` in each layer, from 0 to 1.
    loss: mean cross-entropy.
    """

    depth: int
    scale: float
    activation: str
    remedy: str
    norms: Array
    spreads: Array
    flat: Array
    loss: float

    @property
    def ratio(self) -> float:
        """The first layer's gradient over the last hidden one's; ∞ for n/0, and NaN for 0/0.

        A residual connection leads around a last layer that is off, so the first can learn alone.
        """
        first, last = float(self.norms[0]), float(self.norms[-1])
        if last > 0:
            return first / last
        return float("inf") if first > 0 else float("nan")

    @property
    def factor(self) -> float | None:
        """By what a layer multiplies the gradient on the way back, on average; None for one."""
        return self.ratio ** (1 / (self.depth - 1)) if self.depth > 1 else None


class VanishingGradients(Lab[Gradients]):
    """A deep network on fifty digits at its start: length of the gradient layer by layer.

    The weights of a hidden layer with n inputs are normally distributed with the standard
    deviation scale/√n, the biases are 0; the output layer has the scale 1 and cross-entropy.
    Explained in chapter 18.
    """

    title = "Vanishing gradients: what arrives at the first layer"
    size = (8.4, 3.5)
    controls: ClassVar[dict[str, Control]] = {
        "depth": IntSlider("hidden layers", 1, DEEPEST, 10),
        "scale": LogSlider("weight scale", 0.1, 10.0, 1.0, unit="in 1/√n"),
        "activation": Choice("activation", tuple(ACTIVATIONS), "sigmoid"),
        "remedy": Choice("remedy", REMEDIES, "none"),
    }

    def simulate(  # type: ignore[override]
        self, *, depth: int, scale: float, activation: str, remedy: str
    ) -> Gradients:
        """One pass forward and one back, of fifty digits through fresh weights."""
        inputs, labels = _digits()
        weights = [scale * draw for draw in _draws()[:depth]]
        function, slope = ACTIVATIONS[activation]
        normalized = remedy in ("batch normalization", "both")
        residual = remedy in ("residual connections", "both")

        activations, sums, scales = [inputs], [], []
        for weight in weights:
            z = activations[-1] @ weight  # (examples, width)
            scales.append(np.sqrt(z.var(axis=0) + EPS))
            if normalized:
                z = (z - z.mean(axis=0)) / scales[-1]
            sums.append(z)
            a = function(z)
            around = residual and len(activations) > 1  # the inputs have another width
            activations.append(activations[-1] + a if around else a)

        output = _draws()[DEEPEST]
        logits = activations[-1] @ output
        logits = logits - logits.max(axis=1, keepdims=True)
        log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        loss = -log_p[np.arange(EXAMPLES), labels].mean()
        wanted = np.eye(CLASSES)[labels]
        back = (np.exp(log_p) - wanted) / EXAMPLES @ output.T  # of the last activations

        norms, flat = np.zeros(depth), np.zeros(depth)
        for i in reversed(range(depth)):
            slopes = slope(sums[i])
            delta = back * slopes  # (examples, width)
            norms[i] = np.sqrt((delta.sum(axis=0) ** 2).sum())
            flat[i] = (slopes < FLAT).mean()
            if normalized:
                delta = _through_norm(delta, sums[i]) / scales[i]
            back = delta @ weights[i].T + (back if residual and i > 0 else 0.0)
        spreads = np.array([np.sqrt(a.var(axis=0).mean()) for a in activations[1:]])
        for array in (norms, spreads, flat):
            array.flags.writeable = False
        return Gradients(depth, scale, activation, remedy, norms, spreads, flat, loss=float(loss))

    def describe(self, result: Gradients) -> str:
        """One sentence: verdict, ratio of first to last, factor from layer to layer."""
        with_ = "" if result.remedy == "none" else f" with {_remedy(result)}"
        many = "hidden layer" if result.depth == 1 else "hidden layers"
        net = (
            f"{result.depth} {many} of {result.activation} neurons{with_} at the weight scale "
            f"{number(result.scale)}"
        )
        first = number(float(result.norms[0]))
        if result.factor is None:
            return (
                f"Nothing to compare: in {net} the gradient of the biases has the length {first}."
            )
        if np.isinf(result.factor):
            return (
                f"Only a way around: in {net} the last gradient is 0, and the first one is {first}."
            )
        if np.isnan(result.factor):
            return f"Nothing arrives: in {net} the first and the last gradient are 0."
        return (
            f"{_verdict(result.factor)}: in {net} the first gradient, {first}, is "
            f"{number(result.ratio)} times the last one, a factor of {number(result.factor)} "
            "for each layer on the way back."
        )

    def layout(self, figure: Figure) -> SimpleNamespace:
        """Left a bar for each layer's gradient, right spread of the signal and flat slopes."""
        bars = figure.add_axes((0.085, 0.135, 0.5, 0.7))
        spread = figure.add_axes((0.695, 0.545, 0.285, 0.29))
        flat = figure.add_axes((0.695, 0.135, 0.285, 0.24))

        bars.set_yscale("log")
        bars.set_ylim(GRADIENTS)
        bars.set_yticks([10.0**power for power in range(-12, 9, 4)])
        bars.set_ylabel("gradient of the biases: length", labelpad=2)
        head = bars.text(0.0, 1.1, "", transform=bars.transAxes, fontsize=10.5, va="bottom")
        below = bars.text(
            0.0, 1.02, "", transform=bars.transAxes, fontsize=8.5, color="#555555", va="bottom"
        )
        columns = PolyCollection([], facecolors=BLUE, edgecolors="none", zorder=2)
        bars.add_collection(columns, autolim=False)
        (trend,) = bars.plot(
            [], [], color=ORANGE, marker="o", markersize=5, linewidth=1.8, zorder=3
        )

        spread.set_title("How far the digits differ", fontsize=9.5)
        spread.set_yscale("log")
        spread.set_ylim(SPREADS)
        spread.set_yticks([10.0**power for power in (-8, -4, 0, 4, 8)])
        spread.set_ylabel("spread", labelpad=2)
        (forward,) = spread.plot([], [], color=BLUE, marker="o", markersize=3, linewidth=1.4)

        flat.set_title(f"Neurons with a slope below {FLAT}", fontsize=9.5)
        flat.set_ylim(-5, 105)
        flat.set_yticks([0, 50, 100], ["0%", "50%", "100%"])
        flat.set_ylabel("share", labelpad=2)
        (saturated,) = flat.plot([], [], color=INK, marker="o", markersize=3, linewidth=1.4)

        for axes in (bars, spread, flat):
            axes.set_xlim(0.3, DEEPEST + 0.7)
            axes.set_xticks([1, 5, 10, 15, 20])
            axes.grid(axis="y", color="#e4e4e4", linewidth=0.7)
            axes.set_axisbelow(True)
            axes.yaxis.set_minor_locator(NullLocator())
        for axes in (bars, flat):
            axes.set_xlabel("hidden layer, counted from the input", labelpad=1)
        return SimpleNamespace(
            columns=moving(columns),
            trend=moving(trend),
            forward=moving(forward),
            saturated=moving(saturated),
            head=moving(head),
            below=moving(below),
        )

    def draw(self, result: Gradients, axes: SimpleNamespace) -> None:
        """Move bars, lines and the two lines of text."""
        low, high = GRADIENTS
        layers = np.arange(1, result.depth + 1)
        tops = np.clip(result.norms, low, high)
        left, right = layers - 0.36, layers + 0.36
        corners = np.array(
            [
                (left, [low] * result.depth),
                (left, tops),
                (right, tops),
                (right, [low] * result.depth),
            ]
        )  # (corner, x or y, layer)
        axes.columns.set_verts(corners.transpose(2, 0, 1))
        # Lines keep their direction where they leave the picture; the rasterizer has its limits.
        axes.trend.set_data(layers[[0, -1]], np.clip(result.norms[[0, -1]], 1e-60, 1e60))
        axes.forward.set_data(layers, np.clip(result.spreads, 1e-60, 1e60))
        axes.saturated.set_data(layers, 100 * result.flat)
        if result.factor is None:
            axes.head.set_text("One hidden layer: nothing to compare")
        elif np.isfinite(result.factor):
            word = _verdict(result.factor)
            axes.head.set_text(f"{word}: × {number(result.factor)} for each layer back")
        else:
            word = "Only a way around" if np.isinf(result.factor) else "Nothing arrives"
            axes.head.set_text(f"{word}: the last gradient is 0")
        outside = int(((result.norms < low) | (result.norms > high)).sum())
        note = f"; {outside} outside the picture" if outside else ""
        axes.below.set_text(f"before any learning; loss {number(result.loss)}{note}")


def _verdict(factor: float) -> str:
    low, high = STEADY
    return "Vanishes" if factor < low else "Explodes" if factor > high else "Steady"


def _remedy(result: Gradients) -> str:
    both = "batch normalization and residual connections"
    return both if result.remedy == "both" else result.remedy


def _through_norm(delta: Array, normalized: Array) -> Array:
    """Errors before a batch was centered and scaled, times the scale, from those after it."""
    along = (delta * normalized).mean(axis=0)
    return delta - delta.mean(axis=0) - normalized * along


@functools.cache
def _digits() -> tuple[Array, NDArray[np.int64]]:
    """The first training digits as rows of numbers from 0 to 1, and their labels."""
    from d2lhelpers.data import load_digits

    train = load_digits().train
    images = train.images[:EXAMPLES].flatten(1).double().numpy() / 255
    labels = train.labels[:EXAMPLES].numpy()
    return images, labels


@functools.cache
def _draws() -> list[Array]:
    """Weights of scale 1, shape (in, out): for each hidden layer, and last for the output layer."""
    # RandomState gives the same numbers in every version of NumPy.
    draw = np.random.RandomState(SEED).standard_normal
    inputs = _digits()[0].shape[1]
    shapes = [(inputs, WIDTH), *[(WIDTH, WIDTH)] * (DEEPEST - 1), (WIDTH, CLASSES)]
    return [draw(shape) / np.sqrt(shape[0]) for shape in shapes]
