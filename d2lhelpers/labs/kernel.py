"""Lab of chapter 22: a kernel of at most 5×5 weights slides over a photograph."""

from __future__ import annotations

import functools
import math
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image

from d2lhelpers.labs.base import Lab, number
from d2lhelpers.labs.controls import Choice, Control, Text
from d2lhelpers.labs.stage import GREY, INK, moving

Array = NDArray[np.float64]
Bytes = NDArray[np.uint8]

ROWS, COLUMNS = 106, 160  # of the pictures
LARGEST = 5  # rows and columns of a kernel
LONGEST_TEXT = 400  # characters; 25 weights with fifteen digits each fit
PRESETS = {
    "identity": "0 0 0; 0 1 0; 0 0 0",
    "blur 3 × 3": "(1 1 1; 1 1 1; 1 1 1)/9",
    "blur 5 × 5": "(1 1 1 1 1; 1 1 1 1 1; 1 1 1 1 1; 1 1 1 1 1; 1 1 1 1 1)/25",
    "soft blur 5 × 5": "(1 4 6 4 1; 4 16 24 16 4; 6 24 36 24 6; 4 16 24 16 4; 1 4 6 4 1)/256",
    "sharpen": "0 -1 0; -1 5 -1; 0 -1 0",
    "sharpen 5 × 5": (
        "(-1 -1 -1 -1 -1; -1 -1 -1 -1 -1; -1 -1 49 -1 -1; -1 -1 -1 -1 -1; -1 -1 -1 -1 -1)/25"
    ),
    "upright edges (Sobel)": "1 0 -1; 2 0 -2; 1 0 -1",
    "flat edges (Sobel)": "1 2 1; 0 0 0; -1 -2 -1",
    "upright edges 1 × 2": "1 -1",
    "all edges (Laplace)": "0 1 0; 1 -4 1; 0 1 0",
    "emboss": "-2 -1 0; -1 1 1; 0 1 2",
    "motion 5 × 5": "(1 0 0 0 0; 0 1 0 0 0; 0 0 1 0 0; 0 0 0 1 0; 0 0 0 0 1)/5",
    "all ones": "1 1 1; 1 1 1; 1 1 1",
}
PHOTOGRAPHS = {"temple": "china.jpg", "flower": "flower.jpg"}
STRIPES = {"stripes, upright": 1, "stripes, flat": 0}  # the axis along which they follow each other
PICTURES = (*PHOTOGRAPHS, *STRIPES)
LUMA = (0.299, 0.587, 0.114)  # red, green, blue: ITU-R BT.601
_NUMBER = r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?"
_WEIGHT = re.compile(rf"({_NUMBER})(?:/({_NUMBER}))?", re.IGNORECASE)
# Blue for weights below 0, orange for those above, as in the palette of the book.
_SHADES = {-1: np.array([0x56, 0xB4, 0xE9]) / 255, 1: np.array([0xE6, 0x9F, 0x00]) / 255}


@dataclass(frozen=True)
class Weights:
    """A kernel as it was typed: `written`, shape (k_h, k_w), each to be divided by `divisor`."""

    written: Array
    divisor: float = 1.0

    @property
    def kernel(self) -> Array:
        """The weights themselves."""
        return self.written / self.divisor + 0.0  # no minus sign before a zero


@dataclass(frozen=True)
class Filtered:
    """An image, a kernel, and their cross-correlation.

    weights: None when the text is no kernel, then `complaint` says why.
    output: (106 − k_h + 1, 160 − k_w + 1); None without a kernel. It can hold infinities and NaN.
    signed: whether 0 is drawn as gray, since the weights add up to 0; else 0 is black, 1 is white.
    scale: what is drawn as white.
    white, black: shares of the pixels beyond the range that is drawn; NaN is in neither.
    """

    text: str
    photograph: str
    image: Array
    weights: Weights | None
    complaint: str = ""
    output: Array | None = None
    signed: bool = False
    scale: float = 1.0
    white: float = 0.0
    black: float = 0.0

    @property
    def name(self) -> str:
        """What the kernel is called in the list of presets; "" for one of the reader's own."""
        if self.weights is None:
            return ""
        found = [name for name, k in _presets().items() if np.array_equal(k, self.weights.kernel)]
        return found[0] if found else ""


