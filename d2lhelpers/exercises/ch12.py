"""Checks of chapter 12, Computational graphs."""

import math
import random
import time
from collections.abc import Callable
from typing import Any

from d2lhelpers.computational_graphs import Value

from .registry import exercise, require

_SECONDS = 60.0


@exercise("12.1")
def value_and_gradients(answer) -> None:
    require(isinstance(answer, tuple | list) and len(answer) == 3, "three numbers are wanted")
    value, grad_a, grad_b = answer
    require(value == 15, "go forward first: the sum, then the product")
    require(grad_a != 1, "the sum hands on what it gets; what does it get from the product?")
    require(grad_a == 3, "the sum gets the other factor of the product, and hands all of it to a")
    require(grad_b != 15, "the shares of the two ways are added, not multiplied")
    require(
        grad_b not in (3, 5), "two edges leave b, one to the sum and one to the product: add both"
    )
    require(grad_b == 8, "b gets one share through the sum, and one as a factor of the product")


@exercise("12.2")
def sigmoid_rule(answer) -> None:
    for a in (0.0, 1.0, -2.0, 0.3):
        found = answer(a)
        require(
            isinstance(found, tuple | list) and len(found) == 2,
            "return two numbers: value and slope",
        )
        value, slope = found
        sigma = 1 / (1 + math.exp(-a))
        require(
            math.isclose(value, sigma, rel_tol=1e-9),
            f"the value at {a:g} is {value:.4g}; the sigmoid is {sigma:.4g} there",
        )
        require(
            not math.isclose(slope, -sigma * (1 - sigma)),
            "the sigmoid rises everywhere; is a minus sign lost in the exponent?",
        )
        require(
            math.isclose(slope, sigma * (1 - sigma), rel_tol=1e-9),
            f"the slope at {a:g} is {slope:.4g}; compare with (σ(a + h) − σ(a − h)) / 2h",
        )
    for a in (-1000.0, 1000.0):
        try:
            value, slope = answer(a)
        except OverflowError:
            value = slope = math.nan
        require(
            value == (a > 0) and slope == 0,
            f"at {a:g} the value should be {float(a > 0):g} and the slope 0: arrange the formula "
            "so that the exponent is never positive",
        )
    for a in (-40.0, 40.0):
        slope = answer(a)[1]
        require(
            math.isclose(slope, math.exp(-40.0), rel_tol=1e-9),
            f"the slope at {a:g} is {slope:.4g}; it should be e^−40, about 4.248e-18: "
            "1 − σ is rounded to 0 at 40, so write the slope without that difference",
        )


class _Watched(Value):
    """A value that counts how often its edges are looked at."""

    looks = 0

    @property
    def edges(self) -> Any:
        _Watched.looks += 1
        require(
            _Watched.looks < 20_000,
            "edges were looked at 20,000 times: do not walk path by path. What would a gradient be "
            "if every slope were 1?",
        )
        return self._edges

    @edges.setter
    def edges(self, edges: Any) -> None:
        self._edges = edges


def _doubled(times: int) -> tuple[Value, Value]:
    """A graph with 2^times paths, and its start."""
    start: Value = _Watched(1.0)
    value = start
    for _ in range(times):
        value = _Watched(2.0, "+", ((value, 3.0), (value, 0.5)))
    return value, start


@exercise("12.3")
def count_paths(answer) -> None:
    _Watched.looks = 0
    x, other = _Watched(2.0), _Watched(1.0)
    u = _Watched(4.0, "×", ((x, 2.0), (x, 2.0)))
    y = _Watched(5.0, "+", ((u, 1.0), (x, -1.0), (other, 1.0)))
    for end, start, wanted, what in (
        (y, u, 1, "from u to y in y = u − x + 1 with u = x·x"),
        (y, x, 3, "from x to y in y = u − x + 1 with u = x·x"),
        (y, y, 1, "from a value to itself, the one that is already there"),
        (x, y, 0, "against the arrows, from a result to its input"),
    ):
        found = answer(end, start)
        require(found != 5, "five is the number of edges; a path leads all the way to the end")
        require(
            found == wanted,
            f"you count {found!r} paths {what}" + ("; x·x has two edges" if wanted == 3 else ""),
        )
    before = [node.grad for node in (x, u, y)]
    require(before == [0, 0, 0], "leave the gradients of the graph alone")
    for times in (10, 60):
        last, first = _doubled(times)
        found = answer(last, first)
        require(
            found == 2**times,
            f"a value doubled {times} times by x + x has 2^{times} paths, you count {found!r}",
        )


