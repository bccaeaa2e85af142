"""Lab of chapter 02: two shapes meet, are aligned, and stretched or refused.

The reader meets the word axis; the code says dimension, since `axes` are Matplotlib's here.
"""

from __future__ import annotations

import functools
import math
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from types import SimpleNamespace
from typing import Any, ClassVar

from matplotlib.axes import Axes
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D

from d2lhelpers.labs.base import Lab, number
from d2lhelpers.labs.controls import Control, Text
from d2lhelpers.labs.stage import BLUE, GREEN, GREY, INK, ORANGE, moving

Shape = tuple[int, ...]

MOST_DIMENSIONS = 4
LARGEST_SIZE = 2**63 - 1  # PyTorch keeps sizes as 64-bit integers
LONGEST_TEXT = 200  # characters; four of the largest sizes need half of that
# What is drawn at most: sheets from top to bottom and from left to right, rows and columns of each.
DRAWN = (3, 4, 6, 6)
NUMBERED = 24  # so many cells at most carry their numbers; more would not be legible
EXAMPLES = (
    *("()", "1", "2", "3", "1, 2", "2, 1", "3, 1", "3, 2"),
    *("2, 3, 1", "4, 1, 2", "2, 1, 3, 2", "2, 3, 4, 5"),
)
NAMES = ("first", "second")

# The picture is one pair of axes in inches; everything below is in inches too.
WIDTH, HEIGHT = 8.4, 4.4
COLUMN, ROW, TABLE_LEFT, TABLE_TOP = 0.74, 0.34, 0.86, 3.72
GRID_WIDTH, GRID_LOW, GRID_HIGH, GRID_LEFT = 2.35, 0.7, 2.12, (0.2, 3.02, 5.84)
REASONS_LEFT, PALE = 4.15, "#5f5f5f"
LARGEST_CELL, GAP = 0.4, 0.55  # the gap between two sheets is counted in cells


@dataclass(frozen=True)
class Operand:
    """One of the two shapes, as it was typed and as it is seen by the other.

    shape: None when the text is none; then `complaint` says why.
    stretched: dimensions in which it is stretched, counted from the end: -1 is the last.
    strides: steps in memory of the stretched view, 0 where it is stretched; None without a result.
    """

    text: str
    shape: Shape | None
    complaint: str = ""
    stretched: tuple[int, ...] = ()
    strides: Shape | None = None

    def size(self, dimension: int) -> int | None:
        """Size in a dimension counted from the end; None where it is missing."""
        shape = self.shape or ()
        return shape[dimension] if -dimension <= len(shape) else None


@dataclass(frozen=True)
class Meeting:
    """Two operands and what becomes of them.

    shape: of the result; None when there is none.
    conflicts: dimensions that refuse, counted from the end.
    """

    operands: tuple[Operand, Operand]
    shape: Shape | None
    conflicts: tuple[int, ...]

    @property
    def drawn(self) -> Shape | None:
        """`shape` as far as it is drawn."""
        return None if self.shape is None else drawn_part(self.shape)


def read_shape(text: str) -> tuple[Shape | None, str]:
    """The sizes in text such as "3, 1", "(3, 1)" or "[3, 1]"; "()" is the shape of a number.

    Returns:
        The shape and ""; or None, when the text is no shape of up to four dimensions, and what is
        wrong with it.
    """
    try:
        return _read_shape(text), ""
    except ValueError as error:
        return None, str(error)


def _read_shape(text: str) -> Shape:
    """The sizes in the text; ValueError says why there are none."""
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"these are {len(text)} characters; {LONGEST_TEXT} are read at most")
    inner = text.strip().removeprefix("torch.Size").strip()
    if not inner:
        raise ValueError("nothing is typed; the shape of a single number is ()")
    pairs = {"(": ")", "[": "]"}
    while len(inner) > 1 and inner[-1] == pairs.get(inner[0]):
        inner = inner[1:-1].strip()
    if any(bracket in inner for bracket in "()[]"):
        words = [word for word in re.split(r"[\s,()\[\]]+", inner) if word]
        strange = [word for word in words if not re.fullmatch(r"[-\N{MINUS SIGN}]?[0-9.]+", word)]
        if strange:
            raise ValueError(
                f"{shortened(strange[0])} does not belong to a shape; sizes and commas are enough, "
                "as in 3, 1"
            )
        raise ValueError("one pair of brackets goes around all sizes, or none, as in 3, 1")
    if not inner:
        return ()
    parts = [part.strip() for part in inner.split(",")]
    if len(parts) > 1 and not parts[-1]:  # (3,) is how Python writes one size
        parts.pop()
    sizes = tuple(_read_size(part) for part in parts)
    if len(sizes) > MOST_DIMENSIONS:
        raise ValueError(
            f"these are {len(sizes)} axes; PyTorch would take them, the lab draws up to four"
        )
    return sizes