def read_kernel(text: str) -> tuple[Weights | None, str]:
    """The weights in text such as "1 0 -1; 2 0 -2; 1 0 -1", "(1 1; 1 1)/4" or "[[1, 0], [0, 1]]".

    Rows end with semicolons, weights with blanks or commas; a weight may be a fraction like 1/9.
    Rows in brackets of their own, as Python writes a list of lists, are read as well.

    Returns:
        From 1×1 to 5×5 finite weights and ""; or None and what is wrong.
    """
    try:
        return _read_kernel(text), ""
    except ValueError as error:
        return None, str(error)


def _read_kernel(text: str) -> Weights:
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"these are {len(text)} characters; {LONGEST_TEXT} are read at most")
    inner = text.replace("\N{MINUS SIGN}", "-").strip()
    inner = re.sub(r"\]\s*,?\s*\[", ";", re.sub(r"\],\s*\]", "]]", inner))  # rows of Python
    divisor = 1.0
    if scaled := re.fullmatch(rf"(\(.*\)|\[.*\])\s*/\s*({_NUMBER})", inner, re.DOTALL | re.I):
        inner, divisor = scaled[1], _read_weight(scaled[2])
        if divisor == 0:
            raise ValueError("it is divided by 0")
    for _ in range(2):  # around the kernel, and around its first and last row
        if bracketed := re.fullmatch(r"\[(.*)\]|\((.*)\)", inner, re.DOTALL):
            inner = (bracketed[1] or bracketed[2] or "").strip()
    inner = re.sub(r"\s*/\s*", "/", inner).strip().rstrip(";")
    if not inner.strip():
        raise ValueError("nothing is typed; a kernel of one weight is 1")
    rows = [[_read_weight(word) for word in re.split(r"[\s,]+", row.strip()) if word]
            for row in re.split(r";\s*|\n", inner)]  # fmt: skip
    lengths = [len(row) for row in rows]
    if 0 in lengths:
        raise ValueError("a row is empty beside a semicolon")
    if len(set(lengths)) > 1:
        counts = ", ".join(map(str, lengths[: LARGEST + 1]))
        raise ValueError(f"its rows have {counts} weights; all rows are equally long")
    if max(len(rows), lengths[0]) > LARGEST:
        raise ValueError(f"these are {len(rows)} × {lengths[0]} weights; the lab takes up to 5 × 5")
    weights = Weights(np.array(rows) + 0.0, divisor)
    with np.errstate(over="ignore"):
        if not (np.isfinite(weights.written).all() and np.isfinite(weights.kernel).all()):
            raise ValueError("a weight is larger than a computer's numbers, about 10³⁰⁸")
    return weights


def _read_weight(word: str) -> float:
    match = _WEIGHT.fullmatch(word)
    if match is None:
        raise ValueError(f"{shortened(word)} is not a number; write it like −2, 0.5 or 1/9")
    denominator = float(match[4]) if match[4] else 1.0
    if denominator == 0:
        raise ValueError(f"{shortened(word)} divides by 0")
    return float(match[1]) / denominator


def why_no_kernel(text: str) -> str:
    """What is wrong with a kernel that was typed; "" when nothing is."""
    return read_kernel(text)[1]


def shortened(text: str, length: int = 14) -> str:
    """Typed text in quotation marks, short enough for a line of the picture."""
    shown = "".join(c if c.isprintable() else "?" for c in text.strip()[: length + 1])
    return f"“{shown if len(shown) <= length else shown[: length - 1] + '…'}”"


@functools.cache
def _presets() -> dict[str, Array]:
    return {name: _read_kernel(text).kernel for name, text in PRESETS.items()}


