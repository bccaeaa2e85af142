"""Curves that grow while a model trains: `Animator` (chapter 00).

One figure is kept for the whole run. Axes, ticks and names are drawn only when they change; a new
point costs the lines over that background, one PNG and one message that replaces the picture in
place.
"""

from __future__ import annotations

import operator
import sys
import textwrap
import time
from collections.abc import Sequence
from io import BytesIO
from math import floor, isfinite, log10
from types import TracebackType
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .figures import PIXELS_PER_INCH, check_alt, figure_bundle, has_window
from .plotting import (
    DEFAULT_FMTS,
    curve_names,
    line_formats,
    mark_lone_points,
    notebook_shell,
    pair,
    real_array,
    set_axes,
    set_figsize,
)

SECONDS_BETWEEN_PICTURES = 0.05  # 20 a second: more the eye does not follow
LARGEST_SHARE = 0.25  # of the time that drawing may take from the training, on slow machines too
HEADROOM = 0.4  # of the span, left free when live axes grow, so that they grow seldom
MARGIN = 0.05  # of the span, around the data
LIVE_SHARPNESS = 1.5  # pixels of the live picture per pixel of the page
LARGEST_SVG = 200_000  # characters; a final picture beyond that is stored as PNG


class Animator:
    """Live curves of a training run; one picture, updated in place.

    In a notebook the picture appears below the cell at the first `add`, follows at most 20 times a
    second, and is made final (complete, as SVG, with alternative text) when the cell ends, by an
    error or an interruption too. Points added in a later cell show all curves again, there. In a
    script with a window the window follows; `close` brings the last points. Elsewhere nothing is
    drawn; `fig` and `axes` are always up to date.

    Points that are not finite, or not positive on a logarithmic axis, leave a gap and a note above
    the axes.

    Args:
        xlabel, ylabel, xlim, ylim, xscale, yscale, legend: As in `set_axes`; without limits the
            axes follow the data. With several axes each holds for all of them, or is a list with
            one entry for each.
        fmts: As in `plot`: repeated as needed; the default stands for the book's color-blind-safe
            cycle.
        nrows, ncols: Rows and columns of axes.
        figsize: Width and height in inches.

    Raises:
        TypeError, ValueError: An argument does not fit; the message says what came and what was
            wanted.
    """

    def __init__(
        self,
        xlabel: Any = None,
        ylabel: Any = None,
        legend: Any = None,
        xlim: Any = None,
        ylim: Any = None,
        xscale: Any = "linear",
        yscale: Any = "linear",
        fmts: Sequence[str] = DEFAULT_FMTS,
        nrows: int = 1,
        ncols: int = 1,
        figsize: Sequence[float] = (3.5, 2.5),
    ) -> None:
        for name, number in (("nrows", nrows), ("ncols", ncols)):
            if isinstance(number, bool) or not isinstance(number, int):
                raise TypeError(f"Animator: {name} must be an int, got {type(number).__name__}")
            if number < 1:
                raise ValueError(f"Animator: {name} must be at least 1, got {number}")
        count = nrows * ncols
        settings = {
            "xlabel": _one_each(xlabel, count, "xlabel"),
            "ylabel": _one_each(ylabel, count, "ylabel"),
            "xlim": _one_each(xlim, count, "xlim"),
            "ylim": _one_each(ylim, count, "ylim"),
            "xscale": _one_each(xscale, count, "xscale"),
            "yscale": _one_each(yscale, count, "yscale"),
            "legend": _one_each(legend, count, "legend"),
        }
        for name in ("xlim", "ylim"):
            settings[name] = [pair(limits, name) for limits in settings[name]]
        names = [curve_names(entry) for entry in settings.pop("legend")]
        line_formats(fmts)  # complains at once, not at the first point
        self.fmts = fmts
        set_figsize(figsize)
        self._in_notebook = notebook_shell() is not None
        # In a notebook pyplot must not know the figure: the inline backend would show it once more.
        if self._in_notebook:
            self._fig = Figure(dpi=LIVE_SHARPNESS * PIXELS_PER_INCH, layout="constrained")
            FigureCanvasAgg(self._fig)
        else:
            self._fig = plt.figure(layout="constrained")
        self._in_window = not self._in_notebook and has_window(self._fig)
        if not self._in_window:
            plt.close(self._fig)  # else a script that makes many would keep them all
        all_axes = self._fig.subplots(nrows, ncols, squeeze=False).ravel()
        self._panels = []
        for i, axes in enumerate(all_axes):
            own = {name: values[i] for name, values in settings.items()}
            set_axes(axes, legend=None, **own)
            room = int(
                12 * self._fig.get_figwidth() / ncols
            )  # letters of a note that fit in one line
            self._panels.append(_Panel(axes, names[i], fmts, room, animated=self._in_notebook))
        self._alt: str | None = None
        self._background: Any = None
        self._display: Any = None
        self._pending = False
        self._next_picture = 0.0

    @property
    def fig(self) -> Figure:
        """The figure, with all points."""
        self._update_lines()
        self._background = None  # the caller may change or save the figure
        return self._fig

    @property
    def axes(self) -> list[Axes]:
        """All axes, row by row, with all points."""
        self._update_lines()
        return [panel.axes for panel in self._panels]

    @property
    def X(self) -> list[list[float]]:
        """Horizontal positions of the points so far, curve by curve."""
        return [[x for x, _ in points] for panel in self._panels for points in panel.points]

    @property
    def Y(self) -> list[list[float]]:
        """Heights of the points so far, curve by curve."""
        return [[y for _, y in points] for panel in self._panels for points in panel.points]

    @property
    def alt(self) -> str:
        """The alternative text: the last values, rounded to three digits, or the sentence set here.

        Set your own where a run on another machine may end with other digits.
        """
        if self._alt is not None:
            return self._alt
        ends = [end for panel in self._panels for end in panel.last_values()]
        if not ends:
            return "Live curves: no points yet"
        places = {place for _, place in ends}
        if len(places) == 1:
            text = ", ".join(value for value, _ in ends) + f" {ends[0][1]}"
        else:
            text = ", ".join(f"{value} {place}" for value, place in ends)
        notes = [note for panel in self._panels for note in panel.notes()]
        return "; ".join([f"Live curves: {text}", *notes])

    @alt.setter
    def alt(self, text: str) -> None:
        check_alt(text)
        self._alt = text
        self._pending = self._pending or self._display is not None

    def add(self, x: Any, y: Any, axes: int = 0) -> None:
        """Add one point to each curve.

        Args:
            x: Position of the points, or one position per curve.
            y: Heights, one per curve, or a number if there is one curve. None, in `x` or `y`,
                leaves that curve out. Numbers may be tensors of one element; their value is read
                at once.
            axes: Which axes, counted row by row from 0.

        Raises:
            TypeError: Something is not a real number, or `axes` is not an int.
            ValueError: The number of values is not the number of curves, or there are none.
            IndexError: There are no such axes.
        """
        try:
            axes = operator.index(axes)  # NumPy's integers too
        except TypeError:
            raise TypeError(f"Animator.add: axes must be an int, got {axes!r}") from None
        if not 0 <= axes < len(self._panels):
            raise IndexError(
                f"Animator.add: axes must be between 0 and {len(self._panels) - 1}, got {axes}"
            )
        heights = _numbers(y, "y")
        if not heights:
            raise ValueError("Animator.add: y is empty; wanted one number per curve")
        positions = _numbers(x, "x")
        if not _has_length(x):
            positions = positions * len(heights)
        if len(positions) != len(heights):
            raise ValueError(
                f"Animator.add: x has {len(positions)} values, y has {len(heights)}; wanted as many"
            )
        self._panels[axes].add(positions, heights)
        self._pending = True
        if (self._in_notebook or self._in_window) and time.perf_counter() >= self._next_picture:
            started = time.perf_counter()
            self._show()
            ended = time.perf_counter()
            pause = max(
                SECONDS_BETWEEN_PICTURES - (ended - started), (ended - started) / LARGEST_SHARE
            )
            self._next_picture = ended + pause

    def close(self) -> None:
        """Show the final picture now. In a notebook, later points make a new picture."""
        if self._in_notebook:
            self._finish()
        elif self._in_window and self._pending:
            self._show()

    def __enter__(self) -> Animator:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return self.alt

    def _show(self) -> None:
        """Bring the picture up to date, live."""
        if self._in_window:
            self._update_lines()
            self._fig.canvas.draw_idle()
            if self._display is None:
                self._fig.show()
                self._display = True
            self._fig.canvas.flush_events()
        else:
            self._publish(*self._live_bundle())
        self._pending = False

    def _publish(self, data: dict[str, Any], metadata: dict[str, Any]) -> None:
        from IPython.display import display

        if self._display is None:
            self._display = display(data, metadata=metadata, raw=True, display_id=True)
            # At the end of every cell, failed and interrupted ones included.
            notebook_shell().events.register("post_execute", self._finish)
        else:
            self._display.update(data, metadata=metadata, raw=True)

    def _finish(self) -> None:
        """Replace the live picture by the final one, and leave the cell."""
        if not self._pending and self._display is None:
            return
        try:
            self._update_lines()
            data, metadata = figure_bundle(self._fig, self.alt, "svg", tight=False)
            if len(data["image/svg+xml"]) > LARGEST_SVG:
                data, metadata = figure_bundle(self._fig, self.alt, "png", tight=False)
            self._publish(data, metadata)
        finally:
            if self._display is not None:
                notebook_shell().events.unregister("post_execute", self._finish)
            self._display = None
            self._background = None
            self._pending = False
            self._next_picture = 0.0

    def _update_lines(self) -> None:
        for panel in self._panels:
            panel.update_lines()
            panel.follow_data(keep=False)

    def _live_bundle(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Draw the lines over the kept background; return PNG and text."""
        from PIL import Image

        figure = self._fig
        canvas = figure.canvas
        assert isinstance(canvas, FigureCanvasAgg)
        for panel in self._panels:
            panel.update_lines()
            panel.follow_data(keep=self._background is not None)
        # A figure is stale after any change of what it shows, except of its animated artists, our
        # lines.
        if self._background is None or figure.stale:
            self._background = (
                None  # an interruption in the middle must not leave half a background
            )
            canvas.draw()
            legends = [panel.axes.get_legend() for panel in self._panels]
            boxes = [legend.get_window_extent() for legend in legends if legend is not None]
            self._background = (
                canvas.copy_from_bbox(figure.bbox),
                [canvas.copy_from_bbox(box) for box in boxes],
            )
        picture, names = self._background
        canvas.restore_region(picture)
        for panel in self._panels:
            for line in panel.lines:
                panel.axes.draw_artist(line)
        for region in names:  # above the lines, without drawing text again
            canvas.restore_region(region)
        buffer = BytesIO()
        Image.fromarray(np.asarray(canvas.buffer_rgba())).save(buffer, "png", compress_level=1)
        text = self.alt
        width, height = (round(PIXELS_PER_INCH * side) for side in figure.get_size_inches())
        data = {"image/png": buffer.getvalue(), "text/plain": text}
        return data, {"image/png": {"alt": text, "width": width, "height": height}}


class _Panel:
    """One pair of axes and its curves."""

    def __init__(
        self, axes: Axes, names: list[str], fmts: Sequence[str], room: int, *, animated: bool
    ) -> None:
        self.axes = axes
        self.names = names
        self.points: list[list[tuple[float, float]]] = []
        self.lines: list[Line2D] = []
        self._formats = line_formats(fmts)
        self._room = room
        self._animated = animated
        self._written = ""

    def add(self, xs: list[float | None], ys: list[float | None]) -> None:
        if not self.points:
            if len(self.names) > len(ys):
                raise ValueError(
                    f"Animator.add: legend has {len(self.names)} names, but y has {len(ys)} values"
                    "; wanted one for each"
                )
            for _ in ys:
                fmt, options = next(self._formats)
                (line,) = self.axes.plot([], [], fmt, animated=self._animated, **options)
                self.lines.append(line)
            self.points = [[] for _ in ys]
            if self.names:
                self.axes.legend(self.lines[: len(self.names)], self.names)
        if len(ys) != len(self.points):
            raise ValueError(
                f"Animator.add: y has {len(ys)} values, but there are {len(self.points)} curves"
            )
        for points, x, y in zip(self.points, xs, ys, strict=True):
            if x is not None and y is not None:
                points.append((x, y))  # as a pair: an interruption cannot part them

    def update_lines(self) -> None:
        """Give the lines and the note above the axes the points that were added."""
        for line, points in zip(self.lines, self.points, strict=True):
            if points:
                data = np.array(points)
                data[~self._drawable(data).all(axis=1)] = np.nan
                line.set_data(data[:, 0], data[:, 1])
                mark_lone_points(line)
        note = "\n".join(row for text in self.notes() for row in textwrap.wrap(text, self._room))
        if (
            note != self._written
        ):  # compared, since even setting the same text makes the figure stale
            self.axes.set_title(note, loc="left", fontsize="small", color="#A33F00")
            self._written = note

    def follow_data(self, *, keep: bool) -> None:
        """Set the limits that the caller left free.

        Args:
            keep: Leave sides alone that hold all data, and give the others headroom.
        """
        self.axes.relim()
        bounds = self.axes.dataLim
        for i, axis in enumerate((self.axes.xaxis, self.axes.yaxis)):
            name = "xy"[i]
            if not getattr(self.axes, f"get_autoscale{name}_on")():
                continue
            interval = getattr(bounds, f"interval{name}")
            if axis.get_scale() == "log":
                interval = np.maximum(interval, (bounds.minposx, bounds.minposy)[i])
            transform = axis.get_transform()  # so that a part of a logarithmic axis is a factor
            low, high = np.asarray(transform.transform(interval))
            if not (isfinite(low) and isfinite(high)):
                continue  # no data yet
            old_low, old_high = np.sort(transform.transform(axis.get_view_interval()))
            keep_low, keep_high = keep and old_low <= low, keep and high <= old_high
            if keep_low and keep_high:
                continue
            spread = (high - low) or abs(low)
            if spread < sys.float_info.min:  # 0, or so small that a part of it would be 0
                spread = 1.0
            free = (HEADROOM if keep else MARGIN) * spread
            limits = (old_low if keep_low else low - free, old_high if keep_high else high + free)
            getattr(self.axes, f"set_{name}lim")(*transform.inverted().transform(limits), auto=True)

    def notes(self) -> list[str]:
        """Say which points cannot be drawn."""
        texts = []
        for i, points in enumerate(self.points):
            if not points:
                continue
            data = np.array(points)
            finite = np.isfinite(data).all(axis=1)
            drawable = self._drawable(data).all(axis=1)
            for bad, what in (
                (~finite, "not finite"),
                (finite & ~drawable, "≤ 0, off the log axis,"),
            ):
                if bad.any():
                    first = data[bad][0, 0]
                    start = f"{self._x_name} {_short(first)}" if isfinite(first) else "there"
                    many = "" if bad.sum() == 1 else f"{bad.sum()} points from "
                    texts.append(f"{self._name(i)} {what} at {many}{start}")
        return texts

    def last_values(self) -> list[tuple[str, str]]:
        """Return each curve's last value and its place in words: ("loss 0.31", "at epoch 5")."""
        ends = []
        for i, points in enumerate(self.points):
            if points:
                x, y = points[-1]
                ends.append((f"{self._name(i)} {_rounded(y)}", f"at {self._x_name} {_short(x)}"))
        return ends

    @property
    def _x_name(self) -> str:
        return self.axes.get_xlabel() or "x"

    def _name(self, i: int) -> str:
        return self.names[i] if i < len(self.names) else f"curve {i + 1}"

    def _drawable(self, data: np.ndarray) -> np.ndarray:
        """Tell of every coordinate, shape (n, 2), whether its axis has a place for it."""
        drawable = np.isfinite(data)
        for column, scale in enumerate((self.axes.get_xscale(), self.axes.get_yscale())):
            if scale == "log":
                drawable[:, column] &= data[:, column] > 0
        return drawable


def _has_length(value: Any) -> bool:
    return (
        hasattr(value, "__len__") and getattr(value, "ndim", 1) != 0 and not isinstance(value, str)
    )


def _numbers(value: Any, name: str) -> list[float | None]:
    """Return one number, or several in one dimension, as a list of floats; None stays None."""
    items = value if _has_length(value) else [value]
    if isinstance(items, list | tuple):
        # Read now: a kept tensor would keep the graph it came from, and its memory.
        items = [item.item() if _size(item) == 1 else item for item in items]
    array = real_array(items, f"Animator.add: {name}")
    if array.ndim != 1:
        raise ValueError(
            f"Animator.add: {name}: wanted one number per curve, got shape {array.shape}"
        )
    if array.dtype.kind not in "biuf":
        raise TypeError(f"Animator.add: {name}: wanted real numbers, got type {array.dtype}")
    numbers = array.astype(float).tolist()
    if not isinstance(items, list):
        return numbers
    return [None if item is None else number for item, number in zip(items, numbers, strict=True)]


def _size(item: Any) -> int | None:
    """Return the number of elements of an array or tensor, None for anything else."""
    if hasattr(item, "numel"):
        return item.numel()
    return getattr(item, "size", None) if hasattr(item, "item") else None


def _one_each(value: Any, count: int, name: str) -> list[Any]:
    """Spread a setting over the axes: one value for all, or already one per axes."""
    single = value is None or count == 1 or not _has_length(value)
    if not single:
        first = next((item for item in value if item is not None), None)
        # One legend is a list of strings, one pair of limits two numbers; one label or scale is a
        # string.
        single = (
            isinstance(first, str)
            if name == "legend"
            else not (_has_length(first) or isinstance(first, str))
        )
    if single:
        return [value] * count
    if len(value) != count:
        raise ValueError(
            f"Animator: {name} has {len(value)} entries for {count} axes; wanted one for each"
        )
    return list(value)


def _rounded(value: float) -> str:
    """Write a value with three significant digits, also when they are zeros.

    Another machine may round the last digit the other way. With three digits, always behind a
    decimal point, that is a small step, which the comparison of stored outputs lets pass.
    """
    if not isfinite(value):
        return "not finite"
    if value == 0:
        return "0.00"
    if not 1e-3 <= abs(value) < 1e5:
        return f"{value:.2e}"
    return f"{value:.{max(1, 2 - floor(log10(abs(value))))}f}"


def _short(value: float) -> str:
    """Write a number with at most four significant digits; whole ones in full."""
    if isfinite(value) and value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.4g}"