def _read_size(part: str) -> int:
    if not part:
        raise ValueError("a size is missing beside a comma")
    if re.fullmatch(r"[-\N{MINUS SIGN}] *[0-9]+", part):
        raise ValueError(f"the size {shortened(part)} is negative; sizes are 0, 1, 2 and so on")
    if re.fullmatch(r"[0-9]+( +[0-9]+)+", part):
        raise ValueError(f"a comma is missing in {shortened(part)}")
    if not re.fullmatch(r"[0-9]+", part):
        raise ValueError(f"{shortened(part)} is not a whole number; sizes are 0, 1, 2 and so on")
    digits = part.lstrip("0") or "0"
    if len(digits) > 19 or int(digits) > LARGEST_SIZE:
        raise ValueError("a size is larger than 2^63 − 1, the largest that fits into 64 bits")
    return int(digits)


def why_no_shape(text: str) -> str:
    """What is wrong with a shape that was typed; "" when nothing is."""
    return read_shape(text)[1]


def shortened(text: str, length: int = 18) -> str:
    """Typed text in quotation marks, short enough for a line of the picture."""
    # What has no look of its own, such as a line break, is shown as a question mark.
    shown = "".join(c if c.isprintable() else "?" for c in text.strip()[: length + 1])
    return f"“{shown if len(shown) <= length else shown[: length - 1] + '…'}”"


def contiguous_strides(shape: Shape) -> Shape:
    """Steps in memory of a new tensor: the last dimension is the fastest."""
    strides: list[int] = []
    step = 1
    for size in reversed(shape):
        strides.insert(0, step)
        step *= max(size, 1)
    return tuple(strides)


def drawn_part(shape: Shape) -> Shape:
    """`shape` cut down to what is drawn."""
    most = DRAWN[MOST_DIMENSIONS - len(shape) :]
    return tuple(min(size, limit) for size, limit in zip(shape, most, strict=True))


def shape_words(shape: Shape) -> str:
    """A shape as Python writes it, huge sizes in powers of ten."""
    sizes = [size_words(size) for size in shape]
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"


def size_words(size: int) -> str:
    """A size or a number of elements, in powers of ten where that is shorter."""
    return str(size) if size < 10**7 else number(float(size))


def bytes_words(count: int) -> str:
    """A number of bytes with a unit, to three digits."""
    for power, unit in ((12, "TB"), (9, "GB"), (6, "MB"), (3, "kB")):
        if count >= 10**power:
            return f"{number(count / 10**power)} {unit}"
    return f"{count} bytes"


