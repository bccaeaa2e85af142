"""Lab of chapter 07: gradient descent on curves and surfaces, learning rate and momentum."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

from d2lhelpers.labs.base import Lab, number
from d2lhelpers.labs.controls import Choice, Control, IntSlider, LogSlider, Slider
from d2lhelpers.labs.stage import BLUE, GREEN, GREY, INK, ORANGE, moving, set_limits

Array = NDArray[np.float64]

X_RANGE = (-4.0, 4.0)
Y_RANGE = (-3.0, 3.0)  # of the second parameter, on surfaces that have one
LOST = 1e6  # beyond this the path has left for good
TOLERANCE = 1e-3  # loss above the minimum that counts as arrived
GAP_RANGE = (1e-8, 1e3)  # of the loss panel
RATE_RANGE = (1e-3, 10.0)


@dataclass(frozen=True)
class Surface:
    """A loss with known minimum value 0.

    Args:
        title: what stands above the picture.
        dimensions: 1 (x only) or 2 (x and y).
        loss: (x, y) to loss, on arrays as well.
        gradient: (x, y) to (df/dx, df/dy), on floats.
        curvatures: eigenvalues of the second derivative at the lowest point, ascending; () at a
            kink.
        quadratic: whether the curvature is the same everywhere, so that the limit holds everywhere.
        top: highest loss in the picture (1-D).
    """

    title: str
    dimensions: int
    loss: Callable[[Any, Any], Any]
    gradient: Callable[[float, float], tuple[float, float]]
    curvatures: tuple[float, ...]
    quadratic: bool
    minimum: tuple[float, float] = (0.0, 0.0)
    top: float = 9.0


# The valley lies askew: curvature 0.1 along the direction (cos 30°, sin 30°), 2 across.
_COS, _SIN = math.cos(math.pi / 6), math.sin(math.pi / 6)
_VALLEY_XX = 0.1 * _COS**2 + 2 * _SIN**2
_VALLEY_XY = (0.1 - 2) * _COS * _SIN
_VALLEY_YY = 0.1 * _SIN**2 + 2 * _COS**2

SURFACES: dict[str, Surface] = {
    "parabola (1-D)": Surface(
        "Parabola", 1, lambda x, y: 0.5 * x * x + 0 * y, lambda x, y: (x, 0.0), (1.0,), True
    ),
    "wavy curve (1-D)": Surface(
        "Wavy curve with local minima",
        1,
        lambda x, y: (x + 1) ** 2 / 8 + 0.4 * (1 - np.cos(3 * (x + 1))) + 0 * y,
        lambda x, y: ((x + 1) / 4 + 1.2 * math.sin(3 * (x + 1)), 0.0),
        (3.85,),
        False,
        (-1.0, 0.0),
        4.0,
    ),
    "kink, |x| (1-D)": Surface(
        "Absolute value: a kink",
        1,
        lambda x, y: abs(x) + 0 * y,
        lambda x, y: (float((x > 0) - (x < 0)), 0.0),
        (),
        False,
        top=4.5,
    ),
    "round bowl (2-D)": Surface(
        "Round bowl", 2, lambda x, y: 0.5 * (x * x + y * y), lambda x, y: (x, y), (1.0, 1.0), True
    ),
    "narrow valley (2-D)": Surface(
        "Narrow valley, condition number 20",
        2,
        lambda x, y: 0.5 * (_VALLEY_XX * x * x + 2 * _VALLEY_XY * x * y + _VALLEY_YY * y * y),
        lambda x, y: (_VALLEY_XX * x + _VALLEY_XY * y, _VALLEY_XY * x + _VALLEY_YY * y),
        (0.1, 2.0),
        True,
    ),
    "curved valley (2-D)": Surface(
        "Curved valley",
        2,
        lambda x, y: (x - 1) ** 2 / 4 + 2 * (y + 2 - x * x / 4) ** 2,
        lambda x, y: ((x - 1) / 2 - 2 * x * (y + 2 - x * x / 4), 4 * (y + 2 - x * x / 4)),
        # second derivatives at (1, -1.75): 1.5, -2, 4
        (2.75 - math.sqrt(1.25**2 + 4), 2.75 + math.sqrt(1.25**2 + 4)),
        False,
        (1.0, -1.75),
    ),
    "saddle (2-D)": Surface(
        "Saddle between two minima",
        2,
        lambda x, y: 0.5 * x * x - 0.5 * y * y + y * y * y * y / 8 + 0.5,
        lambda x, y: (x, -y + y * y * y / 2),
        (1.0, 2.0),
        False,
        (0.0, math.sqrt(2)),
    ),
}


@dataclass(frozen=True)
class Descent:
    """A path of gradient descent.

    path: (steps + 1, 2), the parameters (x, y) before each step and after the last; it ends early
        when lost.
    gap: (steps + 1,), loss above the minimum.
    limit: learning rate above which descent leaves the lowest point; None at a kink.
    outcome: "arrived", "diverged", "swings", "stuck" or "on its way".
    arrived_at: step from which the gap stays within `TOLERANCE`; None when it does not.
    """

    surface: str
    learning_rate: float
    momentum: float
    steps: int
    path: Array
    gap: Array
    limit: float | None
    outcome: str
    arrived_at: int | None

    @property
    def lost(self) -> bool:
        """Whether the path was cut off because it had left for good."""
        return len(self.path) <= self.steps


class LearningRate(Lab[Descent]):
    """Gradient descent with momentum: v ← m v − η ∇f, x ← x + v, on seven losses.

    Shows the path, the loss above the minimum after each step, and the learning rate against the
    limit of stability 2 (1 + m) / λ_max (Polyak, "Some methods of speeding up the convergence of
    iteration methods", 1964). Explained in chapter 07.
    """

    title = "Learning rate: gradient descent step by step"
    size = (8.4, 3.4)
    controls: ClassVar[dict[str, Control]] = {
        "surface": Choice("surface", tuple(SURFACES), "narrow valley (2-D)"),
        "learning_rate": LogSlider("learning rate η", *RATE_RANGE, 0.5),
        "momentum": Slider("momentum m", 0.0, 0.99, 0.0),
        "steps": IntSlider("number of steps", 1, 200, 40),
        "start_x": Slider("start x", *X_RANGE, -3.0, step=0.1),
        "start_y": Slider("start y", *Y_RANGE, 2.0, unit="2-D only", step=0.1),
    }

    def simulate(  # type: ignore[override]
        self,
        *,
        surface: str,
        learning_rate: float,
        momentum: float,
        steps: int,
        start_x: float,
        start_y: float,
    ) -> Descent:
        """The path of `steps` steps of gradient descent; ends early when it has left for good."""
        land = SURFACES[surface]
        x, y = start_x, start_y if land.dimensions == 2 else 0.0
        speed_x = speed_y = 0.0
        points = [(x, y)]
        for _ in range(steps):
            slope_x, slope_y = land.gradient(x, y)
            speed_x = momentum * speed_x - learning_rate * slope_x
            speed_y = momentum * speed_y - learning_rate * slope_y
            x, y = x + speed_x, y + speed_y
            points.append((x, y))
            if not (abs(x) < LOST and abs(y) < LOST):  # NaN compares false
                break
        path = np.array(points)
        gap = np.maximum(land.loss(path[:, 0], path[:, 1]), 0.0)
        limit = 2 * (1 + momentum) / land.curvatures[-1] if land.curvatures else None
        path.flags.writeable = gap.flags.writeable = False
        outcome, arrived_at = _outcome(land, path, gap, learning_rate, limit, steps)
        return Descent(
            surface, learning_rate, momentum, steps, path, gap, limit, outcome, arrived_at
        )

    def describe(self, result: Descent) -> str:
        """One sentence: arrived, swings, diverged, stuck or still on its way, and why."""
        rate, done = number(result.learning_rate), len(result.path) - 1
        steps = "1 step" if done == 1 else f"{done} steps"
        gap = number(result.gap[-1])
        limit = "" if result.limit is None else number(result.limit)
        quadratic = SURFACES[result.surface].quadratic
        where = "" if quadratic else " near the lowest point"
        above = result.limit is not None and result.learning_rate > result.limit
        if result.outcome == "arrived":
            if result.arrived_at == 0:
                text = "Starts at the minimum and stays there"
            else:
                text = (
                    f"Arrived: from step {result.arrived_at} of {result.steps} on, the loss is "
                    f"within {number(TOLERANCE)} of the minimum"
                )
        elif result.outcome == "diverged":
            text = f"Diverges: after {steps} the path has left the picture"
            if not _outside(result.path[-1]):
                text = f"Diverges: after {steps} the loss is higher than at the start and grows"
        elif result.outcome == "swings":
            text = f"Swings from side to side: after {steps} the loss is {gap} above the minimum"
        elif result.outcome == "stuck":
            text = (
                f"Stuck after {steps}: the slope is zero here, but the loss is "
                f"{gap} above the lowest point"
            )
        else:
            text = f"On its way: after {steps} the loss is {gap} above the minimum"
        text += f"; learning rate {rate}"
        if result.limit is None:
            return text + ", and at a kink the step never shrinks, whatever the learning rate."
        return text + f" is {'above' if above else 'within'} the stability limit {limit}{where}."

    def layout(self, figure: Figure) -> SimpleNamespace:
        """Left the path on the surface, right the loss after each step and the learning rate."""
        land = figure.add_axes((0.065, 0.145, 0.405, 0.765))
        loss = figure.add_axes((0.575, 0.475, 0.405, 0.435))
        rate = figure.add_axes((0.575, 0.145, 0.405, 0.075))

        loss.set_title("Loss above the minimum")
        loss.set_yscale("log")
        loss.set_ylim(GAP_RANGE)
        loss.set_yticks([1e-8, 1e-6, 1e-4, 1e-2, 1, 1e2])
        loss.yaxis.set_minor_locator(NullLocator())
        loss.grid(axis="y", color="#e4e4e4", linewidth=0.7)
        loss.set_xlabel("step", labelpad=1)
        loss.axhline(TOLERANCE, color=GREY, linewidth=1, linestyle=(0, (4, 3)))
        loss.text(
            0.995,
            TOLERANCE / 1.7,
            "arrived below this line",
            color="#666666",
            fontsize=8,
            ha="right",
            va="top",
            transform=loss.get_yaxis_transform(),
        )
        (curve,) = loss.plot([], [], color=BLUE, marker="o", markersize=2.5, linewidth=1.3)

        rate.set_xscale("log")
        rate.set_xlim(RATE_RANGE)
        rate.set_ylim(0, 1)
        rate.set_yticks([])
        rate.set_xticks([0.001, 0.01, 0.1, 1, 10], ["0.001", "0.01", "0.1", "1", "10"])
        rate.xaxis.set_minor_locator(NullLocator())
        rate.set_xlabel("learning rate η", labelpad=1)
        rate.spines["left"].set_visible(False)
        stable = Rectangle((RATE_RANGE[0], 0), 1, 1, color=GREEN, alpha=0.35, linewidth=0)
        unstable = Rectangle((1, 0), 1, 1, color=ORANGE, alpha=0.45, linewidth=0)
        rate.add_patch(moving(stable))
        rate.add_patch(moving(unstable))
        (needle,) = rate.plot(
            [],
            [],
            color=INK,
            marker="v",
            markersize=8,
            linewidth=2,
            clip_on=False,
            markevery=[1],
            zorder=5,
        )
        caption = rate.text(0, 1.45, "", transform=rate.transAxes, fontsize=9, va="bottom")
        return SimpleNamespace(
            land=land,
            loss=loss,
            surface=None,
            path=None,
            curve=moving(curve),
            stable=stable,
            unstable=unstable,
            needle=moving(needle),
            caption=moving(caption),
        )

    def draw(self, result: Descent, axes: SimpleNamespace) -> None:
        """Move the path, the loss curve and the needle; a new surface is drawn afresh."""
        if axes.surface != result.surface:
            _draw_surface(axes, result.surface)
        x, y = result.path[:, 0], result.path[:, 1]
        high = y if SURFACES[result.surface].dimensions == 2 else _loss_at(result)
        # Far outside, only the direction matters: numbers of any size must not reach the
        # rasterizer.
        x, high = np.clip(x, -1e3, 1e3), np.clip(high, -1e3, 1e3)
        axes.path.set_data(x, high)
        axes.start.set_data(x[:1], high[:1])
        axes.end.set_data(x[-1:], high[-1:])
        gone = _outside(result.path[-1])
        axes.gone.set_text("the path has left the picture" if gone else "")

        # A gap of 0 has no place on a log axis: it is shown at the floor.
        axes.curve.set_data(np.arange(len(result.gap)), np.clip(result.gap, 1e-9, 1e6))
        set_limits(axes.loss, x=(-0.02 * result.steps, 1.02 * result.steps))
        axes.needle.set_data([result.learning_rate] * 2, [0, 1.15])
        _draw_limit(axes, result)


def _outcome(
    land: Surface, path: Array, gap: Array, rate: float, limit: float | None, steps: int
) -> tuple[str, int | None]:
    outside = np.flatnonzero(~(gap <= TOLERANCE))
    arrived_at = 0 if len(outside) == 0 else int(outside[-1]) + 1
    unstable = land.quadratic and limit is not None and rate > limit
    if len(path) <= steps or not np.isfinite(gap[-1]):
        return "diverged", None
    if arrived_at < len(gap) and not (unstable and gap[-1] > 0 and gap[-1] > gap[0]):
        return "arrived", arrived_at
    if gap[-1] > gap[0] and (unstable or _outside(path[-1])):
        return "diverged", None
    if math.hypot(*land.gradient(*path[-1].tolist())) < 1e-3:
        return "stuck", None
    moves = np.diff(path[-12:], axis=0)
    turns = (moves[1:] * moves[:-1]).sum(axis=1) < 0
    if len(turns) > 1 and turns.mean() > 0.5:
        return "swings", None
    return "on its way", None


def _outside(point: Array) -> bool:
    x, y = point
    return not (X_RANGE[0] <= x <= X_RANGE[1] and Y_RANGE[0] <= y <= Y_RANGE[1])


def _loss_at(result: Descent) -> Array:
    return np.asarray(SURFACES[result.surface].loss(result.path[:, 0], result.path[:, 1]))


def _draw_surface(axes: SimpleNamespace, name: str) -> None:
    surface, land = SURFACES[name], axes.land
    land.clear()
    axes.surface = name
    land.set_title(surface.title)
    land.set_xlim(X_RANGE)
    land.set_xlabel("parameter x", labelpad=1)
    if surface.dimensions == 1:
        x = np.linspace(*X_RANGE, 400)
        land.set_ylim(-0.06 * surface.top, surface.top)
        land.set_ylabel("loss f(x)", labelpad=2)
        land.plot(x, surface.loss(x, 0.0), color=GREY, linewidth=1.5)
        land.plot(surface.minimum[0], 0, marker="x", color=INK, markersize=8, markeredgewidth=2)
    else:
        x, y = np.linspace(*X_RANGE, 121), np.linspace(*Y_RANGE, 91)
        loss = surface.loss(x[np.newaxis, :], y[:, np.newaxis])
        levels = np.geomspace(0.02, float(loss.max()), 11)
        # Fills and lines share their levels; the lowest fill starts at the minimum.
        fills = np.linspace(0.75, 0.03, len(levels))
        colors = [(*to_rgb(BLUE), float(fill)) for fill in fills * 0.6]
        land.contourf(x, y, loss, [0.0, *levels], colors=colors)
        land.contour(x, y, loss, levels, colors="#5f7f9f", linewidths=0.6)
        land.set_ylim(Y_RANGE)
        land.set_ylabel("parameter y", labelpad=0)
        land.plot(*surface.minimum, marker="x", color=INK, markersize=8, markeredgewidth=2)
    (path,) = land.plot([], [], color=ORANGE, marker="o", markersize=3.2, linewidth=1.2, zorder=4)
    (start,) = land.plot(
        [],
        [],
        marker="o",
        color="white",
        markeredgecolor=INK,
        markersize=8,
        markeredgewidth=1.6,
        zorder=5,
    )
    (end,) = land.plot(
        [], [], marker="o", color=ORANGE, markeredgecolor=INK, markersize=8, zorder=6
    )
    gone = land.text(
        0.5,
        0.965,
        "",
        transform=land.transAxes,
        ha="center",
        va="top",
        color="#8a3000",
        fontweight="bold",
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85},
        zorder=7,
    )
    axes.path, axes.start, axes.end, axes.gone = (moving(a) for a in (path, start, end, gone))


def _draw_limit(axes: SimpleNamespace, result: Descent) -> None:
    low, high = RATE_RANGE
    limit = result.limit
    shown = limit is not None
    axes.stable.set_visible(shown)
    axes.unstable.set_visible(shown)
    if limit is None:
        axes.caption.set_text("no limit of stability at a kink")
        return
    edge = min(max(limit, low), high)
    axes.stable.set_width(edge - low)
    axes.unstable.set_x(edge)
    axes.unstable.set_width(high - edge)
    near = "" if SURFACES[result.surface].quadratic else " near ×"
    m = "(1 + m)" if result.momentum else ""
    axes.caption.set_text(f"stable{near} below 2{m}/λ$_{{max}}$ = {number(limit)}")
