"""Curves in the book's style: `plot` and the small functions around it (chapter 00).

The style is the file `book.mplstyle` beside this module. Importing changes nothing: the first call
of `use_svg_display`, `set_figsize`, `plot` or `Animator` loads it, through `apply_style`.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

STYLE_FILE = Path(__file__).with_name("book.mplstyle")
HASH_SALT = "d2lhelpers"  # the value of svg.hashsalt in the style file

DEFAULT_FMTS = ("-", "m--", "g-.", "r:")
LINE_STYLES = ("-", "--", "-.", ":")


def apply_style() -> None:
    """Load the book's Matplotlib style into `matplotlib.rcParams`, unless it is loaded already.

    Settings changed by hand since Matplotlib was imported stay as they are, and so do later
    changes.
    """
    # The salt itself tells whether the style is there: unlike a flag, it is also undone by
    # `rc_context` and `rcdefaults`.
    if mpl.rcParams["svg.hashsalt"] == HASH_SALT:
        return
    style = mpl.rc_params_from_file(STYLE_FILE, use_default_template=False)
    untouched = {k: v for k, v in style.items() if mpl.rcParams[k] == mpl.rcParamsOrig[k]}
    mpl.rcParams.update(untouched)
    mpl.rcParams["svg.hashsalt"] = HASH_SALT


def notebook_shell() -> Any:
    """Return IPython's shell when a Jupyter kernel runs this code, else None."""
    ipython = sys.modules.get("IPython")  # a kernel has always imported it; a script should not
    shell = ipython.get_ipython() if ipython is not None else None
    return shell if getattr(shell, "kernel", None) is not None else None


def use_svg_display() -> None:
    """Let the inline backend of Jupyter show figures as SVG, in the book's style.

    Outside a notebook only the style is loaded.
    """
    apply_style()
    if notebook_shell() is not None:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("svg", metadata={"Date": None})


def set_figsize(figsize: Sequence[float] = (3.5, 2.5)) -> None:
    """Set the default size of new figures.

    Args:
        figsize: Width and height in inches.

    Raises:
        ValueError: `figsize` is not a pair of positive finite numbers.
    """
    size = pair(figsize, "figsize")
    if size is None or not all(0 < side < float("inf") for side in size):
        raise ValueError(
            f"figsize: wanted (width, height) in inches, both positive, got {figsize!r}"
        )
    use_svg_display()
    mpl.rcParams["figure.figsize"] = list(size)


def set_axes(
    axes: Axes,
    xlabel: str | None,
    ylabel: str | None,
    xlim: Sequence[float] | None,
    ylim: Sequence[float] | None,
    xscale: str,
    yscale: str,
    legend: Sequence[str] | str | None,
) -> None:
    """Set labels, limits, scales, legend and grid of one pair of axes.

    Args:
        axes: Matplotlib axes; the curves should be drawn already, so that the legend finds them.
        xlabel, ylabel: Text at the axes, with the unit; None for no text.
        xlim, ylim: (low, high) in data units; None to follow the data.
        xscale, yscale: "linear", "log" or another scale of Matplotlib.
        legend: Names of the curves in the order of drawing, or one name; None or empty for no
            legend.

    Raises:
        TypeError: `axes` is not Matplotlib axes.
        ValueError: A limit is not a pair of numbers, there are more names than curves, or
            Matplotlib does not know the scale.
    """
    if not isinstance(axes, Axes):
        raise TypeError(f"axes: wanted one Matplotlib Axes, got {_describe(axes)}")
    limits_x, limits_y = pair(xlim, "xlim"), pair(ylim, "ylim")
    lines = axes.get_lines()
    names = curve_names(legend, len(lines))
    axes.set_xscale(xscale)
    axes.set_yscale(yscale)
    axes.set_xlabel(xlabel or "")
    axes.set_ylabel(ylabel or "")
    if limits_x is not None:  # even set_xlim(None) would stop the axes from following the data
        axes.set_xlim(limits_x)
    if limits_y is not None:
        axes.set_ylim(limits_y)
    if names:
        axes.legend(lines[: len(names)], names)
    axes.grid(True)  # without the argument Matplotlib toggles, and the style has the grid on