class Broadcasting(Lab[Meeting]):
    """Two shapes aligned from the right, and stretched to a common shape, or refused.

    Any two shapes of up to four dimensions can be typed. Numbers in the cells show which elements
    meet: the first operand counts in tens, the second in ones. The rule is that of NumPy
    ("Broadcasting", NumPy user guide), which PyTorch follows. Explained in chapter 02.
    """

    title = "Broadcasting: do two shapes fit, and how?"
    size = (WIDTH, HEIGHT)
    controls: ClassVar[dict[str, Control]] = {
        "first": Text("first shape", EXAMPLES, "3, 1", why_no_shape),
        "second": Text("second shape", EXAMPLES, "1, 2", why_no_shape),
    }

    def simulate(self, *, first: str, second: str) -> Meeting:  # type: ignore[override]
        """The shapes read from the texts, the shape of the result, or what refuses."""
        a, why_not_a = read_shape(first)
        b, why_not_b = read_shape(second)
        if a is None or b is None:
            return Meeting((Operand(first, a, why_not_a), Operand(second, b, why_not_b)), None, ())
        dimensions = range(-max(len(a), len(b)), 0)
        met = [
            (a[d] if -d <= len(a) else 1, b[d] if -d <= len(b) else 1) for d in dimensions
        ]  # a missing size acts like 1
        conflicts = tuple(
            d
            for d, pair in zip(dimensions, met, strict=True)
            if pair[0] != pair[1] and 1 not in pair
        )
        if conflicts:
            return Meeting((Operand(first, a), Operand(second, b)), None, conflicts)
        shape = tuple(y if x == 1 else x for x, y in met)
        return Meeting((_seen(first, a, shape), _seen(second, b, shape)), shape, ())

    def describe(self, result: Meeting) -> str:
        """One sentence: the result and who is stretched, or what refuses, or what is no shape."""
        bad = [
            f"{name} is {shortened(operand.text)}: {operand.complaint}"
            for name, operand in zip(NAMES, result.operands, strict=True)
            if operand.shape is None
        ]
        if bad:
            return f"Not a shape: {'; '.join(bad)}."
        first, second = result.operands
        pair = f"{shape_words(first.shape or ())} and {shape_words(second.shape or ())}"
        if result.shape is None:
            reasons = [
                f"along axis {signed(d)} the sizes are {size_words(first.size(d) or 0)} and "
                f"{size_words(second.size(d) or 0)}"
                for d in reversed(result.conflicts)
            ]
            neither = "and neither is 1" if len(reasons) == 1 else "and none of these is 1"
            return f"Refused: {pair} do not fit, because {', '.join(reasons)}, {neither}."
        count = math.prod(result.shape)
        text = (
            f"{pair} fit: the result has the shape {shape_words(result.shape)}, "
            f"{counted(count, 'number')}; "
        )
        stretched = [
            f"{name} is stretched along {listed(operand.stretched)}"
            for name, operand in zip(NAMES, result.operands, strict=True)
            if operand.stretched
        ]
        text += " and ".join(stretched) or "nothing is stretched"
        if result.drawn != result.shape:
            text += f"; drawn is only the corner of shape {shape_words(result.drawn or ())}"
        return text + "."

    def layout(self, figure: Figure) -> SimpleNamespace:
        """Above the sizes in a table and what happens to each; below three grids of cells."""
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(0, WIDTH)
        axes.set_ylim(0, HEIGHT)
        axes.axis("off")
        axes.text(0.2, HEIGHT - 0.2, "Align from the right, compare", fontsize=10.5, va="center")
        axes.text(
            REASONS_LEFT,
            HEIGHT - 0.2,
            "Axis by axis, from the right",
            fontsize=10.5,
            va="center",
        )
        small: dict[str, Any] = {"fontsize": 8.5, "color": PALE, "va": "center"}
        axes.text(0.2, TABLE_TOP + 0.2, "axis", **small)
        for d in range(-MOST_DIMENSIONS, 0):
            axes.text(_column(d), TABLE_TOP + 0.2, signed(d), ha="center", **small)
        for row, name in enumerate((*NAMES, "result")):
            axes.text(0.2, _row(row), name, va="center")
        axes.text(
            REASONS_LEFT, _row(2), "Dashed: missing or stretched, no memory of its own.", **small
        )
        return SimpleNamespace(
            table=_Cells(axes),
            grids=[_Cells(axes) for _ in GRID_LEFT],
            letters=_Letters(axes),
        )

    def draw(self, result: Meeting, axes: SimpleNamespace) -> None:
        """Fill the table, the reasons, and the three grids."""
        say = axes.letters.say
        axes.table.show(_table_boxes(result, say))
        for line, text in enumerate(reason_lines(result)):
            say(text, REASONS_LEFT, TABLE_TOP + 0.2 - 0.19 * line, 9, align="left", room=4.1)
        if result.shape is not None:
            for sign, x in (("+", 2.785), ("=", 5.605)):
                say(sign, x, (GRID_LOW + GRID_HIGH) / 2, 16)
        panels = [
            _operand_panel(name, operand, result.shape, unit)
            for name, operand, unit in zip(NAMES, result.operands, (10, 1), strict=True)
        ]
        panels.append(_result_panel(result))
        colors = (BLUE, ORANGE, GREEN)
        for grid, panel, left, color in zip(axes.grids, panels, GRID_LEFT, colors, strict=True):
            grid.show(_panel_boxes(panel, left, color, say))
        axes.letters.show()