@functools.cache
def picture(name: str) -> Array:
    """One of `PICTURES`, gray values from 0 to 1, shape (106, 160).

    Photographs are those of scikit-learn ("china.jpg" and "flower.jpg", by the photographers named
    in its `sklearn/datasets/images/README.txt`), in blocks of 4×4 pixels. Importing its package
    for data sets costs a second; the files are read directly.
    """
    if name in STRIPES:
        across = np.arange(ROWS if STRIPES[name] == 0 else COLUMNS) // 16 % 2 == 0
        bands = across[:, np.newaxis] if STRIPES[name] == 0 else across
        gray = np.broadcast_to(bands, (ROWS, COLUMNS)).astype(np.float64)
    else:
        found = find_spec("sklearn")
        assert found is not None and found.origin is not None  # the package requires it
        path = Path(found.origin).parent / "datasets" / "images" / PHOTOGRAPHS[name]
        with Image.open(path) as photograph:
            colors = np.asarray(photograph.convert("RGB"), dtype=np.float64) / 255
        gray = colors[: 4 * ROWS, : 4 * COLUMNS] @ np.array(LUMA)
        gray = gray.reshape(ROWS, 4, COLUMNS, 4).mean(axis=(1, 3))
    gray.flags.writeable = False
    return gray


def correlate(image: Array, kernel: Array) -> Array:
    """Cross-correlation, without padding; weights of any size, which may overflow."""
    output = np.zeros((image.shape[0] - kernel.shape[0] + 1, image.shape[1] - kernel.shape[1] + 1))
    rows, columns = output.shape
    for (a, b), weight in np.ndenumerate(kernel):
        if weight:
            output += weight * image[a : a + rows, b : b + columns]
    return output