@exercise("12.4")
def gradients(answer) -> None:
    a, b = Value(2.0), Value(5.0)
    line = (a * b) ** 2
    x = Value(3.0)
    square = x * x + x
    z = Value(1.0)
    u = 2 * z
    late = u + 3 * u
    for result, inputs, hint in (
        (
            line,
            (a, b),
            "already in y = (a·b)² the gradients are wrong: at which end does the sweep start?",
        ),
        (square, (x,), "y = x·x + x is wrong: three edges leave x, and all their shares count"),
        (late, (u, z), "y = u + 3u with u = 2x is wrong: u must wait for both of its shares"),
    ):
        found = answer(result)
        require(isinstance(found, dict), "return the dictionary")
        require(
            all(node.grad == 0 for node in (result, *inputs)),
            "the gradients in the graph have changed; write into the dictionary alone",
        )
        require(
            result in found and found[result] == 1,
            "what is the derivative of the result by itself? Everything else is built on it",
        )
        result.backward()
        right = {node: node.grad for node in (result, *inputs)}
        for node in right:
            node.grad = 0.0
        require(all(node in found for node in inputs), "every node wants an entry")
        require(all(math.isclose(found[n], right[n]) for n in inputs), hint)


def _number(found: Any) -> float:
    """A plain number; of a node of a graph, here or in the notebook, its data."""
    return float(found.data if hasattr(found, "edges") else found)


@exercise("12.5")
def descend(answer) -> None:
    lr = 0.1

    def slopes(w: float, v: float, x: float, t: float) -> tuple[float, float]:
        error = 2 * (v * w * x - t)
        return error * v * x, error * w * x

    for w, v, x, t in ((2.0, 3.0, 1.0, 5.0), (1.0, -0.5, 2.0, 1.0)):
        by_w, by_v = slopes(w, v, x, t)
        first = w - lr * by_w, v - lr * by_v
        next_w, next_v = slopes(*first, x, t)
        second = first[0] - lr * next_w, first[1] - lr * next_v

        def close(found: tuple[float, ...], *wanted: float) -> bool:
            pairs = zip(found, wanted, strict=True)
            return all(math.isclose(one, other, rel_tol=1e-9) for one, other in pairs)

        def after(steps: int, start=(w, v, x, t)) -> tuple[float, ...]:
            found = answer(*start, lr, steps)
            require(
                isinstance(found, tuple | list) and len(found) == 2, "return two numbers: w and v"
            )
            return tuple(_number(one) for one in found)

        start = f"from w = {w:g}, v = {v:g} with x = {x:g}, t = {t:g}, lr = {lr:g}"
        require(close(after(0), w, v), "no step at all should leave both weights as they are")
        found = after(1)
        shown = f"one step {start} leads you to w = {found[0]:.4g}, v = {found[1]:.4g}"
        require(
            not close(found, w + lr * by_w, v + lr * by_v),
            f"{shown}: uphill; a step goes against the gradient",
        )
        require(
            close(found, *first) or not (close(found[:1], first[0]) or close(found[1:], first[1])),
            f"{shown}: only one of them is right. Was the other one's gradient found with a weight "
            "that had changed already?",
        )
        require(
            close(found, *first),
            f"{shown}; the gradients are {by_w:.4g} by w and {by_v:.4g} by v",
        )
        found = after(2)
        shown = f"the first step {start} is right, the second is not"
        require(
            not close(found, w - 2 * lr * by_w, v - 2 * lr * by_v),
            f"{shown}: it repeats the first. A graph keeps the numbers it was computed from",
        )
        require(
            not close(found, second[0] - lr * by_w, second[1] - lr * by_v),
            f"{shown}: it holds the first gradients as well. Inputs accumulate",
        )
        require(
            close(found, *second),
            f"{shown}: does it have a new graph, and gradients that start from 0?",
        )


def _ring_and_disk(rng: random.Random, count: int) -> tuple[list, list]:
    points, targets = [], []
    for i in range(count):
        outside = i % 2 == 0
        radius = rng.uniform(1.4, 1.8) if outside else rng.uniform(0.0, 0.6)
        angle = 2 * math.pi * (i + rng.random()) / count  # all around, without large gaps
        points.append((radius * math.cos(angle), radius * math.sin(angle)))
        targets.append(1.0 if outside else -1.0)
    return points, targets


@exercise("12.6")
def fit(answer) -> None:
    rng = random.Random(12)
    points, on_ring = _ring_and_disk(rng, 40)
    others, others_on_ring = _ring_and_disk(rng, 200)
    began = time.perf_counter()
    for sign, where in ((1.0, "ring"), (-1.0, "disk")):
        targets = [sign * target for target in on_ring]
        wanted = [sign * target for target in others_on_ring]
        decide = answer(list(points), list(targets))
        require(
            time.perf_counter() - began < _SECONDS,
            "over a minute: fewer neurons, or fewer steps, will do",
        )
        require(callable(decide), "return a function of a point")
        trained = _right(decide, points, targets)
        require(
            trained >= 0.95,
            f"with 1 on the {where} only {trained:.0%} of the points it was trained on are right. "
            "No straight line encloses a disk: are there enough neurons and steps, are the "
            "gradients zeroed, and do the targets enter?",
        )
        new = _right(decide, others, wanted)
        require(
            new >= 0.95,
            f"of other points of ring and disk only {new:.0%} are right: the network knows its "
            "points by heart",
        )


def _right(decide: Callable[..., Any], points: list, targets: list) -> float:
    """The share of points at which `decide` has the sign of the target."""
    outputs = [_number(decide(point)) for point in points]
    hits = [(y > 0) == (t > 0) for y, t in zip(outputs, targets, strict=True)]
    return sum(hits) / len(hits)