def reason_lines(result: Meeting) -> list[str]:
    """What the picture says beside the table, short lines."""
    first, second = result.operands
    lines: list[str] = []
    for name, operand in zip(NAMES, result.operands, strict=True):
        if operand.shape is None:
            lines += textwrap.wrap(f"{name} is {shortened(operand.text)}: {operand.complaint}.", 60)
    if lines:
        return lines
    dimensions = max(len(first.shape or ()), len(second.shape or ()))
    if dimensions == 0:
        return ["two single numbers: there is nothing to align"]
    for d in range(-1, -dimensions - 1, -1):
        sizes = [operand.size(d) for operand in result.operands]
        words = ["missing" if size is None else size_words(size) for size in sizes]
        stretched = [
            f"{name} is stretched"
            for name, operand in zip(NAMES, result.operands, strict=True)
            if d in operand.stretched
        ]
        if d in result.conflicts:
            end = "different, and neither is 1: refused"
        else:
            end = stretched[0] if stretched else "equal" if sizes[0] == sizes[1] else "fits"
        lines.append(f"{signed(d)}:  {words[0]} and {words[1]}:  {end}")
    return lines


def _seen(text: str, shape: Shape, result: Shape) -> Operand:
    """An operand stretched to the shape of the result."""
    missing = len(result) - len(shape)
    steps = (0,) * missing + contiguous_strides(shape)
    own: tuple[int | None, ...] = (None,) * missing + shape
    strides = tuple(s if n == m else 0 for s, n, m in zip(steps, own, result, strict=True))
    stretched = tuple(
        place - len(result)
        for place, (n, m) in enumerate(zip(own, result, strict=True))
        # A missing size that becomes 1 repeats nothing.
        if (1 if n is None else n) != m
    )
    return Operand(text, shape, "", stretched, strides)


def signed(dimension: int) -> str:
    """A dimension counted from the end, with a minus sign as long as a plus."""
    return str(dimension).replace("-", "\N{MINUS SIGN}")


def counted(count: int, noun: str) -> str:
    """Such as "1 number" or "6 numbers"."""
    return f"{size_words(count)} {noun}{'' if count == 1 else 's'}"


def listed(dimensions: Sequence[int]) -> str:
    """Such as "axis −1" or "axes −3 and −1"."""
    words = [signed(d) for d in dimensions]
    if len(words) == 1:
        return f"axis {words[0]}"
    return f"axes {', '.join(words[:-1])} and {words[-1]}"


def _column(dimension: int) -> float:
    """Middle of a column of the table."""
    return TABLE_LEFT + COLUMN * (dimension + MOST_DIMENSIONS + 0.5)


def _row(row: int) -> float:
    """Middle of a row of the table."""
    return TABLE_TOP - ROW * (row + 0.5)


def _tint(color: str, strength: float) -> tuple[float, float, float]:
    """`color` on white paper, from 0 (none) to 1 (all)."""
    r, g, b = (1 - strength * (1 - part) for part in to_rgb(color))
    return r, g, b


@dataclass(frozen=True)
class _Box:
    """A rectangle of the picture: its lower left corner, its sides, and its looks."""

    x: float
    y: float
    width: float
    height: float
    face: tuple[float, float, float]
    edge: str = INK
    dashed: bool = False
    line: float = 1.0


class _Cells:
    """Any number of boxes as one artist."""

    def __init__(self, axes: Axes) -> None:
        self._boxes = PolyCollection([], zorder=1)
        axes.add_collection(moving(self._boxes), autolim=False)

    def show(self, boxes: Sequence[_Box]) -> None:
        self._boxes.set_verts(
            [
                [
                    (b.x, b.y),
                    (b.x + b.width, b.y),
                    (b.x + b.width, b.y + b.height),
                    (b.x, b.y + b.height),
                ]
                for b in boxes
            ]
        )
        self._boxes.set_facecolor([b.face for b in boxes])
        self._boxes.set_edgecolor([b.edge for b in boxes])
        self._boxes.set_linewidth([b.line for b in boxes] or [1.0])
        self._boxes.set_linestyle([(0, (2, 2)) if b.dashed else "solid" for b in boxes] or "solid")


