"""Lab of chapter 08: a linear regression that is trained anew whenever a slider moves.

Training 300 mini-batches through autograd takes about 30 ms, too long while a slider is dragged.
Two things make it 0.5 ms. The loss is quadratic, so one batch enters only through its normal matrix
A = XᵀX/m and its vector c = Xᵀy/m, the bias being a column of ones in X; all batches of an epoch
are summed at once. And a step θ ← θ − η (A θ − c) with three parameters is fifteen multiplications:
plain Python floats beat the overhead of any array library.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from d2lhelpers.labs.base import Lab, number
from d2lhelpers.labs.controls import Control, IntSlider, LogSlider, Stops
from d2lhelpers.labs.stage import BLUE, GREEN, INK, ORANGE, moving, set_limits

Array = NDArray[np.float64]

EXAMPLES = 1000
TRUE_WEIGHTS = (2.0, -3.4)
TRUE_BIAS = 4.2
START_SPREAD = 0.01  # standard deviation of the first weights
LOST = 1e6  # a parameter beyond this has left for good
UPDATES_PER_RESULT = 2_000  # newer settings are noticed this often
DRAWN_POINTS = 1_500  # of a path or curve; more cannot be seen
LOSS_LEVELS = (0.1, 1.0, 3.0, 10.0, 30.0)
_CIRCLE = np.linspace(0, 2 * np.pi, 90)

# Left, right, bottom, top of the plane in which the path is shown: (w, b) and (w1, w2).
_PLANES = {1: (-2.0, 6.0, -1.5, 8.5), 2: (-2.5, 6.5, -8.0, 2.0)}


@dataclass(frozen=True)
class Data:
    """A regression problem and everything about it that no slider of the training changes.

    X: (n, 3), the features and a last column of ones; with one feature the middle column is zero.
    y: (n,), labels. theta: (3,), what the labels were made with. best: (3,), least squares.
    hessian: (3, 3), XᵀX/n. floor: the lowest training loss.
    terms: (n, 9), the products of which the normal matrices of batches are sums.
    """

    X: Array
    y: Array
    theta: Array
    best: Array
    hessian: Array
    floor: float
    terms: Array


@dataclass(frozen=True)
class Training:
    """One run of mini-batch gradient descent; the arrays are thinned to what can be drawn.

    seen: (k,), examples seen. theta: (k, 3), parameters (w1, w2, b) at that point. loss: (k,), mean
    of half the squared error over the whole training set. updates: done so far, of `planned`.
    error: largest distance of a parameter from the one that made the data. lost: whether the run
        was cut off.
    """

    data: Data
    features: int
    learning_rate: float
    batch_size: int
    epochs: int
    noise: float
    seen: Array
    theta: Array
    loss: Array
    updates: int
    planned: int
    error: float
    lost: bool

    @property
    def limit(self) -> float:
        """Learning rate above which even full-batch gradient descent diverges: 2/λ_max."""
        return 2 / float(np.linalg.eigvalsh(self.data.hessian)[-1])

    @property
    def noise_floor(self) -> float:
        """The loss that the noise leaves to the true parameters: σ²/2."""
        return self.noise**2 / 2


@functools.lru_cache(maxsize=64)
def regression_data(features: int, noise: float, seed: int) -> Data:
    """1,000 examples of y = X w + b + ε with standard normal features.

    Args:
        features: 1 or 2; the weights are 2 and −3.4, the bias 4.2.
        noise: standard deviation of ε, in units of y. The same seed gives the same draws at every
            noise.
        seed: of features and noise.
    """
    rng = np.random.default_rng([seed, 8])
    X = np.ones((EXAMPLES, 3))
    X[:, :2] = rng.standard_normal((EXAMPLES, 2))
    theta = np.array([*TRUE_WEIGHTS, TRUE_BIAS])
    if features == 1:
        X[:, 1] = 0.0
        theta[1] = 0.0
    y = X @ theta + noise * rng.standard_normal(EXAMPLES)
    best = np.linalg.lstsq(X, y)[0]  # the column of zeros gets weight zero: least norm
    rest = y - X @ best
    i, j = np.triu_indices(3)
    terms = np.hstack([X[:, i] * X[:, j], X * y[:, np.newaxis]])
    data = Data(X, y, theta, best, X.T @ X / EXAMPLES, float(rest @ rest) / (2 * EXAMPLES), terms)
    for array in (X, y, theta, best, data.hessian, terms):
        array.flags.writeable = False
    return data


def start_and_orders(
    features: int, epochs: int, seed: int
) -> tuple[list[float], NDArray[np.int64]]:
    """First parameters (w1, w2, b) and the order of the examples in each epoch, (epochs, n)."""
    rng = np.random.default_rng([seed, 9])
    first, second = (START_SPREAD * rng.standard_normal(2)).tolist()
    orders = np.stack([rng.permutation(EXAMPLES) for _ in range(epochs)])
    return [first, second if features == 2 else 0.0, 0.0], orders


class LearningRateAndBatchSize(Lab[Training]):
    """Linear regression trained by mini-batch gradient descent, with live sliders.

    Every epoch goes through the 1,000 examples in a new order; the gradient of a batch is divided
    by the number of examples really in it, also in a last, shorter batch. Explained in chapter 08.
    """

    title = "Learning rate and batch size: a linear regression, trained as you move the sliders"
    size = (8.4, 3.3)
    controls: ClassVar[dict[str, Control]] = {
        "learning_rate": LogSlider("learning rate η", 1e-4, 3.0, 0.03),
        "batch_size": Stops(
            "batch size", (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000), 10, unit="examples"
        ),
        "epochs": IntSlider("epochs", 1, 20, 3, unit="passes"),
        "noise": Stops(
            "noise σ", (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0), 0.01, unit="units of y"
        ),
        "features": IntSlider("features", 1, 2, 1, unit="columns of X"),
        "seed": IntSlider("data set", 0, 20, 0, unit="seed"),
    }

    def simulate(  # type: ignore[override]
        self,
        *,
        learning_rate: float,
        batch_size: int,
        epochs: int,
        noise: float,
        features: int,
        seed: int,
    ) -> Iterator[Training]:
        """Train; yields the run so far every 2,000 updates, and at last the whole run."""
        data = regression_data(features, noise, seed)
        (u, v, b), orders = start_and_orders(features, epochs, seed)
        starts = np.arange(0, EXAMPLES, batch_size)
        lengths = np.diff(starts, append=EXAMPLES)
        planned = epochs * len(starts)
        seen = np.concatenate(
            [[0.0], (np.arange(epochs)[:, np.newaxis] * EXAMPLES + starts + lengths).ravel()]
        )
        flat = [u, v, b]
        done = 0
        lost = False

        def so_far() -> Training:
            theta = np.array(flat).reshape(-1, 3)
            keep = np.unique(np.linspace(0, done, min(done + 1, DRAWN_POINTS)).round().astype(int))
            loss = _training_loss(data, theta[keep])
            error = float(np.abs(theta[-1] - data.theta).max())
            return Training(
                data,
                features,
                learning_rate,
                batch_size,
                epochs,
                noise,
                seen[keep],
                theta[keep],
                loss,
                done,
                planned,
                error,
                lost,
            )

        for order in orders:
            sums = np.add.reduceat(data.terms[order], starts, axis=0)
            for a, d, e, f, g, h, p, q, r in (sums / lengths[:, np.newaxis]).tolist():
                # A = [[a, d, e], [d, f, g], [e, g, h]] and c = (p, q, r) of this batch
                u, v, b = (
                    u - learning_rate * (a * u + d * v + e * b - p),
                    v - learning_rate * (d * u + f * v + g * b - q),
                    b - learning_rate * (e * u + g * v + h * b - r),
                )
                flat += (u, v, b)
                done += 1
                if not (abs(u) < LOST and abs(v) < LOST and abs(b) < LOST):  # NaN compares false
                    lost = True
                    break
                if done % UPDATES_PER_RESULT == 0 and done < planned:
                    yield so_far()
            if lost:
                break
        yield so_far()

    def describe(self, result: Training) -> str:
        """One sentence: loss against the noise floor, error, updates; or that it diverged."""
        updates = f"{result.updates:,} update{'s' if result.updates > 1 else ''}"
        rate, limit = number(result.learning_rate), number(result.limit)
        batch = f"batch size {result.batch_size}"
        if result.lost:
            why = (
                f"is above {limit}, the limit even for the full batch"
                if result.learning_rate > result.limit
                else f"is too large for {batch}, although the full batch would bear up to {limit}"
            )
            return (
                f"Diverged: after {updates} of {result.planned:,} a parameter passed {LOST:,.0f}; "
                f"learning rate {rate} {why}."
            )
        epochs = f"{result.epochs} epoch{'s' if result.epochs > 1 else ''}"
        if result.updates < result.planned:
            epochs = f"{number(result.seen[-1] / EXAMPLES)} of {epochs}"
        final = float(result.loss[-1])
        floor = result.noise_floor
        if final > 2 * float(result.loss[0]):
            verdict = "more than at the start, so it diverges"
        elif floor == 0:
            verdict = "there is no noise, so it can fall to zero"
        elif final <= 1.1 * floor:
            verdict = f"at the noise floor σ²/2 = {number(floor)}"
        else:
            verdict = f"{number(final / floor)} times the noise floor σ²/2 = {number(floor)}"
        return (
            f"Loss {number(final)} after {epochs} ({updates}), {verdict}; the parameters are off "
            f"by at most {number(result.error)}; learning rate {rate}, {batch}."
        )

    def layout(self, figure: Figure) -> SimpleNamespace:
        """Left the training curve, then the fit, right the path over the loss contours."""
        curve, fit, plane = (
            figure.add_axes((left, 0.155, 0.25, 0.745)) for left in (0.06, 0.395, 0.735)
        )
        curve.set_title("Training loss (log scale)")
        curve.set_yscale("log")
        curve.yaxis.set_major_locator(LogLocator(10, numticks=12))
        curve.yaxis.set_minor_locator(NullLocator())
        curve.xaxis.set_major_locator(MaxNLocator(4, integer=True, steps=[1, 2, 5, 10]))
        curve.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        curve.grid(axis="y", color="#e4e4e4", linewidth=0.7)
        curve.set_xlabel("examples seen", labelpad=1)
        (loss,) = curve.plot([], [], color=BLUE)
        floor = curve.axhline(1, color=GREEN, linewidth=1.4, linestyle=(0, (4, 2)))
        floor_text = curve.text(
            0.99,
            1,
            "noise floor σ²/2",
            color="#00664a",
            fontsize=8.5,
            ha="right",
            va="top",
            transform=curve.get_yaxis_transform(),
        )
        gone = curve.text(
            0.5,
            0.97,
            "",
            transform=curve.transAxes,
            ha="center",
            va="top",
            zorder=9,
            color="#8a3000",
            fontweight="bold",
        )

        (points,) = fit.plot(
            [],
            [],
            linestyle="none",
            marker="o",
            markersize=3.6,
            color=BLUE,
            alpha=0.25,
            markeredgewidth=0,
        )
        (truth,) = fit.plot([], [], color=GREEN, linewidth=1.4, linestyle=(0, (4, 2)), zorder=3)
        (line,) = fit.plot([], [], color=ORANGE, linewidth=2, zorder=4)

        far = fit.text(
            0.5, 0.5, "", transform=fit.transAxes, ha="center", color="#8a3000", zorder=9
        )
        far.set_bbox({"facecolor": "white", "edgecolor": "none", "alpha": 0.85})

        plane.set_title("Path over the loss contours")
        (contours,) = plane.plot([], [], color="#7f9fbf", linewidth=0.9)
        (path,) = plane.plot([], [], color=ORANGE, linewidth=1.1, zorder=3)
        (start,) = plane.plot(
            [],
            [],
            marker="o",
            color="white",
            markeredgecolor=INK,
            markersize=7,
            markeredgewidth=1.5,
            zorder=4,
        )
        (best,) = plane.plot(
            [], [], marker="x", color=INK, markersize=8, markeredgewidth=2, zorder=7
        )
        (end,) = plane.plot(
            [], [], marker="o", color=ORANGE, markeredgecolor=INK, markersize=7, zorder=6
        )
        left = plane.text(
            0.5,
            0.97,
            "",
            transform=plane.transAxes,
            ha="center",
            va="top",
            zorder=9,
            color="#8a3000",
            fontweight="bold",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85},
        )
        labels = [
            plane.text(
                0,
                0,
                f"{level:g}",
                fontsize=7.5,
                color="#4f6f8f",
                ha="center",
                va="center",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
                clip_on=True,
            )
            for level in LOSS_LEVELS
        ]
        artists = SimpleNamespace(
            loss=loss,
            floor=floor,
            floor_text=floor_text,
            gone=gone,
            points=points,
            truth=truth,
            line=line,
            contours=contours,
            path=path,
            start=start,
            best=best,
            end=end,
            left=left,
            far=far,
        )
        for artist in [*vars(artists).values(), *labels]:
            moving(artist)
        return SimpleNamespace(
            curve=curve,
            fit=fit,
            plane=plane,
            labels=labels,
            features=0,
            legend=None,
            **vars(artists),
        )

    def draw(self, result: Training, axes: SimpleNamespace) -> None:
        """Move curve, fit and path; only epochs, features and noise change the axes themselves."""
        if axes.features != result.features:
            _name_axes(axes, result.features)
        _draw_curve(axes, result)
        _draw_fit(axes, result)
        _draw_path(axes, result)


def _training_loss(data: Data, theta: Array) -> Array:
    """Loss over all examples; a sum of two positive terms keeps its digits near the floor."""
    off = theta - data.best
    return data.floor + 0.5 * np.einsum("ki,ij,kj->k", off, data.hessian, off)


def _name_axes(axes: SimpleNamespace, features: int) -> None:
    axes.features = features
    left, right, bottom, top = _PLANES[features]
    axes.plane.set_xlim(left, right)
    axes.plane.set_ylim(bottom, top)
    fit, plane = axes.fit, axes.plane
    if features == 1:
        fit.set_title("Data and fitted line")
        fit.set_xlabel("feature x", labelpad=1)
        fit.set_ylabel("label y", labelpad=0)
        fit.set_xlim(-3.5, 3.5)
        fit.set_ylim(-7, 14)
        plane.set_xlabel("weight w", labelpad=1)
        plane.set_ylabel("bias b", labelpad=0)
    else:
        fit.set_title("Predicted against true")
        fit.set_xlabel("label y", labelpad=1)
        fit.set_ylabel("prediction", labelpad=0)
        fit.set_xlim(-10, 18)
        fit.set_ylim(-10, 18)
        plane.set_xlabel("weight w$_1$", labelpad=1)
        plane.set_ylabel("weight w$_2$", labelpad=0)
    names = ("data", "truth", "fit") if features == 1 else ("examples", "perfect", None)
    handles = [axes.points, axes.truth, axes.line]
    shown = [(h, n) for h, n in zip(handles, names, strict=True) if n]
    fit.legend(*zip(*shown, strict=True), loc="upper left", handlelength=1.6, borderaxespad=0.1)


def _draw_curve(axes: SimpleNamespace, result: Training) -> None:
    floor = result.noise_floor
    low = 1e-6 if floor == 0 else min(1e-2, 10.0 ** np.floor(np.log10(floor / 5)))
    set_limits(axes.curve, x=(0.0, float(result.epochs * EXAMPLES)), y=(float(low), 1e3))
    axes.loss.set_data(result.seen, np.clip(result.loss, 1e-12, 1e9))
    axes.floor.set_visible(floor > 0)
    axes.floor_text.set_visible(floor > 0)
    if floor > 0:
        axes.floor.set_ydata([floor, floor])
        axes.floor_text.set_y(floor * 0.8)
    axes.gone.set_text("diverged" if result.lost else "")


def _draw_fit(axes: SimpleNamespace, result: Training) -> None:
    data, theta = result.data, result.theta[-1]
    if result.features == 1:
        ends = np.array([[-4.0, 0, 1], [4.0, 0, 1]])
        axes.points.set_data(data.X[:, 0], data.y)
        axes.far.set_text("")
        axes.truth.set_data(ends[:, 0], ends @ data.theta)
        axes.line.set_data(ends[:, 0], np.clip(ends @ theta, -1e4, 1e4))
    else:
        predicted = data.X @ theta
        axes.points.set_data(data.y, np.clip(predicted, -1e4, 1e4))
        far = float(np.median(np.abs(predicted))) > 100
        axes.far.set_text("predictions far outside" if far else "")
        axes.truth.set_data([-20, 30], [-20, 30])
        axes.line.set_data([], [])


def _draw_path(axes: SimpleNamespace, result: Training) -> None:
    shown = [0, 2] if result.features == 1 else [0, 1]
    path = np.clip(result.theta[:, shown], -1e4, 1e4)
    axes.path.set_data(path[:, 0], path[:, 1])
    axes.start.set_data(path[:1, 0], path[:1, 1])
    axes.end.set_data(path[-1:, 0], path[-1:, 1])
    left, right, bottom, top = _PLANES[result.features]
    inside = left <= path[-1, 0] <= right and bottom <= path[-1, 1] <= top
    axes.left.set_text("" if inside else "left the picture")
    best = result.data.best[shown]
    axes.best.set_data(best[:1], best[1:])
    # The contours of a quadratic loss are ellipses: the circle sent through H^(-1/2). With two
    # features they are those of the plane through the lowest point (b at its best value).
    values, vectors = np.linalg.eigh(result.data.hessian[np.ix_(shown, shown)])
    unit = (
        vectors @ ((vectors.T @ np.array([np.cos(_CIRCLE), np.sin(_CIRCLE)])).T / np.sqrt(values)).T
    )
    rings = [best[:, np.newaxis] + np.sqrt(2 * level) * unit for level in LOSS_LEVELS]
    gap = np.full((2, 1), np.nan)
    axes.contours.set_data(*np.hstack([part for ring in rings for part in (ring, gap)]))
    for label, ring in zip(axes.labels, rings, strict=True):
        room = (
            (ring[0] > left + 0.4) & (ring[0] < right - 0.4) & (ring[1] > bottom) & (ring[1] < top)
        )
        # On the right, where the path that starts at zero seldom passes.
        spot = np.argmax(np.where(room, ring[0] + 0.3 * ring[1], -np.inf))
        label.set_position(ring[:, spot])
        label.set_visible(bool(room.any()))