class Kernel(Lab[Filtered]):
    """A kernel from a list or of the reader's own, on a photograph or on stripes.

    The input, the kernel with its weights, and the output of `corr2d`. Outputs of kernels whose
    weights add up to 0 have both signs and are drawn around gray; all others are cut to the range
    from black, 0, to white, 1. Explained in chapter 22.
    """

    title = "A kernel on a photograph"
    size = (8.4, 2.7)
    controls: ClassVar[dict[str, Control]] = {
        "kernel": Text(
            "kernel", tuple(PRESETS.values()), PRESETS["upright edges (Sobel)"], why_no_kernel
        ),
        "photograph": Choice("picture", PICTURES, "temple"),
    }

    def simulate(self, *, kernel: str, photograph: str) -> Filtered:  # type: ignore[override]
        """The output of the kernel, how it is drawn, and how much of it cannot be drawn."""
        image = picture(photograph)
        weights, complaint = read_kernel(kernel)
        if weights is None:
            return Filtered(kernel, photograph, image, None, complaint)
        with np.errstate(over="ignore", invalid="ignore"):
            output = correlate(image, weights.kernel)
        size = float(np.abs(weights.kernel).max())
        # Rounding leaves 0.1 + 0.2 − 0.3 a little off 0. Scaled, the sum cannot overflow.
        total = abs(float((weights.kernel / size).sum())) if size else 0.0
        signed = size > 0 and total < 1e-12 * weights.kernel.size
        finite = np.abs(output[np.isfinite(output)])
        largest = float(finite.max()) if finite.size else 0.0
        if signed and largest < 1e-12 * size:  # even areas leave rounding errors
            output, largest = np.zeros_like(output), 0.0
        scale = largest if signed and largest > 0 else 1.0
        output.flags.writeable = False
        return Filtered(
            text=kernel,
            photograph=photograph,
            image=image,
            weights=weights,
            output=output,
            signed=signed,
            scale=scale,
            white=float((output > scale + 1e-12).mean()),
            black=float((output < (-scale if signed else 0.0) - 1e-12).mean()),
        )

    def describe(self, result: Filtered) -> str:
        """One sentence: the kernel, the size and brightness of the output, and what is lost."""
        if result.weights is None or result.output is None:
            return f"Not a kernel: {shortened(result.text, 18)}, because {result.complaint}."
        height, width = result.weights.written.shape
        called = f", “{result.name}”," if result.name else ""
        rows, columns = result.output.shape
        kind, _, way = result.photograph.partition(", ")
        where = f"{way} {kind}".strip()
        return (
            f"The kernel of {height} × {width}{called} adds up to {_total(result)} and makes "
            f"{rows} × {columns} outputs of the {where}: {_outcome(result)}."
        )

    def layout(self, figure: Figure) -> SimpleNamespace:
        """Input, kernel and output side by side."""
        places = ((0.008, 0.376), (0.4, 0.2), (0.616, 0.376))
        before, middle, after = (figure.add_axes((x, 0.09, w, 0.8)) for x, w in places)
        for axes in (before, after):
            axes.set(xlim=(0, COLUMNS), ylim=(ROWS, 0), facecolor="#f4f4f4")
        middle.set(xlim=(-0.02, LARGEST + 0.02), ylim=(LARGEST + 0.02, -0.02))
        drawn = []
        for axes in (before, middle, after):
            axes.set(xticks=[], yticks=[], aspect="equal", anchor="N")
            axes.spines[:].set_visible(False)
            blank = np.zeros((2, 2, 4), dtype=np.uint8)
            image = AxesImage(axes, interpolation="nearest", extent=(0, COLUMNS, ROWS, 0))
            image.set_data(blank)
            axes.add_image(image)
            drawn.append(image)
        # A kernel of five rows is as high as it is wide; smaller ones stand in its middle.
        weights = [
            moving(middle.text(0, 0, "", ha="center", va="center_baseline", fontsize=9, zorder=4))
            for _ in range(LARGEST**2)
        ]
        before.set_title(f"input, {ROWS} × {COLUMNS} pixels", pad=5)
        middle.set_title("kernel", loc="center", pad=5)
        head = after.set_title("output", pad=5)
        frame: dict[str, Any] = {"facecolor": "none", "edgecolor": "#777777", "linewidth": 0.8}
        before.add_patch(Rectangle((0, 0), COLUMNS, ROWS, **frame))
        frames = [axes.add_patch(Rectangle((0, 0), 1, 1, **frame)) for axes in (middle, after)]
        name = middle.text(
            LARGEST / 2, LARGEST + 0.15, "", ha="center", va="top", fontsize=9, linespacing=1.4
        )
        scale = after.text(0, ROWS + 3, "", va="top", fontsize=9)
        refused = after.text(
            COLUMNS / 2, ROWS / 2, "", ha="center", va="center", color=GREY, fontsize=12
        )
        return SimpleNamespace(
            shown=None,
            input=drawn[0],  # kept with the background, since it changes rarely
            grid=moving(drawn[1]),
            output=moving(drawn[2]),
            frames=[moving(patch) for patch in frames],
            weights=weights,
            head=moving(head),
            name=moving(name),
            scale=moving(scale),
            refused=moving(refused),
        )

    def draw(self, result: Filtered, axes: SimpleNamespace) -> None:
        """Show the three pictures and what black and white mean in the last."""
        if axes.shown != result.photograph:  # the same data again would cost a full redraw
            axes.input.set_data(_gray(result.image))
            axes.shown = result.photograph
        _draw_kernel(axes, result)
        for artist in (axes.output, *axes.frames):
            artist.set_visible(result.output is not None)
        axes.refused.set_text("" if result.output is not None else "✗ no output")
        if result.output is None:
            axes.head.set_text("output")
            axes.scale.set_text("")
            return
        rows, columns = result.output.shape
        top, left = (ROWS - rows) / 2, (COLUMNS - columns) / 2
        axes.output.set_extent((left, left + columns, top + rows, top))
        axes.frames[1].set_bounds(left, top, columns, rows)
        low, scale = -1.0 if result.signed else 0.0, result.scale
        level = (result.output / scale - low) / (1 - low)
        # What is no number is drawn halfway between black and white.
        axes.output.set_data(_gray(np.nan_to_num(level, nan=0.5, posinf=1.0, neginf=0.0)))
        high = number(scale)
        meaning = (
            f"black \N{MINUS SIGN}{high}, gray 0, white {high}"
            if result.signed
            else "black: 0 or less, white: 1 or more"
        )
        axes.head.set_text(f"output, {rows} × {columns}")
        axes.scale.set_text(meaning)


