"""Typical wrong answers to the exercises of chapter 17; each must be refused."""

import math

import torch


def pieces(half=True, length_squared=True, root=True, up=True, swapped=False):
    """The solution with one thing changed."""

    def pieces_needed(length, slope, curvature, error):
        constant = slope * length / error / (2 if half else 1)
        straight = curvature / (8 * error)
        straight = math.sqrt(straight) if root else straight
        straight *= length if length_squared else math.sqrt(length)
        constant, straight = (math.ceil(n) if up else int(n) for n in (constant, straight))
        return (straight, constant) if swapped else (constant, straight)

    return pieces_needed


def product(n=15, low=-2.0, high=2.0, scale=0.25, second=-1.0, sign=-1.0, shift=0.0):
    """The solution with one thing changed."""

    def product_network():
        width = (high - low) / n
        points = low + width * torch.arange(n + 1, dtype=torch.float64)
        slopes = (scale * points**2).diff() / width
        v = slopes.diff(prepend=torch.zeros(1, dtype=torch.float64))
        directions = torch.tensor([[1.0, 1.0], [1.0, second]], dtype=torch.float64)
        W = directions.repeat_interleave(n, 0)
        return W, -points[:-1].repeat(2), torch.cat([v, sign * v]), shift

    return product_network


def swapped_product():
    W, b, v, c = product()()
    return W, b, -v, c


def transposed_product():
    W, b, v, c = product()()
    return W.T, b, v, c


def nothing():
    return torch.zeros(1, 2), torch.zeros(1), torch.zeros(1), 0.0


WRONG = {
    "17.1": [
        (70, 0.4, "down", 920),
        (-0.35, 0.4, "down", 920),
        (-70, -0.4, "down", 920),
        (-70, 2.5, "down", 920),
        (-70, 0.4, "up", 920),
        (-70, 0.4, "left", 920),
        (-70, 0.4, "down", 460),
        (-70, 0.4, "down", 910),
        (-70, 0.4, "down", 930),
        (-70, 0.4, "down", 9.19),
        (-70, 0.4, "down", 0.01),
        (-70, 0.4, "down"),
        ("minus seventy", 0.4, "down", 920),
        (-70, 0.4, None, 920),
    ],
    "17.2": [
        ([1, 3, 4], [3, -6, 1], 2),
        ([1000, 3000, 4000], [3, -6, 1], 2),
        ([-1, -3, -4], [3, -6, 1], 2),
        ([-1000, -3000, -4000], [5, -1, 0], 2),
        ([-1000, -3000, -4000], [3, -6, 1], 0),
        ([-1000, -3000, -4000], [3, -6, 0], 2),
        ([-1000, -3000, -4000], [3, 6, 1], 2),
        ([-1001, -2999, -4001], [3, -6, 1], 2),
        ([-1000, -3000], [3, -6], 2),
        ([-1000, -3000, -4000], [3, -6, float("nan")], 2),
        ([-1000, -3000, -4000], 3, 2),
        [-1000, -3000, -4000],
    ],
    "17.3": [
        pieces(half=False),
        pieces(length_squared=False),
        pieces(root=False),
        pieces(up=False),
        pieces(swapped=True),
        lambda length, slope, curvature, error: slope * length / (2 * error),
        lambda length, slope, curvature, error: (slope * length / (2 * error), 1),
        lambda length, slope, curvature, error: (
            math.ceil(slope / (2 * error)),
            math.ceil(math.sqrt(curvature / (8 * error))),
        ),
        lambda length, slope, curvature, error: (
            math.ceil(slope * length / (2 * error)) + 1,
            math.ceil(math.sqrt(curvature / (8 * error)) * length),
        ),
        lambda length, slope, curvature, error: (
            math.ceil(slope * length / (2 * error)),
            math.ceil(math.sqrt(curvature / (8 * error)) * length) + 1,
        ),
        lambda length, slope, curvature, error: (
            int(slope * length / (2 * error)) + 1,
            int(math.sqrt(curvature / (8 * error)) * length) + 1,
        ),
        lambda length, slope, curvature, error: (math.nan, math.nan),
        lambda length, slope, curvature, error: (math.inf, math.inf),
    ],
    "17.4": [
        {"a", "d", "f"},
        {"a", "f", "h"},
        {"a", "d", "h"},
        {"d", "f", "h"},
        {"a", "b", "d", "f", "h"},
        {"a", "c", "d", "f", "h"},
        {"a", "d", "e", "f", "h"},
        {"a", "d", "f", "g", "h"},
        {"a", "d", "f", "h", "z"},
        "a, d, f",
        set(),
        4,
    ],
    "17.5": [
        (0.5, 4, 8057, 32),
        (-2, 4, 8057, 32),
        (-1, 4, 8057, 32),
        (math.nan, 4, 8057, 32),
        (-0.5, 5, 8057, 32),
        (-0.5, 200, 8057, 32),
        (-0.5, 4, 8000, 32),
        (-0.5, 4, 8060, 32),
        (-0.5, 4, 456_000, 32),
        (-0.5, 4, 20, 32),
        (-0.5, 4, 8057, 2),
        (-0.5, 4, 8057, 10),
        (-0.5, 4, 8057, math.nan),
        (-0.5, 4, 8057),
        ([-0.5, -0.5], 4, 8057, 32),
        -0.5,
    ],
    "17.6": [
        product(n=10),
        product(n=25),
        product(low=-1.0, high=1.0),
        product(scale=1.0),
        product(scale=0.5),
        product(second=1.0),
        product(sign=1.0),
        product(shift=0.1),
        swapped_product,
        transposed_product,
        nothing,
        lambda: product()()[:3],
        lambda: (torch.zeros(2), torch.zeros(2), torch.zeros(2), 0.0),
        lambda: (torch.full((1, 2), math.nan), torch.zeros(1), torch.ones(1), 0.0),
    ],
}