class _Letters:
    """All words and numbers that change, as one artist.

    As outlines, kept from picture to picture, up to a hundred of them take a tenth of the time that
    as many texts take.
    """

    def __init__(self, axes: Axes) -> None:
        self._outlines = PathCollection([], linewidths=0, zorder=3)
        axes.add_collection(moving(self._outlines), autolim=False)
        self._said: list[tuple[Path, str]] = []

    def say(
        self,
        text: str,
        x: float,
        y: float,
        points: float = 9.5,
        color: str = INK,
        align: str = "center",
        weight: str = "normal",
        room: float = math.inf,
    ) -> None:
        """Write a line at the next `show`: its middle at the height y, at most `room` wide."""
        path, width = _outline(text, weight)
        em = min(points / 72, room / width if width else math.inf)
        left = x - (em * width / 2 if align == "center" else 0)
        # Half the height of a capital letter below the middle is the line to write on.
        place = Affine2D().scale(em).translate(left, y - 0.36 * em)
        self._said.append((path.transformed(place), color))

    def show(self) -> None:
        self._outlines.set_paths([path for path, _ in self._said])
        self._outlines.set_facecolor([color for _, color in self._said])
        self._said = []


@functools.lru_cache(maxsize=2048)
def _outline(text: str, weight: str) -> tuple[Path, float]:
    """The outline of a line of text in a font of size 1, and its width."""
    # What was typed is never taken for a formula.
    font = FontProperties(weight=weight)
    path = TextPath((0, 0), text.replace("$", r"\$"), size=1, prop=font)
    return path, float(path.get_extents().x1) if len(path.vertices) else 0.0


def _table_boxes(result: Meeting, say: Callable[..., None]) -> list[_Box]:
    dimensions = max(len(operand.shape or ()) for operand in result.operands)
    boxes = []
    for row, d in product(range(3), range(-dimensions, 0)):
        text, style = _table_cell(result, row, d)
        if not style:
            continue
        color = (BLUE, ORANGE, GREEN)[row]
        strengths = {"missing": 0.0, "stretched": 0.08, "stored": 0.25, "conflict": 0.5}
        boxes.append(
            _Box(
                _column(d) - COLUMN / 2 + 0.04,
                _row(row) - ROW / 2 + 0.03,
                COLUMN - 0.08,
                ROW - 0.06,
                _tint(ORANGE if style == "conflict" else color, strengths[style]),
                INK if style == "conflict" else GREY,
                style in ("missing", "stretched"),
            )
        )
        say(
            text,
            _column(d),
            _row(row),
            9.5,
            PALE if style == "missing" else INK,
            weight="bold" if style == "conflict" else "normal",
            room=COLUMN - 0.15,
        )
    return boxes


def _table_cell(result: Meeting, row: int, d: int) -> tuple[str, str]:
    """Text and style of a cell; no style, no cell."""
    if row == 2:
        if d in result.conflicts:
            return "✗", "conflict"
        return ("", "") if result.shape is None else (size_words(result.shape[d]), "stored")
    operand = result.operands[row]
    if operand.shape is None:
        return "", ""
    size = operand.size(d)
    if size is None:
        return "missing", "missing"
    if d in result.conflicts:
        return size_words(size), "conflict"
    if d in operand.stretched and result.shape is not None:
        return f"{size} → {size_words(result.shape[d])}", "stretched"
    return size_words(size), "stored"


@dataclass(frozen=True)
class _Panel:
    """One array: title above, notes below, and its cells in the order of `_places(shape)`.

    cells: for each cell which element it is, whether it is a copy, and the number in it.
    """

    title: tuple[str, ...]
    notes: tuple[str, ...]
    shape: Shape = ()
    cells: tuple[tuple[int, bool, int], ...] = ()
    empty: str = ""