def _total(result: Filtered) -> str:
    """The sum of the weights, for a sentence."""
    assert result.weights is not None
    if result.signed:
        return "0"
    with np.errstate(over="ignore"):
        return number(float(result.weights.kernel.sum()))


def _outcome(result: Filtered) -> str:
    """What is seen in the output."""
    output = result.output
    assert output is not None
    if np.isnan(output).any() or np.isinf(output).any():
        share = number(100 * float((~np.isfinite(output)).mean()))
        return f"{share}% of the sums are too large for a computer's numbers and overflow"
    if not output.any():
        return "all are 0, so this kernel is blind here"
    low, high = number(float(output.min())), number(float(output.max()))
    if result.signed:
        return f"even areas give 0 (gray), changes give {low} to {high}"
    text = (
        f"they run from {low} to {high}, {_mean(output)} on average ({_mean(result.image)} before)"
    )
    beyond = [
        f"{_percent(share)} are {how}"
        for share, how in ((result.black, "below black"), (result.white, "above white"))
        if share > 0
    ]
    return f"{text}, and {' and '.join(beyond)}" if beyond else text


def _mean(image: Array) -> str:
    largest = float(np.abs(image).max()) or 1.0  # scaled, the sum cannot overflow
    return number(largest * float((image / largest).mean()))


def _percent(share: float) -> str:
    if share < 0.01:
        return "less than 1%"
    return f"{math.floor(100 * share)}%" if share < 1 else "all"


def _gray(level: Array) -> Bytes:
    """Levels from 0 to 1, cut there, as RGBA bytes: Matplotlib draws those the fastest."""
    shades = np.round(255 * np.clip(level, 0.0, 1.0)).astype(np.uint8)
    pixels = np.full((*shades.shape, 4), 255, dtype=np.uint8)
    pixels[..., :3] = shades[..., np.newaxis]
    return pixels


def _short(weight: float) -> str:
    """A weight on about five characters: two significant digits, no zero before a point."""
    if weight == int(weight) and abs(weight) < 10_000:
        text = f"{weight:.0f}"
    elif 0.01 <= abs(weight) < 1000:
        text = f"{weight:.{max(0, 1 - math.floor(math.log10(abs(weight))))}f}"
        text = re.sub(r"^(-?)0\.", r"\1.", text)
    else:
        digits, power = f"{weight:.0e}".split("e")
        text = f"{digits}e{int(power)}"
    return text.replace("-", "\N{MINUS SIGN}")


def _draw_kernel(axes: SimpleNamespace, result: Filtered) -> None:
    for text in axes.weights:
        text.set_visible(False)
    axes.grid.set_visible(result.weights is not None)
    if result.weights is None:
        axes.name.set_text("not a kernel")
        return
    kernel = result.weights.written
    rows, columns = kernel.shape
    top, left = (LARGEST - rows) / 2, (LARGEST - columns) / 2
    largest = float(np.abs(kernel).max()) or 1.0
    colors = np.ones((rows, columns, 4))
    written = [_short(float(weight)) for weight in kernel.flat]
    points = 9 if max(map(len, written)) <= 4 else 7
    for (a, b), weight in np.ndenumerate(kernel):
        strength = 0.15 + 0.85 * abs(weight) / largest if weight else 0.0
        colors[a, b, :3] += strength * (_SHADES[1 if weight > 0 else -1] - 1)
        text = axes.weights[a * LARGEST + b]
        text.set_position((left + b + 0.5, top + a + 0.5))
        text.set_text(written[a * columns + b])
        text.set_fontsize(points)
        text.set_color(INK)
        text.set_visible(True)
    axes.grid.set_extent((left, left + columns, top + rows, top))
    axes.frames[0].set_bounds(left, top, columns, rows)
    axes.grid.set_data(np.round(255 * colors).astype(np.uint8))
    divided = f", all ÷ {number(result.weights.divisor)}" if result.weights.divisor != 1 else ""
    axes.name.set_text((result.name or f"your own {rows} × {columns}") + divided)
