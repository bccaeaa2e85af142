"""Lab of chapter 12: one step at a time through a small graph, forward and then backward."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import ClassVar

from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyBboxPatch
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D

from d2lhelpers.labs.base import Lab, number
from d2lhelpers.labs.controls import Choice, Control, IntSlider, Slider
from d2lhelpers.labs.stage import BLUE, GREY, INK, ORANGE, moving

Point = tuple[float, float]

STEPS = 7  # three operations forward, the gradient of the result, three operations backward
BROWN = "#8A3C00"  # of gradients, as in the chapter's drawings
SATURATED = 0.01  # slope of the sigmoid below which the neuron hardly answers
# The picture is one pair of axes in inches; so are all places below.
WIDTH, HEIGHT = 8.4, 4.0
BOX_WIDTH, BOX_HEIGHT = 1.36, 0.76
COLUMNS, ROWS = (0.95, 3.05, 5.15, 7.25), (3.35, 2.4, 1.45)


def _sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))


@dataclass(frozen=True)
class Rule:
    """One kind of operation: operands to the result, operands to the slopes, and words."""

    result: Callable[..., float]
    slopes: Callable[..., tuple[float, ...]]
    words: str
    backward_words: str


def _max_slopes(p: float, q: float) -> tuple[float, float]:
    return (0.5, 0.5) if p == q else (float(p > q), float(q > p))


RULES = {
    "times": Rule(
        lambda x, y: x * y,
        lambda x, y: (y, x),
        "the slope for each factor is the other factor",
        "times swaps: each factor gets the gradient times the other factor",
    ),
    "plus": Rule(
        lambda x, y: x + y,
        lambda x, y: (1.0, 1.0),
        "a nudge of either part arrives unchanged, so both slopes are 1",
        "plus hands the gradient on as it is",
    ),
    "three": Rule(
        lambda x: 3 * x,
        lambda x: (3.0,),
        "a nudge arrives three times as large, so the slope is 3",
        "the factor 3 triples the gradient",
    ),
    "sigmoid": Rule(
        _sigmoid,
        lambda z: (_sigmoid(z) * _sigmoid(-z),),
        "the slope is σ(1 − σ)",
        "the sigmoid multiplies the gradient by its slope σ(1 − σ)",
    ),
    "max": Rule(
        lambda p, q: max(p, q),
        _max_slopes,
        "the larger has the slope 1, the other 0",
        "max is a switch: the larger gets everything, the other nothing",
    ),
}


@dataclass(frozen=True)
class Operation:
    """`name` = `rule` applied to the values called `operands`; `text` is its right-hand side."""

    name: str
    rule: str
    operands: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Expression:
    """Three operations in the order of computation, and the column and row of each node."""

    operations: tuple[Operation, ...]
    places: dict[str, tuple[float, float]]


_DIAMOND = {"b": (0.3, 0.0), "a": (0.3, 1.0), "c": (0.3, 2.0)}
EXPRESSIONS = {
    "J = 3 (a + b c)": Expression(
        (
            Operation("v", "times", ("b", "c"), "b · c"),
            Operation("u", "plus", ("a", "v"), "a + v"),
            Operation("J", "three", ("u",), "3 · u"),
        ),
        {"a": (1.0, 0.0), "b": (0.0, 1.0), "c": (0.0, 2.0)}
        | {"v": (1.0, 1.5), "u": (2.0, 0.75), "J": (3.0, 0.75)},
    ),
    "neuron: σ(a b + c)": Expression(
        (
            Operation("p", "times", ("a", "b"), "a · b"),
            Operation("z", "plus", ("p", "c"), "p + c"),
            Operation("s", "sigmoid", ("z",), "σ(z)"),
        ),
        {"a": (0.0, 0.0), "b": (0.0, 1.0), "c": (1.0, 2.0)}
        | {"p": (1.0, 0.5), "z": (2.0, 1.25), "s": (3.0, 1.25)},
    ),
    "switch: max(a b, a + c)": Expression(
        (
            Operation("p", "times", ("a", "b"), "a · b"),
            Operation("q", "plus", ("a", "c"), "a + c"),
            Operation("y", "max", ("p", "q"), "max(p, q)"),
        ),
        _DIAMOND | {"p": (1.4, 0.3), "q": (1.4, 1.7), "y": (2.6, 1.0)},
    ),
    "a used twice: (a + b) · a c": Expression(
        (
            Operation("p", "plus", ("a", "b"), "a + b"),
            Operation("q", "times", ("a", "c"), "a · c"),
            Operation("y", "times", ("p", "q"), "p · q"),
        ),
        _DIAMOND | {"p": (1.4, 0.3), "q": (1.4, 1.7), "y": (2.6, 1.0)},
    ),
}


@dataclass(frozen=True)
class Sweep:
    """What is known after some steps.

    step: 0 to 7: the inputs alone; three operations forward; the gradient of the result;
        three operations backward.
    values: number of each node that is known.
    slopes: of each edge (operand, node) whose operation is computed.
    gradients: share collected so far by each node that got one.
    complete: nodes whose gradient is final.
    active: the operation of this step; None at step 0 and when the result gets its 1.
    shares: what each operand of the active operation got in this backward step.
    """

    expression: str
    step: int
    values: dict[str, float]
    slopes: dict[tuple[str, str], float]
    gradients: dict[str, float]
    complete: frozenset[str]
    active: Operation | None
    shares: dict[str, float]


class BackpropByHand(Lab[Sweep]):
    """Steps forward and backward through one of four expressions of a, b and c.

    Each step shows one local rule, with its numbers. Explained in chapter 12.
    """

    title = "Backpropagation by hand: one operation at a time"
    size = (WIDTH, HEIGHT)
    controls: ClassVar[dict[str, Control]] = {
        "expression": Choice("expression", tuple(EXPRESSIONS), "J = 3 (a + b c)"),
        "step": IntSlider("step", 0, STEPS, 5),
        "a": Slider("input a", -6.0, 6.0, 1.0, step=1.0),
        "b": Slider("input b", -6.0, 6.0, 3.0, step=1.0),
        "c": Slider("input c", -6.0, 6.0, -2.0, step=1.0),
    }

    def simulate(  # type: ignore[override]
        self, *, expression: str, step: int, a: float, b: float, c: float
    ) -> Sweep:
        """Values, slopes and gradients that are known after `step` steps."""
        operations = EXPRESSIONS[expression].operations
        values = {"a": a, "b": b, "c": c}
        slopes: dict[tuple[str, str], float] = {}
        for operation in operations[:step]:
            rule, numbers = RULES[operation.rule], [values[x] for x in operation.operands]
            values[operation.name] = rule.result(*numbers)
            for operand, slope in zip(operation.operands, rule.slopes(*numbers), strict=True):
                slopes[operand, operation.name] = slope
        gradients: dict[str, float] = {}
        shares: dict[str, float] = {}
        if step > 3:
            gradients[operations[-1].name] = 1.0
        for operation in operations[::-1][: max(0, step - 4)]:
            gradient = gradients[operation.name]
            shares = {x: gradient * slopes[x, operation.name] for x in operation.operands}
            for operand, share in shares.items():
                gradients[operand] = gradients.get(operand, 0.0) + share
        waiting = {x for operation in operations[: max(0, 7 - step)] for x in operation.operands}
        return Sweep(
            expression,
            step,
            values,
            slopes,
            gradients,
            frozenset(gradients) - waiting,
            operations[step - 1] if 1 <= step <= 3 else operations[7 - step] if step > 4 else None,
            shares,
        )

    def describe(self, result: Sweep) -> str:
        """One sentence: the step in words and numbers; at the end all the gradients."""
        if result.step == STEPS:
            last = EXPRESSIONS[result.expression].operations[-1].name
            found = ", ".join(f"{x} {number(result.gradients[x])}" for x in "abc")
            text = f"Done: {last} = {number(result.values[last])} and the gradients are {found}"
        else:
            heading, rule, numbers = _words(result)
            text = f"{heading}: {numbers}" + (f"; {rule}" if rule else "")
        return f"{text}{_remark(result)}."

    def layout(self, figure: Figure) -> SimpleNamespace:
        """One pair of axes in inches; the expression decides what stands where."""
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        return SimpleNamespace(axes=axes, expression=None)

    def draw(self, result: Sweep, axes: SimpleNamespace) -> None:
        """Fill in what is known, and mark the operation of this step."""
        if axes.expression != result.expression:
            _draw_expression(axes, result.expression)
        arrows, plates, words = [], [], _lines(result)
        active, backward = result.active, result.step > 4
        for (operand, node), ends in axes.edges.items():
            here = active is not None and active.name == node
            color = GREY if not here else ORANGE if backward else BLUE
            tail, tip = ends[::-1] if here and backward else ends
            arrows.append((_arrow(tail, tip, 0.035 if here else 0.017), color))
            if (operand, node) in result.slopes:
                word, plate = _slope(_short(result.slopes[operand, node]), *ends)
                words.append(word)
                plates.append(plate)
        frames = []
        for name, (x, y) in axes.where.items():
            computed = active is not None and name == active.name and not backward
            if computed or name in result.shares or (result.step == 4 and name == axes.last):
                frames.append((axes.frames[name], BLUE if computed else ORANGE))
            value, gradient = _numbers(result, name)
            words.append(Word(value, x, y - 0.05, 9, "#00507F"))
            words.append(Word(gradient, x, y - 0.27, 9, BROWN))
        axes.words.set_paths([word.path() for word in words])
        axes.words.set_facecolor([word.color for word in words])
        axes.plates.set_verts(plates)
        axes.arrows.set_verts([verts for verts, _ in arrows])
        axes.arrows.set_facecolor([color for _, color in arrows])
        axes.frames_now.set_paths([path for path, _ in frames])
        axes.frames_now.set_edgecolor([color for _, color in frames])


@dataclass(frozen=True)
class Word:
    """A piece of text as an outline, on a baseline at `y`; twenty of them cost one artist."""

    text: str
    x: float
    y: float
    size: float  # points
    color: str
    weight: str = "normal"
    style: str = "normal"
    align: str = "center"

    @property
    def width(self) -> float:
        """In inches."""
        return _outline(self.text, self.weight, self.style)[1] * self.size / 72

    def path(self) -> Path:
        """The outline at its place, in inches."""
        outline, _ = _outline(self.text, self.weight, self.style)
        left = self.x - self.width / 2 if self.align == "center" else self.x
        move = Affine2D().scale(self.size / 72).translate(left, self.y)
        return outline.transformed(move)


@functools.lru_cache(maxsize=4096)
def _outline(text: str, weight: str, style: str) -> tuple[Path, float]:
    """The outline of a text in a font of size 1, and its width."""
    font = FontProperties(weight=weight, style=style)  # type: ignore[arg-type]
    path = TextPath((0, 0), text, size=1, prop=font)
    return path, float(path.get_extents().x1) if len(path.vertices) else 0.0


def _numbers(result: Sweep, name: str) -> tuple[str, str]:
    """The two lines in the box of a node: its value, and the gradient collected so far."""
    value = number(result.values[name]) if name in result.values else "?"
    gradient = number(result.gradients[name]) if name in result.gradients else "?"
    partial = " + …" if name in result.gradients and name not in result.complete else ""
    return f"value {value}", f"grad {gradient}{partial}"


def _lines(result: Sweep) -> list[Word]:
    """The three lines below the graph."""
    heading, rule, numbers = _words(result)
    return [
        Word(heading, 0.25, 0.65, 10.5, INK, weight="bold", align="left"),
        Word(rule[:1].upper() + rule[1:], 0.25, 0.39, 10, INK, align="left"),
        Word(numbers, 0.25, 0.13, 10, INK, align="left"),
    ]


def _slope(text: str, start: Point, end: Point) -> tuple[Word, list[Point]]:
    """The slope at the middle of an arrow, and the white plate behind it."""
    level = start[1] == end[1]  # above a level arrow there is room for a long number
    x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2 + (0.14 if level else 0.0)
    word = Word(text, x, y - 0.045, 9, INK, style="italic")
    half = word.width / 2 + 0.025
    return word, [
        (x - half, y - 0.075),
        (x + half, y - 0.075),
        (x + half, y + 0.075),
        (x - half, y + 0.075),
    ]


def _arrow(start: Point, end: Point, width: float) -> list[Point]:
    """The corners of an arrow, shaft and head, that ends just before `end`."""
    length = math.dist(start, end)
    along = ((end[0] - start[0]) / length, (end[1] - start[1]) / length)
    head, gap = 0.09 + width, 0.03

    def corner(distance: float, aside: float) -> Point:
        return (
            start[0] + along[0] * distance - along[1] * aside,
            start[1] + along[1] * distance + along[0] * aside,
        )

    tip, neck, half = length - gap, length - gap - head, width / 2
    shaft = [corner(0, half), corner(neck, half)]
    wings = [corner(neck, 0.4 * head), corner(tip, 0), corner(neck, -0.4 * head)]
    return [*shaft, *wings, corner(neck, -half), corner(0, -half)]


def _words(result: Sweep) -> tuple[str, str, str]:
    """What this step is, the rule behind it, and its numbers."""
    operations = EXPRESSIONS[result.expression].operations
    step, active = result.step, result.active
    heading = f"Step {step} of {STEPS}"
    if step == 0:
        return (
            f"{heading}, the inputs of {result.expression}",
            "nothing is computed yet",
            ", ".join(f"{x} = {number(result.values[x])}" for x in "abc"),
        )
    if active is None:
        last = operations[-1].name
        return (
            f"{heading}, backward: the start",
            f"when {last} grows by a little, {last} grows by just as much",
            f"{last} gets the gradient 1",
        )
    rule = RULES[active.rule]
    if step <= 3:
        numbers = [number(result.values[x]) for x in active.operands]
        filled = active.text
        for name, text in zip(active.operands, numbers, strict=True):
            filled = re.sub(rf"(?<=[·+] )\b{name}\b", _factor(text), filled)
            filled = re.sub(rf"\b{name}\b", text, filled)
        return (
            f"{heading}, forward: {active.name} = {active.text}",
            rule.words,
            f"{active.name} = {filled} = {number(result.values[active.name])}",
        )
    gradient = number(result.gradients[active.name])
    gets = []
    for name, share in result.shares.items():
        slope = _factor(number(result.slopes[name, active.name]))
        text = f"{name} gets {gradient} · {slope} = {number(share)}"
        total = result.gradients[name]
        other = total - share
        if name == "a" and _earlier_share(result):
            sign = "\N{MINUS SIGN}" if share < 0 else "+"
            text += f", in all {number(other)} {sign} {number(abs(share))} = {number(total)}"
        gets.append(text)
    return (
        f"{heading}, backward through {active.name} = {active.text}",
        rule.backward_words,
        "; ".join(gets),
    )


def _factor(text: str) -> str:
    """A number as it stands behind an operator: negative ones in parentheses."""
    return f"({text})" if text.startswith("\N{MINUS SIGN}") else text


def _short(slope: float) -> str:
    """A slope with room for five digits; a saturated neuron has slopes that need more."""
    return "≈ 0" if 0 < abs(slope) < 1e-3 else number(slope)


def _earlier_share(result: Sweep) -> bool:
    """Whether `a` got its first share in an earlier step, and its second in this one."""
    users = [x for x in EXPRESSIONS[result.expression].operations if "a" in x.operands]
    return len(users) == 2 and result.active == users[0]


def _remark(result: Sweep) -> str:
    """What is odd about these numbers; empty when nothing is."""
    active = EXPRESSIONS[result.expression].operations[-1]
    slopes = [result.slopes.get((x, active.name)) for x in active.operands]
    if active.rule == "sigmoid" and slopes[0] is not None and slopes[0] < SATURATED:
        return f"; the neuron is saturated, its slope is only {number(slopes[0])}"
    if active.rule == "max" and slopes[0] == slopes[1] == 0.5:
        return "; p and q are equal, and each gets half, as in PyTorch"
    return ""


def _draw_expression(axes: SimpleNamespace, name: str) -> None:
    expression, canvas = EXPRESSIONS[name], axes.axes
    canvas.clear()
    canvas.axis("off")
    canvas.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))
    axes.expression, axes.last = name, expression.operations[-1].name
    axes.where = {node: _place(*place) for node, place in expression.places.items()}
    axes.edges = {}
    for operation in expression.operations:
        for operand in operation.operands:
            (x0, y0), (x1, y1) = axes.where[operand], axes.where[operation.name]
            axes.edges[operand, operation.name] = (
                (x0 + BOX_WIDTH / 2, y0),
                (x1 - BOX_WIDTH / 2, y1),
            )
    texts = {operation.name: operation.text for operation in expression.operations}
    axes.frames = {}
    for node, (x, y) in axes.where.items():
        box = FancyBboxPatch(
            (x - BOX_WIDTH / 2, y - BOX_HEIGHT / 2),
            BOX_WIDTH,
            BOX_HEIGHT,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor="#D6E9F5" if node in texts else "#FFE3B3",
            edgecolor="#444444",
        )
        canvas.add_patch(box)
        axes.frames[node] = box.get_path()
        title = f"{node} = {texts[node]}" if node in texts else node
        canvas.text(x, y + 0.22, title, fontsize=10.5, fontweight="bold", ha="center", va="center")
    canvas.plot([0.2, WIDTH - 0.2], [0.9, 0.9], color="#cccccc", linewidth=1)
    axes.arrows = moving(PolyCollection([], linewidths=0, zorder=2))
    axes.plates = moving(PolyCollection([], facecolors="white", linewidths=0, zorder=3))
    axes.frames_now = moving(PathCollection([], facecolors="none", linewidths=3.0, zorder=4))
    axes.words = moving(PathCollection([], linewidths=0, zorder=5))
    for collection in (axes.arrows, axes.plates, axes.frames_now, axes.words):
        collection.set_transform(canvas.transData)
        canvas.add_collection(collection, autolim=False)


def _place(column: float, row: float) -> Point:
    x = COLUMNS[0] + column * (COLUMNS[1] - COLUMNS[0])
    return x, ROWS[0] + row * (ROWS[1] - ROWS[0]) + 0.12