def plot(
    X: Any,
    Y: Any = None,
    xlabel: str | None = None,
    ylabel: str | None = None,
    legend: Sequence[str] | str | None = None,
    xlim: Sequence[float] | None = None,
    ylim: Sequence[float] | None = None,
    xscale: str = "linear",
    yscale: str = "linear",
    fmts: Sequence[str] = DEFAULT_FMTS,
    figsize: Sequence[float] = (3.5, 2.5),
    axes: Axes | None = None,
) -> None:
    """Draw one or several curves, in cleared axes.

    Args:
        X: Horizontal positions: numbers of shape (n,), shared by all curves, or one such row per
            curve, (curves, n) or a list of rows of different lengths. Lists, ranges, arrays and
            tensors will do (any device and type, with or without gradient). A column (n, 1) is one
            curve.
        Y: Heights in the same forms. When it is None, `X` holds the heights and the positions are
            0, 1, ….
        xlabel, ylabel, xlim, ylim, xscale, yscale, legend: As in `set_axes`.
        fmts: Matplotlib format strings; they repeat when there are more curves. The default draws
            solid, dashed, dash-dotted, dotted lines in the colors of the book's color-blind-safe
            cycle, not in the magenta, green and red that its letters name. Any other value is
            taken literally.
        figsize: Width and height in inches, for this figure and those to come; not used with
            `axes`.
        axes: Axes to draw in; None takes the current ones.

    Raises:
        TypeError: Values are not real numbers, or `axes` is not Matplotlib axes.
        ValueError: Lengths, numbers of curves or of names do not fit, or a limit is not a pair of
            numbers; nothing is drawn then.
    """
    xs, ys = paired_curves(X, Y)
    names = curve_names(legend, len(ys))
    limits_x, limits_y = pair(xlim, "xlim"), pair(ylim, "ylim")
    formats = list(itertools.islice(line_formats(fmts), len(ys)))
    if axes is None:
        set_figsize(figsize)
        axes = plt.gca()
    elif isinstance(axes, Axes):
        use_svg_display()
    else:
        raise TypeError(f"axes: wanted one Matplotlib Axes, got {_describe(axes)}")
    axes.cla()
    for x, y, (fmt, options) in zip(xs, ys, formats, strict=True):
        (line,) = axes.plot(x, y, fmt, **options)
        mark_lone_points(line)
    set_axes(axes, xlabel, ylabel, limits_x, limits_y, xscale, yscale, names)


def line_formats(fmts: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield without end the format string and the extra options for `Axes.plot`, curve by curve.

    Raises:
        TypeError: `fmts` holds something else than strings.
        ValueError: `fmts` is empty.
    """
    formats = (fmts,) if isinstance(fmts, str) else tuple(fmts)
    if not formats:
        raise ValueError("fmts: wanted at least one format string, got none")
    for fmt in formats:
        if not isinstance(fmt, str):
            raise TypeError(f"fmts: wanted format strings, got {_describe(fmt)}")
    if formats != DEFAULT_FMTS:
        return ((fmt, {}) for fmt in itertools.cycle(formats))
    # Seven colors and four line styles share no divisor: 28 curves differ before one repeats.
    styles = itertools.cycle(LINE_STYLES)
    return ((style, {"color": f"C{i}"}) for i, style in enumerate(styles))


def mark_lone_points(line: Line2D) -> None:
    """Give points without a neighbor a dot: a line through a single point is invisible."""
    if line.get_marker() not in ("None", "", " ", None) and line.get_gid() != "lone":
        return  # the caller chose markers
    x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
    drawn = ~np.isnan(y) if y.dtype.kind == "f" else np.ones(len(y), dtype=bool)
    if x.dtype.kind == "f":
        drawn &= ~np.isnan(x)
    padded = np.pad(drawn, 1)
    lone = np.flatnonzero(drawn & ~padded[:-2] & ~padded[2:])
    line.set_marker("o" if len(lone) else "None")
    line.set_markevery(lone.tolist() if len(lone) else None)
    line.set_gid("lone" if len(lone) else None)  # so that the dot goes when the neighbor comes


def paired_curves(X: Any, Y: Any = None) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return positions and heights of every curve as two lists of arrays (n,), equally long.

    Raises:
        TypeError: Values are not real numbers.
        ValueError: A position is missing or left over, or the numbers of curves do not fit.
    """
    if Y is None:
        ys = split_curves(X, "X")
        return [np.arange(len(y)) for y in ys], ys
    xs, ys = split_curves(X, "X"), split_curves(Y, "Y")
    if len(xs) == 1:
        xs = xs * len(ys)
    if len(xs) != len(ys):
        raise ValueError(
            f"plot: X has {len(xs)} curves, Y has {len(ys)}; wanted as many, or one X for all"
        )
    for i, (x, y) in enumerate(zip(xs, ys, strict=True)):
        if len(x) != len(y):
            raise ValueError(
                f"plot: in curve {i} x has {len(x)} values, y has {len(y)}; wanted as many"
            )
    return xs, ys


def split_curves(values: Any, name: str) -> list[np.ndarray]:
    """Split what a caller of `plot` gave into curves, arrays of shape (n,).

    Args:
        values: Numbers (n,), rows (curves, n), a column (n, 1), or a list of any rows.
        name: What the error message calls them.
    """
    if hasattr(values, "ndim"):
        array = real_array(values, name)
        if array.ndim == 1:
            return [array]
        if array.ndim == 2:
            return [array[:, 0]] if array.shape[1] == 1 else list(array)
        raise ValueError(f"{name}: wanted shape (n,) or (curves, n), got {array.shape}")
    if isinstance(values, str | bytes | dict | set) or not isinstance(values, Iterable):
        raise TypeError(
            f"{name}: wanted numbers in a list, array or tensor, got {_describe(values)}"
        )
    items = list(values)
    scalar = [_is_scalar(item) for item in items]
    if all(scalar):
        return [real_array(items, name)]
    if any(scalar):
        raise ValueError(f"{name}: wanted numbers or curves, got a list that mixes both")
    curves = []
    for i, item in enumerate(items):
        array = real_array(item, f"{name}[{i}]")
        if array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]
        if array.ndim != 1:
            raise ValueError(f"{name}[{i}]: wanted one curve of shape (n,), got {array.shape}")
        curves.append(array)
    return curves


