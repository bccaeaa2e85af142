"""Lab of chapter 24: a classifier of digits in training, started, stopped and steered live.

The networks are small enough for a step of 0.3 to 2 ms on one core. Learning rate and batch size
are read anew at every step, as an optimizer of torch reads its `param_groups`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator
from numpy.typing import NDArray
from torch import nn

from d2lhelpers.data import load_digits
from d2lhelpers.labs.base import number
from d2lhelpers.labs.controls import Choice, Control, IntSlider, LogSlider, Stops
from d2lhelpers.labs.run import Run, RunLab
from d2lhelpers.labs.stage import BLUE, GREY, INK, ORANGE, moving, set_limits

Array = NDArray[np.float64]

MOMENTUM = 0.9
CONVOLUTIONAL, CONNECTED = "convolutional", "fully connected"
EPOCHS_PER_SECOND = 4.0  # in the live lab, at most: slow enough to follow a curve and to steer
CHECKS_PER_EPOCH = 2
LOST = 1e3  # a loss beyond this has left for good
CHANCE = math.log(10)  # the loss of a network that gives all ten digits the same probability
MEMORY = 0.25  # epochs that the smoothed loss looks back
LOSSES = (5e-4, 20.0)  # ends of the loss axis
DRAWN_POINTS = 500  # of a curve; more cannot be seen
MARKS = 8  # changes of learning rate or batch size that are written out


@dataclass(frozen=True)
class Digits:
    """The embedded digits: pixels from 0 to 1, (n, 1, 8, 8), and labels, (n,)."""

    X: torch.Tensor
    y: torch.Tensor
    X_val: torch.Tensor
    y_val: torch.Tensor


@dataclass(frozen=True)
class Curves:
    """A training, as far as it has come.

    epochs: planned. parameters: how many the network has. size: training examples.
    rates, batches: (k,), learning rate and batch size of each update. place: (k,), epochs seen
    after it. loss: (k,), of its batch, before the update.
    checked: (m,), the epochs at which the validation accuracy was measured, the first before
    all updates. accuracy: (m,).
    next_rate, next_batch: what the next update uses.
    lost: why the training ended early: "" (it did not), "large" (the loss left all bounds or was
    no number) or "dead" (no hidden unit answers any digit any more).
    before: the training before this one, for comparison.
    """

    network: str
    parameters: int
    size: int
    epochs: int
    rates: Array
    batches: NDArray[np.int64]
    place: Array
    loss: Array
    checked: Array
    accuracy: Array
    next_rate: float
    next_batch: int
    lost: str
    before: Curves | None = None

    @property
    def smooth(self) -> Array:
        """(k,), mean loss of up to a quarter of an epoch before."""
        if len(self.loss) == 0:
            return self.loss
        sums = np.concatenate([[0.0], np.cumsum(self.loss)])
        ends = np.arange(1, len(sums))
        begins = np.minimum(np.searchsorted(self.place, self.place - MEMORY + 1e-9), ends - 1)
        return (sums[ends] - sums[begins]) / (ends - begins)

    @property
    def changes(self) -> list[int]:
        """Updates that used another learning rate or batch size than the one before."""
        other = (np.diff(self.rates) != 0) | (np.diff(self.batches) != 0)
        return [int(k) + 1 for k in np.flatnonzero(other)]


@functools.lru_cache(maxsize=1)
def digits() -> Digits:
    """Training and validation digits; the test digits are nobody's business here."""
    data = load_digits()
    X, X_val = (
        split.images.reshape(-1, 1, 8, 8).float() / 255 for split in (data.train, data.validation)
    )
    return Digits(X, data.train.labels.long(), X_val, data.validation.labels.long())


