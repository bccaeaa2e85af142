"""Lab of chapter 23: where a window can stand, and what each output reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.path import Path

from d2lhelpers.labs.base import Lab
from d2lhelpers.labs.controls import Control, IntSlider
from d2lhelpers.labs.stage import BLUE, GREEN, GREY, INK, ORANGE, moving

# The picture is one pair of axes in inches; everything below is in inches too.
WIDTH, HEIGHT = 8.4, 3.7
SIDE, LOW = 2.35, 0.72  # of each of the three panels
LEFTS = (0.2, 3.02, 5.84)  # padded input, places along one axis, output
LARGEST_CELL = 0.4
PALE = "#5f5f5f"

Color = tuple[float, float, float]
Grid = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Arithmetic:
    """What one setting gives; rows and columns are alike, so most is said along one axis.

    size, kernel, padding, stride, dilation: the setting.
    outputs: output size along one axis; 0 when the kernel fits nowhere.
    begins: where each window begins in the padded row.
    times_read: for each number of the padded input, (padded, padded), how many windows read it.
    shown: row and column of the highlighted output, counted from 0; None without outputs.
    """

    size: int
    kernel: int
    padding: int
    stride: int
    dilation: int
    outputs: int
    begins: tuple[int, ...]
    times_read: Grid
    shown: int | None

    @property
    def padded(self) -> int:
        """Numbers in a padded row."""
        return self.size + 2 * self.padding

    @property
    def reach(self) -> int:
        """From the first to the last number that a window reads, both counted."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def own(self) -> range:
        """Places of the input itself in a padded row."""
        return range(self.padding, self.padding + self.size)

    @property
    def unread(self) -> int:
        """How many of the size × size inputs no window reads."""
        return sum(self.times_read[i][j] == 0 for i in self.own for j in self.own)

    def reads(self, output: int) -> range:
        """Places in the padded row that an output reads."""
        begin = self.begins[output]
        return range(begin, begin + self.reach, self.dilation)