def real_array(values: Any, name: str) -> np.ndarray:
    """Return real numbers or dates as a NumPy array of the same shape; None becomes NaN.

    Raises:
        TypeError: Something is not a real number.
        ValueError: The rows of a nested list differ in length.
    """
    if hasattr(values, "detach"):  # a tensor, recognized without importing torch
        if str(values.layout) != "torch.strided":
            raise TypeError(
                f"{name}: wanted a dense tensor, got layout {values.layout}; to_dense() makes one"
            )
        tensor = values.detach().cpu()
        try:
            array = tensor.numpy()
        except TypeError:
            array = tensor.float().numpy()  # bfloat16 and other types that NumPy does not have
    elif hasattr(values, "__array__"):
        array = np.asarray(values)
    elif isinstance(values, str | bytes | dict | set) or not isinstance(values, Iterable):
        raise TypeError(
            f"{name}: wanted numbers in a list, array or tensor, got {_describe(values)}"
        )
    else:
        items = [
            item.item() if hasattr(item, "item") and _is_scalar(item) else item for item in values
        ]
        try:
            array = np.asarray(items) if items else np.empty(0)
        except ValueError:
            raise ValueError(f"{name}: wanted numbers, got rows of different lengths") from None
    if array.dtype.kind == "O":
        if any(isinstance(item, str | bytes) for item in array.flat):
            raise TypeError(f"{name}: wanted real numbers, got text among them")
        try:
            array = array.astype(float)
        except (TypeError, ValueError):
            raise TypeError(f"{name}: wanted real numbers, got {_describe(values)}") from None
    if array.dtype.kind not in "biufMm":
        raise TypeError(f"{name}: wanted real numbers, got values of type {array.dtype}")
    return array


def curve_names(legend: Sequence[str] | str | None, curves: int | None = None) -> list[str]:
    """Return the names in a legend as a list; a string is one name.

    Args:
        legend: As in `set_axes`.
        curves: How many curves there are; None when that is not known yet.

    Raises:
        TypeError: A name is not a string.
        ValueError: There are more names than curves.
    """
    names = [legend] if isinstance(legend, str) else list(legend if legend is not None else ())
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"legend: wanted names as strings, got {_describe(name)}")
    if curves is not None and len(names) > curves:
        raise ValueError(f"legend has {len(names)} names, but there are {curves} curves")
    return names


def pair(values: Any, name: str) -> tuple[float, float] | None:
    """Return two numbers as floats, None as None.

    Raises:
        ValueError: Not two numbers; text such as "19" is none.
    """
    if values is None:
        return None
    try:
        if isinstance(values, str | bytes):
            raise TypeError
        low, high = values
        return float(low), float(high)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: wanted two numbers, got {values!r}") from None


def _is_scalar(item: Any) -> bool:
    if hasattr(item, "ndim"):
        return item.ndim == 0
    return isinstance(item, str | bytes) or not isinstance(item, Iterable)


def _describe(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return f"{type(value).__name__}" + (
        f" of shape {tuple(shape)}" if isinstance(shape, tuple) else ""
    )
