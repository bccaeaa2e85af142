"""Lab of chapter 16: a small network that learns digits by heart, and what keeps it from that.

A network 64-48-10 with ReLU is trained anew whenever a slider moves: 300 updates on up to 100
examples each, in single precision, with the gradients written out by hand. That takes about 25 ms;
through autograd it would take ten times as long.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from d2lhelpers.labs.base import Lab, number
from d2lhelpers.labs.controls import Control, IntSlider, Slider, Stops
from d2lhelpers.labs.stage import BLUE, GREY, ORANGE, moving, set_limits

Array = NDArray[np.float32]

HIDDEN = 48
LEARNING_RATE = 0.6
UPDATES, BATCH = 300, 100
EVERY = 12  # updates from one measurement to the next
PER_RESULT = 96  # updates after which a newer setting is noticed
MEASURED = 300  # training examples measured at most; of the validation digits all 300
LOST = 1e3  # a cost beyond this has left for good
WORSE = 1.05  # a final validation cost this many times the lowest one counts as overfitting
TOPS = (2.5, 6.0)  # of the cost axis


@dataclass(frozen=True)
class Digits:
    """Rows of pixels from 0 to 1, (n, 64), and labels, (n,): to train on and for validation.

    wrong: (n,), which training labels are wrong; those of the validation digits are all right.
    """

    X: Array
    y: NDArray[np.int64]
    X_val: Array
    y_val: NDArray[np.int64]
    wrong: NDArray[np.bool_]


@dataclass(frozen=True)
class Learning:
    """One training, measured before the first update and then every 12 updates.

    updates: (k,), their number. training_cost, training_accuracy, cost, accuracy: (k,), of up to
        300 training examples with the labels that were trained on, and of 300 validation digits.
    lost: whether the training was cut off because the cost left all bounds.
    """

    examples: int
    lam: float
    dropout: float
    wrong: int
    updates: NDArray[np.int64]
    training_cost: Array
    training_accuracy: Array
    cost: Array
    accuracy: Array
    lost: bool

    @property
    def lowest(self) -> int:
        """The position of the lowest validation cost, the first of equals."""
        return int(np.argmin(self.cost))

    @property
    def overfits(self) -> bool:
        """Whether the validation cost has risen clearly above its lowest value."""
        return not self.lost and float(self.cost[-1]) > WORSE * float(self.cost[self.lowest])


@functools.lru_cache(maxsize=1)
def all_digits() -> tuple[Array, NDArray[np.int64], Array, NDArray[np.int64]]:
    """Pixels and labels of the embedded training and validation digits."""
    from d2lhelpers.data import load_digits

    data = load_digits()
    pixels, held_out = (
        split.images.flatten(1).numpy().astype(np.float32) / np.float32(255)
        for split in (data.train, data.validation)
    )
    return pixels, data.train.labels.numpy(), held_out, data.validation.labels.numpy()


@functools.lru_cache(maxsize=64)
def digits(examples: int, wrong: int, seed: int) -> Digits:
    """The first examples of a random order, `wrong` percent of them with another label.

    More examples contain the fewer ones, and an example that gets a wrong label always gets the
    same.
    """
    X, y, X_val, y_val = all_digits()
    rng = np.random.default_rng([seed, 16])
    rows = rng.permutation(len(X))[:examples]
    other = rng.integers(1, 10, len(X))[rows]
    chance = rng.random(len(X))[rows]
    mistaken = chance.argsort().argsort() < round(examples * wrong / 100)
    labels = np.where(mistaken, (y[rows] + other) % 10, y[rows])
    made = Digits(X[rows], labels, X_val, y_val, mistaken)
    for array in vars(made).values():
        array.flags.writeable = False
    return made


def start(seed: int) -> list[Array]:
    """W1 (64, 48), b1 (48,), W2 (48, 10), b2 (10,): spread 1/√inputs, biases 0."""
    rng = np.random.default_rng([seed, 1])
    return [
        (rng.standard_normal((64, HIDDEN)) / 8).astype(np.float32),
        np.zeros(HIDDEN, np.float32),
        (rng.standard_normal((HIDDEN, 10)) / HIDDEN**0.5).astype(np.float32),
        np.zeros(10, np.float32),
    ]


@functools.lru_cache(maxsize=64)
def batches(examples: int, seed: int) -> NDArray[np.int64]:
    """Which examples each update uses, (300, up to 100): orders of all examples, end to end."""
    rng = np.random.default_rng([seed, 2])
    size = min(BATCH, examples)
    orders = [rng.permutation(examples) for _ in range(-(-UPDATES * size // examples))]
    return np.concatenate(orders)[: UPDATES * size].reshape(UPDATES, size)


class Regularization(Lab[Learning]):
    """Digits learned by heart: training size, weight decay, dropout and wrong labels.

    Left the cost of training and validation digits, right the accuracy, while a network 64-48-10
    is trained with SGD. Explained in chapter 16.
    """

    title = "Regularization: a network trained as you move the sliders"
    size = (8.4, 3.3)
    controls: ClassVar[dict[str, Control]] = {
        "examples": Stops("training examples n", (20, 50, 100, 200, 400, 800), 100),
        "lam": Stops("weight decay λ", (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0), 0.0),
        "dropout": Slider("dropout p", 0.0, 0.9, 0.0, step=0.05),
        "wrong": Stops("wrong labels", (0, 10, 20, 30, 40), 20, unit="%"),
        "seed": IntSlider("data and start", 0, 9, 1, unit="seed"),
    }

    def simulate(  # type: ignore[override]
        self, *, examples: int, lam: float, dropout: float, wrong: int, seed: int
    ) -> Iterator[Learning]:
        """Train; yields the curves so far every 96 updates, and at last the whole training."""
        data = digits(examples, wrong, seed)
        rows = batches(examples, seed)
        params = start(seed)
        measured = min(examples, MEASURED)
        X = np.concatenate([data.X[:measured], data.X_val])
        y = np.concatenate([data.y[:measured], data.y_val])
        targets = np.eye(10, dtype=np.float32)[data.y]
        rng = np.random.default_rng([seed, 3])
        found = [_measure(params, X, y, measured)]
        lost = False

        def so_far() -> Learning:
            curves = np.array(found, dtype=np.float32).T
            updates = EVERY * np.arange(len(found))
            return Learning(
                examples,
                lam,
                dropout,
                wrong,
                updates,
                training_cost=curves[0],
                training_accuracy=curves[1],
                cost=curves[2],
                accuracy=curves[3],
                lost=lost,
            )

        for done in range(1, UPDATES + 1):
            batch = rows[done - 1]
            kept = None
            if dropout:
                drawn = rng.random((len(batch), HIDDEN), dtype=np.float32)
                kept = (drawn >= dropout).astype(np.float32) / np.float32(1 - dropout)
            _update(params, data.X[batch], targets[batch], lam / examples, kept)
            if done % EVERY == 0:
                found.append(_measure(params, X, y, measured))
                if not all(value < LOST for value in found[-1]):  # NaN compares false
                    found[-1] = found[-2]  # what cannot be drawn is not drawn
                    lost = True
                    break
                if done % PER_RESULT == 0 and done < UPDATES:
                    yield so_far()
        yield so_far()

    def describe(self, result: Learning) -> str:
        """One sentence: the setting, both accuracies, and what the validation cost did."""
        wrong = f", {result.wrong}% of them with a wrong label" if result.wrong else ""
        setting = (
            f"With {result.examples} examples{wrong}, λ = {number(result.lam)} and "
            f"p = {number(result.dropout)}"
        )
        if result.lost:
            return (
                f"{setting} the training diverged after {result.updates[-2]} updates: "
                "the steps were too large for what dropout left."
            )
        lowest = result.lowest
        right, val_right = result.training_accuracy[-1], result.accuracy[-1]
        answers = (
            f"{setting} the network answers {right:.0%} of its examples as labelled and "
            f"{val_right:.0%} of new digits right"
        )
        end = f"{result.cost[-1]:.2f}"
        if right < 0.5:
            return f"{answers}; so much regularization forbids learning (validation cost {end})."
        if result.overfits:
            return (
                f"{answers}; it overfits: the validation cost was lowest "
                f"({result.cost[lowest]:.2f}) after {result.updates[lowest]} updates, where "
                f"{result.accuracy[lowest]:.0%} of new digits were right, and ends at {end}."
            )
        return f"{answers}; the validation cost, {end}, has not risen clearly above its lowest."

    def layout(self, figure: Figure) -> SimpleNamespace:
        """Left the two costs, right the two accuracies."""
        left = figure.add_axes((0.062, 0.135, 0.415, 0.755))
        right = figure.add_axes((0.563, 0.135, 0.415, 0.755))
        artists: dict[str, Any] = {}
        for ax, name in ((left, "cost"), (right, "accuracy")):
            ax.set_xlim(0, UPDATES)
            ax.set_xlabel("updates", labelpad=1)
            ax.set_ylabel("cross-entropy" if name == "cost" else "share answered right", labelpad=2)
            ax.grid(axis="y", color="#e4e4e4", linewidth=0.7)
            (stop,) = ax.plot([], [], color=GREY, linestyle=":", linewidth=2)
            (training,) = ax.plot([], [], color=BLUE, linewidth=2)
            (held_out,) = ax.plot([], [], color=ORANGE, linewidth=2, linestyle=(0, (5, 1.5)))
            artists |= {f"{name}_stop": stop, f"{name}_training": training, name: held_out}
        left.set_ylim(0, TOPS[0])
        right.set_ylim(0, 1.03)
        left.legend(
            [artists["cost_training"], artists["cost"], artists["cost_stop"]],
            ["training", "validation", "lowest validation cost"],
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            ncols=3,
            borderaxespad=0.1,
            handlelength=2.0,
            columnspacing=1.2,
        )
        artists["head"] = right.text(0.0, 1.03, "", transform=right.transAxes, fontsize=9.5)
        for artist in artists.values():
            moving(artist)
        return SimpleNamespace(left=left, right=right, **artists)

    def draw(self, result: Learning, axes: SimpleNamespace) -> None:
        """Move the curves; only a cost above the axis changes the axes."""
        top = TOPS[0] if max(result.cost.max(), result.training_cost.max()) <= TOPS[0] else TOPS[1]
        set_limits(axes.left, y=(0.0, top))
        stop = [int(result.updates[result.lowest])] * 2
        for name, training, held_out in (
            ("cost", result.training_cost, result.cost),
            ("accuracy", result.training_accuracy, result.accuracy),
        ):
            getattr(axes, f"{name}_training").set_data(result.updates, training)
            getattr(axes, name).set_data(result.updates, held_out)
            getattr(axes, f"{name}_stop").set_data(stop, [0, 10])
        axes.head.set_text(
            "diverged"
            if result.lost
            else f"at the end: training {result.training_accuracy[-1]:.0%}, "
            f"validation {result.accuracy[-1]:.0%}"
        )


def _update(
    params: list[Array], X: Array, targets: Array, decay: float, kept: Array | None
) -> None:
    """One step of SGD in place: weight decay, and against the gradient of the cross-entropy."""
    W1, b1, W2, b2 = params
    H = X @ W1  # (batch, hidden)
    H += b1
    np.maximum(H, 0, out=H)
    if kept is not None:
        H *= kept
    delta = H @ W2  # (batch, 10): logits, then softmax, then the error softmax − target
    delta += b2
    delta -= delta.max(axis=1, keepdims=True)
    np.exp(delta, out=delta)
    delta /= delta.sum(axis=1, keepdims=True)
    delta -= targets
    delta *= np.float32(LEARNING_RATE / len(X))
    below = delta @ W2.T  # through the old weights
    below *= H > 0
    if kept is not None:
        below *= kept
    shrink = np.float32(1 - LEARNING_RATE * decay)
    for W, A, error, b in ((W2, H, delta, b2), (W1, X, below, b1)):
        W *= shrink
        W -= A.T @ error
        b -= error.sum(axis=0)


def _measure(
    params: list[Array], X: Array, y: NDArray[np.int64], training: int
) -> tuple[float, float, float, float]:
    """Cost and accuracy of the first `training` rows, then of the others; without dropout."""
    W1, b1, W2, b2 = params
    H = X @ W1
    H += b1
    logits = np.maximum(H, 0, out=H) @ W2 + b2
    right = logits.argmax(axis=1) == y
    logits -= logits.max(axis=1, keepdims=True)
    costs = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(y)), y]
    parts = slice(None, training), slice(training, None)
    first, second = ((float(costs[part].mean()), float(right[part].mean())) for part in parts)
    return *first, *second