class Shapes(Lab[Arithmetic]):
    """The windows of a convolution or pooling layer: how many, where, and who reads what.

    The output size is ⌊(n + 2p − d(k − 1) − 1)/s⌋ + 1 along each axis, for input size n, kernel k,
    padding p, stride s and dilation d (V. Dumoulin and F. Visin, A guide to convolution
    arithmetic for deep learning, 2016). Explained in chapter 23.
    """

    title = "Shapes: how large is the output, and what does it read?"
    size = (WIDTH, HEIGHT)
    # The first two move in the web edition.
    controls: ClassVar[dict[str, Control]] = {
        "kernel": IntSlider("kernel k", 1, 11, 3),
        "stride": IntSlider("stride s", 1, 5, 2),
        "padding": IntSlider("padding p", 0, 4, 1),
        "dilation": IntSlider("dilation d", 1, 3, 1),
        "size": IntSlider("input size n", 1, 12, 7),
        "output": IntSlider("highlighted row, column", 0, 19, 1),
    }

    def simulate(  # type: ignore[override]
        self, *, kernel: int, stride: int, padding: int, dilation: int, size: int, output: int
    ) -> Arithmetic:
        """All places of the window; `output` counts from 0, and beyond the last it is the last."""
        padded = size + 2 * padding
        reach = dilation * (kernel - 1) + 1
        begins = tuple(range(0, padded - reach + 1, stride))
        along = np.zeros(padded, dtype=int)
        for begin in begins:
            along[begin : begin + reach : dilation] += 1
        return Arithmetic(
            size=size,
            kernel=kernel,
            padding=padding,
            stride=stride,
            dilation=dilation,
            outputs=len(begins),
            begins=begins,
            times_read=tuple(map(tuple, np.outer(along, along).tolist())),
            shown=min(output, len(begins) - 1) if begins else None,
        )

    def describe(self, result: Arithmetic) -> str:
        """One sentence: the formula with its numbers, what the highlighted output reads, waste."""
        r = result
        if r.shown is None:
            return (
                f"Impossible: a kernel of {r.kernel} with dilation {r.dilation} reaches over "
                f"{r.dilation} · ({r.kernel} − 1) + 1 = {r.reach} numbers, but the padded row has "
                f"only {r.size} + 2 · {r.padding} = {r.padded}, so that with stride {r.stride}, as "
                "with any other, there is no output and PyTorch refuses."
            )
        text = (
            f"Along each axis there {'is' if r.outputs == 1 else 'are'} ⌊{numerator(r)}/"
            f"{r.stride}⌋ + 1 = {counted(r.outputs, 'output')}, {r.outputs**2} in all; "
            f"the highlighted one, row and column {r.shown} (from 0), reads "
            f"{counted(r.kernel**2, 'number')}"
        )
        inside = sum(place in r.own for place in r.reads(r.shown)) ** 2
        invented = r.kernel**2 - inside
        if invented:
            alone = ", which is padding" if r.kernel == 1 else ", all of them padding"
            text += f", {invented} of them padding" if inside else alone
        if r.unread:
            verb = "is" if r.unread == 1 else "are"
            text += f"; {r.unread} of {counted(r.size**2, 'input')} {verb} never read"
        else:
            text += "; every input is read"
        return text + "."

    def layout(self, figure: Figure) -> SimpleNamespace:
        """Three panels: the padded input, the places of the window, and the output."""
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(0, WIDTH)
        axes.set_ylim(0, HEIGHT)
        axes.axis("off")
        top = LOW + SIDE + 0.2
        small: dict[str, Any] = {"fontsize": 8.5, "va": "center", "color": PALE}
        notes = (
            ("blue: input, darker if read by more", "white inside: never read; dashed: padding"),
            ("a line for each window, from the", "first output at the top to the last"),
            ("orange: the highlighted output,", "and on the left what it reads"),
        )
        for left, lines in zip(LEFTS, notes, strict=True):
            for line, text in enumerate(lines):
                axes.text(left, 0.42 - 0.19 * line, text, **small)
        titles = [moving(axes.text(left, top, "", fontsize=10.5, va="center")) for left in LEFTS]
        refusal = moving(axes.text(LEFTS[2], LOW + SIDE / 2, "", fontsize=9.5, va="center"))
        windows = LineCollection([], zorder=0.5)
        axes.add_collection(moving(windows), autolim=False)
        return SimpleNamespace(
            titles=titles,
            refusal=refusal,
            cells=_Boxes(axes, zorder=1),
            windows=windows,
        )

    def draw(self, result: Arithmetic, axes: SimpleNamespace) -> None:
        """Fill the three panels."""
        r = result
        names = (
            f"padded input: {r.padded} × {r.padded}",
            f"along one axis: {counted(r.outputs, 'place')}",
            f"output: {r.outputs} × {r.outputs}" if r.outputs else "no output",
        )
        for text, name in zip(axes.titles, names, strict=True):
            text.set_text(name)
        axes.refusal.set_text(
            ""
            if r.outputs
            else f"The kernel reaches over\n{r.reach} numbers, the padded\nrow has only {r.padded}."
        )
        lines = _window_lines(r)
        axes.windows.set_segments([ends for ends, _ in lines])
        axes.windows.set_color([color for _, color in lines] or [INK])
        axes.windows.set_linewidth(1.2)
        axes.cells.show([*_input_boxes(r), *_place_boxes(r), *_output_boxes(r)])


def numerator(r: Arithmetic) -> str:
    """The numerator of the formula with its numbers, such as (7 + 2·1 − 1·2 − 1)."""
    return f"({r.size} + 2·{r.padding} − {r.dilation}·{r.kernel - 1} − 1)"