def make_network(kind: str, seed: int) -> nn.Sequential:
    """Hidden layer with ReLU, 8 filters of 3×3 with pooling or 32 units, and a linear layer."""
    # nn.Module draws its first weights from torch's own generator, which is the reader's.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        if kind == CONVOLUTIONAL:
            hidden = [nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
            return nn.Sequential(*hidden, nn.Linear(8 * 4 * 4, 10))
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


class Training(Run[Curves]):
    """SGD with momentum on the cross-entropy, one batch a step, a new order every epoch."""

    def __init__(
        self, learning_rate: float, batch_size: int, epochs: int, network: str, seed: int
    ) -> None:
        self._data = digits()
        self._kind = network
        self._seed = seed
        self._generator = torch.Generator().manual_seed(seed)
        with one_thread():
            self._net = make_network(network, seed)
        self._params = list(self._net.parameters())
        self._velocities = [torch.zeros_like(param) for param in self._params]
        self._order = torch.empty(0, dtype=torch.int64)
        self._seen = 0  # examples
        self._lost = ""
        self._rates: list[float] = []
        self._batches: list[int] = []
        self._place: list[float] = []
        self._loss: list[float] = []
        self._checked: list[float] = []
        self._accuracy: list[float] = []
        self.steer(learning_rate=learning_rate, batch_size=batch_size, epochs=epochs)
        self._check()

    def steer(self, *, learning_rate: float, batch_size: int, epochs: int) -> None:  # type: ignore[override]
        """Other values from the next batch on."""
        self._rate, self._batch, self._epochs = learning_rate, batch_size, epochs

    @property
    def done(self) -> float:
        """Share of the planned epochs."""
        return min(1.0, self._seen / (self._epochs * len(self._data.X)))

    @property
    def over(self) -> bool:
        """Whether all epochs are done, or the training is lost."""
        return self._lost != "" or self.done >= 1

    @property
    def due(self) -> float:
        """At most four epochs a second."""
        return self._seen / len(self._data.X) / EPOCHS_PER_SECOND

    def step(self) -> None:
        """One update."""
        data, size = self._data, len(self._data.X)
        if self._seen % size == 0:
            self._order = torch.randperm(size, generator=self._generator)
        begin = self._seen % size
        rows = self._order[begin : begin + self._batch]
        with one_thread():
            loss = nn.functional.cross_entropy(self._net(data.X[rows]), data.y[rows])
            # As torch.optim.SGD does, which takes seconds to import what it does not need here.
            gradients = torch.autograd.grad(loss, self._params)
            with torch.no_grad():
                for param, velocity, gradient in zip(
                    self._params, self._velocities, gradients, strict=True
                ):
                    velocity.mul_(MOMENTUM).add_(gradient)
                    param.sub_(velocity, alpha=self._rate)
            self._seen += len(rows)
            self._rates.append(self._rate)
            self._batches.append(self._batch)
            self._place.append(self._seen / size)
            self._loss.append(loss.item())
            if not self._loss[-1] < LOST:  # NaN compares false
                self._lost = "large"
            checks = CHECKS_PER_EPOCH * self._seen // size
            if self._lost or checks > CHECKS_PER_EPOCH * (self._seen - len(rows)) // size:
                self._check()

    def result(self) -> Curves:
        """The curves so far."""
        return Curves(
            self._kind,
            sum(param.numel() for param in self._params),
            len(self._data.X),
            self._epochs,
            np.array(self._rates),
            np.array(self._batches, dtype=np.int64),
            np.array(self._place),
            np.array(self._loss),
            np.array(self._checked),
            np.array(self._accuracy),
            self._rate,
            self._batch,
            self._lost,
        )

    @torch.no_grad()
    def _check(self) -> None:
        """Accuracy on the validation digits, and whether any hidden unit is still alive."""
        hidden = self._net[:-1](self._data.X_val)
        answers = self._net[-1](hidden).argmax(1)
        self._checked.append(self._seen / len(self._data.X))
        self._accuracy.append(float((answers == self._data.y_val).double().mean()))
        if not self._lost and not hidden.any():
            self._lost = "dead"


@contextmanager
def one_thread() -> Iterator[None]:
    """Work on one core: as fast for so small layers, and the others stay free for the page."""
    threads = torch.get_num_threads()
    if threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class TrainAClassifier(RunLab[Curves]):
    """A network for 8×8 digits, trained while you watch: start, stop, continue, and steer.

    Learning rate, batch size and epochs count from the next update on, also while a training runs;
    the curve is marked there. Another network or another start begins a new training. The grey
    curves are those of the training before. Explained in chapter 24.
    """

    title = "Train a classifier: start it, and move the sliders while it learns"
    size = (8.4, 3.3)
    controls: ClassVar[dict[str, Control]] = {
        "learning_rate": LogSlider("learning rate η", 0.002, 2.0, 0.05, unit="at once"),
        "batch_size": Stops("batch size", (8, 16, 32, 64, 128, 256), 32, unit="next batch"),
        "epochs": IntSlider("epochs", 1, 60, 12, unit="passes"),
        "network": Choice("network", (CONVOLUTIONAL, CONNECTED), CONVOLUTIONAL, unit="restarts"),
        "seed": IntSlider("start", 0, 9, 0, unit="seed, restarts"),
    }
    steering = ("learning_rate", "batch_size", "epochs")

    def begin(  # type: ignore[override]
        self, *, learning_rate: float, batch_size: int, epochs: int, network: str, seed: int
    ) -> Training:
        """A network that has learned nothing yet."""
        return Training(learning_rate, batch_size, epochs, network, seed)

    def beside(self, result: Curves, before: Curves | None) -> Curves:
        """With the training before, in grey."""
        return replace(result, before=before)

    def describe(self, result: Curves) -> str:
        """One sentence: how far, loss, accuracy, settings; or why it ended early."""
        right = f"{result.accuracy[-1]:.1%}"
        net = f"{result.network} network with {result.parameters:,} parameters"
        updates = len(result.loss)
        if updates == 0:
            return (
                f"Not trained yet: the {net} guesses, and {right} of the validation digits are "
                f"right; Start gives it {result.epochs} epoch{'s' if result.epochs != 1 else ''} "
                f"with learning rate {number(result.next_rate)} and batch size "
                f"{result.next_batch}."
            )
        count = f"{updates:,} update{'s' if updates > 1 else ''}"
        rate, batch = number(float(result.rates[-1])), int(result.batches[-1])
        setting = f"learning rate {rate}, batch size {batch}"
        if result.changes:
            first = f"{number(float(result.rates[0]))} and {int(result.batches[0])}"
            setting = f"{setting} (at first {first})"
        if result.lost == "large":
            return (
                f"Diverged after {count}: the loss of a batch passed {LOST:,.0f} or was no number; "
                f"{setting}, {net}."
            )
        if result.lost == "dead":
            return (
                f"Diverged after {count}: the steps were so large that no ReLU answers any digit "
                f"any more, and without gradients none will come back ({right} right, as by "
                f"guessing); {setting}, {net}."
            )
        place = float(result.place[-1])
        if place >= result.epochs:
            after = f"{round(place)} epoch{'s' if round(place) != 1 else ''}"
        else:
            after = f"{place:.1f} of {result.epochs} epoch{'s' if result.epochs != 1 else ''}"
        smooth = float(result.smooth[-1])
        verdict = "" if smooth < CHANCE else f", no better than the {CHANCE:.2f} of guessing"
        return (
            f"After {after} ({count}) the training loss is {smooth:.3g}{verdict}, and "
            f"{right} of the validation digits are right; {setting}, {net}."
        )

    def layout(self, figure: Figure) -> SimpleNamespace:
        """Left the training loss, right the validation accuracy."""
        left = figure.add_axes((0.062, 0.135, 0.415, 0.755))
        right = figure.add_axes((0.563, 0.135, 0.415, 0.755))
        artists: dict[str, Any] = {}
        for ax in (left, right):
            ax.set_xlabel("epochs", labelpad=1)
            ax.xaxis.set_major_locator(MaxNLocator(7, integer=True))
            ax.grid(axis="y", color="#e4e4e4", linewidth=0.7)
            name = "loss" if ax is left else "accuracy"
            (marks,) = ax.plot([], [], color=INK, linewidth=1, linestyle=":")
            (before,) = ax.plot([], [], color=GREY, linewidth=1.4, alpha=0.7)
            artists |= {f"{name}_marks": marks, f"{name}_before": before}
        left.set_title("Training loss (log scale)")
        left.set_yscale("log")
        left.set_ylim(*LOSSES)
        left.yaxis.set_minor_locator(NullLocator())  # its ticks cost a fifth of a full redraw
        (artists["loss"],) = left.plot([], [], color=BLUE, linewidth=0.8, alpha=0.3)
        (artists["smooth"],) = left.plot([], [], color=BLUE, linewidth=2)
        left.axhline(CHANCE, color=GREY, linewidth=1, linestyle=(0, (4, 2)), zorder=0)
        left.text(
            0.99, CHANCE * 1.15, "guessing", color="#666666", fontsize=8, ha="right",
            transform=left.get_yaxis_transform(),
        )  # fmt: skip
        left.legend(
            [artists["loss"], artists["smooth"]],
            ["each batch", "smoothed"],
            loc="lower left",
            handlelength=1.6,
            borderaxespad=0.2,
        )
        right.set_title("Validation accuracy (300 digits)")
        right.set_ylim(0, 1.03)
        right.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        (artists["accuracy"],) = right.plot(
            [], [], color=ORANGE, linewidth=1.6, marker="o", markersize=3.5
        )
        right.legend(
            [artists["accuracy"], artists["accuracy_before"]],
            ["this training", "the one before"],
            loc="lower right",
            handlelength=1.8,
            borderaxespad=0.2,
        )
        artists["end"] = right.text(
            0.5, 0.5, "", transform=right.transAxes, ha="center", va="center", color="#8a3000",
            fontweight="bold",
        )  # fmt: skip
        for artist in artists.values():
            moving(artist)
        notes = [
            moving(
                left.text(
                    0,
                    LOSSES[1] * 0.85,
                    "",
                    fontsize=8,
                    va="top",
                    color=INK,
                    clip_on=True,
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85},
                )  # fmt: skip
            )
            for _ in range(MARKS)
        ]
        return SimpleNamespace(left=left, right=right, notes=notes, **artists)

    def draw(self, result: Curves, axes: SimpleNamespace) -> None:
        """Move the curves; only the number of epochs changes the axes."""
        end = max(float(result.epochs), *result.place[-1:], 1.0)
        if result.before is not None:
            end = max(end, *result.before.place[-1:])
        for ax in (axes.left, axes.right):
            set_limits(ax, x=(0.0, end))
        keep = thinned(len(result.loss))
        axes.loss.set_data(result.place[keep], drawable(result.loss[keep]))
        axes.smooth.set_data(result.place[keep], drawable(result.smooth[keep]))
        axes.accuracy.set_data(result.checked, result.accuracy)
        old = result.before
        if old is None:
            axes.loss_before.set_data([], [])
            axes.accuracy_before.set_data([], [])
        else:
            keep = thinned(len(old.loss))
            axes.loss_before.set_data(old.place[keep], drawable(old.smooth[keep]))
            axes.accuracy_before.set_data(old.checked, old.accuracy)
        words = {"": "", "large": "diverged: no number", "dead": "diverged: all ReLUs are dead"}
        axes.end.set_text(words[result.lost])
        marks = shown_marks(result, 0.02 * end)
        places = np.repeat([place for place, _ in marks], 3)
        for line, low, high in (
            (axes.loss_marks, *LOSSES),
            (axes.accuracy_marks, 0.0, 1.03),
        ):
            line.set_data(places, np.tile([low, high, np.nan], len(marks)))
        for i, note in enumerate(axes.notes):
            note.set_visible(i < len(marks))
            if i < len(marks):
                place, text = marks[i]
                late = place > 0.8 * end
                note.set_text(f"{text} " if late else f" {text}")
                # One below the other, so that neighbors do not cover each other.
                note.set_position((place, LOSSES[1] * 0.85 * 0.5 ** (i % 3)))
                note.set_horizontalalignment("right" if late else "left")