def _operand_panel(name: str, operand: Operand, result: Shape | None, unit: int) -> _Panel:
    """The operand with its own cells and, dashed, the copies that stretching pretends."""
    own = operand.shape
    if own is None:
        return _Panel((f"{name}: not a shape",), ())
    title = [f"{name} {shape_words(own)}"]
    notes = [f"{counted(math.prod(own), 'number')} in memory"]
    seen = own if result is None else result
    if operand.stretched:
        title.append(f"seen as {shape_words(seen)}")
    if operand.strides is not None:
        notes.append(f"strides {shape_words(operand.strides)}")
    steps = contiguous_strides(own)
    cells = []
    for place in _places(drawn_part(seen)):
        mine = place[len(place) - len(own) :]
        element = sum(i * s for i, s, n in zip(mine, steps, own, strict=True) if n > 1)
        copy = any(place[d] > 0 for d in operand.stretched)
        cells.append((element, copy, unit * (element + 1)))
    return _Panel(tuple(title), tuple(notes), seen, tuple(cells), "no elements: a size is 0")


def _result_panel(result: Meeting) -> _Panel:
    """The sum, all of its cells in memory of their own."""
    if result.shape is None:
        return _Panel(("no result",), (), empty="✗ refused" if result.conflicts else "")
    tens, ones = (operand.strides or () for operand in result.operands)
    cells = []
    for count, place in enumerate(_places(drawn_part(result.shape))):
        ten, one = (sum(i * s for i, s in zip(place, st, strict=True)) for st in (tens, ones))
        cells.append((count, False, 10 * (ten + 1) + one + 1))
    count = math.prod(result.shape)
    return _Panel(
        (f"sum {shape_words(result.shape)}",),
        (f"{counted(count, 'number')}, new memory:", f"{bytes_words(4 * count)} as float32"),
        result.shape,
        tuple(cells),
        "no elements: a size is 0",
    )


def _panel_boxes(
    panel: _Panel, left: float, color: str, say: Callable[..., None]
) -> Sequence[_Box]:
    middle = left + GRID_WIDTH / 2
    for line, text in enumerate(reversed(panel.title)):
        say(text, middle, GRID_HIGH + 0.16 + 0.18 * line, 9.5, room=GRID_WIDTH + 0.3)
    part = drawn_part(panel.shape)
    notes = panel.notes
    if part != panel.shape and panel.cells:
        notes = (f"drawn: the corner {shape_words(part)}", *notes)
    for line, text in enumerate(notes):
        say(text, middle, GRID_LOW - 0.18 - 0.17 * line, 8.5, room=GRID_WIDTH + 0.3)
    if not panel.cells:
        if panel.empty:
            say(panel.empty, middle, (GRID_LOW + GRID_HIGH) / 2, 9, PALE)
        return []
    corners, cell = _corners(part, left)
    largest = max(element for element, _, _ in panel.cells) or 1
    boxes = []
    for (x, y), (element, copy, value) in zip(corners, panel.cells, strict=True):
        strength = (0.15 + 0.5 * element / largest) * (0.45 if copy else 1)
        face = _tint(color, strength)
        thick = 1.0 if cell > 0.2 else 0.5
        boxes.append(_Box(x, y, cell, cell, face, GREY if copy else INK, copy, thick))
        if len(panel.cells) <= NUMBERED and cell > 0.17:
            points = 9 if cell > 0.3 else 7 if cell > 0.22 else 5.5
            say(str(value), x + cell / 2, y + cell / 2, points, PALE if copy else INK)
    return boxes


def _places(shape: Shape) -> Iterator[Shape]:
    """All index tuples, the last index fastest."""
    return product(*map(range, shape))


def _corners(shape: Shape, left: float) -> tuple[list[tuple[float, float]], float]:
    """Lower left corners of the cells in the order of `_places`, and the length of a side.

    The last two dimensions are rows and columns of a sheet; a third puts sheets side by side, a
    fourth puts rows of sheets below each other.
    """
    down, across, rows, columns = (1,) * (MOST_DIMENSIONS - len(shape)) + shape
    wide = across * columns + (across - 1) * GAP
    high = down * rows + (down - 1) * GAP
    cell = min(LARGEST_CELL, GRID_WIDTH / wide, (GRID_HIGH - GRID_LOW) / high)
    x0 = left + (GRID_WIDTH - wide * cell) / 2
    y0 = (GRID_LOW + GRID_HIGH + high * cell) / 2
    return [
        (x0 + cell * (j * (columns + GAP) + column), y0 - cell * (i * (rows + GAP) + row + 1))
        for i, j, row, column in _places((down, across, rows, columns))
    ], cell