def counted(count: int, noun: str) -> str:
    """Such as "1 output" or "4 outputs"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


@dataclass(frozen=True)
class _Box:
    """A rectangle: lower left corner, width, height, looks."""

    x: float
    y: float
    width: float
    height: float
    face: Color
    edge: str = INK
    dashed: bool = False


class _Boxes:
    """Any number of rectangles as one artist.

    Rectangles that look alike become one path: drawing a path costs more than its corners do.
    """

    def __init__(self, axes: Axes, zorder: float) -> None:
        self._artist = PathCollection([], zorder=zorder)
        axes.add_collection(moving(self._artist), autolim=False)

    def show(self, boxes: Sequence[_Box]) -> None:
        alike: dict[tuple[bool, str, Color], list[_Box]] = {}
        for box in boxes:
            alike.setdefault((not box.dashed, box.edge, box.face), []).append(box)
        # Dashed ones first, so that the dashes do not cut into solid edges.
        looks = sorted(alike)
        self._artist.set_paths([_path(alike[look]) for look in looks])
        self._artist.set_facecolor([face for _, _, face in looks])
        self._artist.set_edgecolor([edge for _, edge, _ in looks])
        self._artist.set_linewidth([0.8 if solid else 0.5 for solid, _, _ in looks])
        self._artist.set_linestyle(["solid" if solid else (0, (2, 2)) for solid, _, _ in looks])


def _path(boxes: Sequence[_Box]) -> Path:
    """All rectangles as one path."""
    x, y, w, h = np.array([(b.x, b.y, b.width, b.height) for b in boxes]).T
    corners = np.stack([x, y, x + w, y, x + w, y + h, x, y + h, x, y], axis=1).reshape(-1, 2)
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * len(boxes)
    return Path(corners, codes)


def _tint(color: str, strength: float) -> Color:
    """`color` on white paper, from 0 (none) to 1 (all)."""
    r, g, b = (1 - strength * (1 - part) for part in to_rgb(color))
    return r, g, b


def _grid(count: int, left: float) -> tuple[float, float, float]:
    """Left end, top end and cell length of a square grid in the middle of its panel."""
    cell = min(LARGEST_CELL, SIDE / count)
    return left, LOW + SIDE, cell


def _input_boxes(r: Arithmetic) -> list[_Box]:
    """The padded input, shaded by how often each number is read; the highlighted reads orange."""
    left, top, cell = _grid(r.padded, LEFTS[0])
    highlighted = set(r.reads(r.shown)) if r.shown is not None else set()
    most = max(map(max, r.times_read)) or 1
    boxes = []
    for i in range(r.padded):
        for j in range(r.padded):
            own = i in r.own and j in r.own
            if i in highlighted and j in highlighted:
                face = _tint(ORANGE, 0.85 if own else 0.45)
            elif own and r.times_read[i][j]:
                face = _tint(BLUE, 0.15 + 0.6 * r.times_read[i][j] / most)
            else:
                face = _tint(GREY, 0.0)
            edge = INK if own else GREY
            boxes.append(
                _Box(left + j * cell, top - (i + 1) * cell, cell, cell, face, edge, not own)
            )
    return boxes


def _rows_of_places(r: Arithmetic) -> tuple[float, float, float]:
    """Cell length of the padded row at the top, height of the first line, and their distance."""
    cell = min(LARGEST_CELL, SIDE / r.padded)
    first = LOW + SIDE - cell - 0.16
    return cell, first, min(0.24, (first - LOW - 0.05) / max(r.outputs - 1, 1))


def _window_lines(r: Arithmetic) -> list[tuple[list[tuple[float, float]], str]]:
    """For each place of the window a line from the first to the last number it reads."""
    cell, first, step = _rows_of_places(r)
    found = []
    for output, begin in enumerate(r.begins):
        y = first - output * step
        ends = [(LEFTS[1] + cell * (begin + 0.2 + x), y) for x in (0.0, r.reach - 0.4)]
        found.append((ends, ORANGE if output == r.shown else GREY))
    if not r.begins:  # what it would need
        width = min(r.reach, r.padded + 1.5) * cell
        found.append(([(LEFTS[1], first), (LEFTS[1] + width, first)], ORANGE))
    return found


def _place_boxes(r: Arithmetic) -> list[_Box]:
    """The padded row at the top, and below it a mark on every number that a window reads."""
    cell, first, step = _rows_of_places(r)
    boxes = [
        _Box(
            LEFTS[1] + j * cell,
            LOW + SIDE - cell,
            cell,
            cell,
            _tint(BLUE, 0.3 if j in r.own else 0.0),
            INK if j in r.own else GREY,
            j not in r.own,
        )
        for j in range(r.padded)
    ]
    mark = min(0.6 * cell, 0.8 * step, 0.12)
    for output in range(r.outputs):
        color = ORANGE if output == r.shown else BLUE
        y = first - output * step - mark / 2
        boxes += [
            _Box(LEFTS[1] + cell * (j + 0.5) - mark / 2, y, mark, mark, _tint(color, 1), color)
            for j in r.reads(output)
        ]
    return boxes


def _output_boxes(r: Arithmetic) -> list[_Box]:
    """The output grid."""
    if not r.outputs:
        return []
    left, top, cell = _grid(r.outputs, LEFTS[2])
    return [
        _Box(
            left + j * cell,
            top - (i + 1) * cell,
            cell,
            cell,
            _tint(ORANGE, 0.85) if i == j == r.shown else _tint(GREEN, 0.3),
        )
        for i in range(r.outputs)
        for j in range(r.outputs)
    ]