def thinned(count: int) -> NDArray[np.int64]:
    """Positions of at most 500 points, the first and the last among them."""
    places: NDArray[np.int64] = np.linspace(0, max(count - 1, 0), min(count, DRAWN_POINTS)).astype(
        np.int64
    )
    return np.unique(places)


def drawable(loss: Array) -> Array:
    """Within the axis; what is no number sticks to its top."""
    return np.clip(np.nan_to_num(loss, nan=LOSSES[1], posinf=LOSSES[1]), *LOSSES)


def shown_marks(result: Curves, near: float) -> list[tuple[float, str]]:
    """Where settings changed, and to what; a drag of the slider counts as one change."""
    changes = [float(result.place[k - 1]) for k in result.changes]
    kept = [
        k
        for k, (here, after) in zip(result.changes, pairwise([*changes, math.inf]), strict=True)
        if after - here > near
    ]
    marks = []
    rate, batch = result.rates[:1].tolist(), result.batches[:1].tolist()
    for k in kept:
        parts = []
        if [result.rates[k]] != rate:
            parts.append(f"η = {number(float(result.rates[k]))}")
        if [result.batches[k]] != batch:
            parts.append(f"batch {int(result.batches[k])}")
        rate, batch = [result.rates[k]], [result.batches[k]]
        if parts:
            marks.append((float(result.place[k - 1]), ", ".join(parts)))
    return marks[-MARKS:]
