"""Right answers to the exercises of chapter 17, other than the solutions; each must be accepted."""

import math

import numpy as np
import torch


def smallest(holds):
    """The smallest whole number from 1 for which something holds, by trying."""
    count = 1
    while not holds(count):
        count += 1
    return count


def pieces_by_trying(length, slope, curvature, error):
    return [
        smallest(lambda n: slope * length / n / 2 <= error * (1 + 1e-12)),
        smallest(lambda n: curvature * (length / n) ** 2 / 8 <= error * (1 + 1e-12)),
    ]


def pieces_as_tensors(length, slope, curvature, error):
    constant = torch.tensor(slope * length / (2 * error), dtype=torch.float64)
    straight = torch.tensor(curvature / (8 * error), dtype=torch.float64).sqrt() * length
    return constant.ceil(), straight.ceil()


def measured():
    """The measurements of 17.5 with NumPy, on places of its own."""
    x = np.linspace(0, 1, 20_001)
    errors = []
    for count in (20, 40, 80, 160):
        knots = np.linspace(0, 1, count + 1)
        errors.append(np.abs(np.interp(x, knots, np.sqrt(knots)) - np.sqrt(x)).max())
    power = np.polyfit(np.log([20, 40, 80, 160]), np.log(errors), 1)[0]

    def f(x):
        return 0.2 + 0.4 * x**2 + 0.3 * x * np.sin(15 * x) + 0.05 * np.cos(50 * x)

    heights = f((np.arange(50) + 0.5) / 50)
    far = x[:, None] - np.arange(1, 50) / 50

    def largest_error(ratio):
        steps = (1 + np.tanh(50 * ratio / 2 * far)) / 2
        return np.abs(heights[0] + steps @ np.diff(heights) - f(x)).max()

    return power, min(range(1, 21), key=largest_error), torch.tensor(8057), 2.0**5


def product_from_both_sides():
    """ReLUs to the right and to the left of 0, with the line in between left out by symmetry."""
    n = 9
    points = 2 * torch.arange(n + 1, dtype=torch.float32) / n
    slopes = (points**2 / 4).diff() * n / 2
    v = slopes.diff(prepend=torch.zeros(1))
    W = torch.tensor([[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]]).repeat_interleave(n, 0)
    v = torch.cat([v, v, -v, -v])
    b = -points[:-1].repeat(4)
    return W, b, v.reshape(-1, 1), torch.zeros(1)


def product_by_least_squares():
    """Bends anywhere, in the two directions; output weights by least squares."""
    bends = torch.linspace(-2, 2, 21, dtype=torch.float64)[:-1]
    directions = torch.tensor([[1.0, 1.0], [1.0, -1.0]], dtype=torch.float64)
    W, b = directions.repeat_interleave(20, 0), -bends.repeat(2)
    side = torch.linspace(-1, 1, 101, dtype=torch.float64)
    X = torch.cartesian_prod(side, side)
    H = torch.cat([torch.relu(X @ W.T + b), torch.ones(len(X), 1, dtype=torch.float64)], dim=1)
    solution = torch.linalg.lstsq(H, X.prod(1, keepdim=True), driver="gelsd").solution[:, 0]
    return W.numpy(), b.numpy(), solution[:-1].numpy(), solution[-1].item()


RIGHT = {
    "17.1": [
        (torch.tensor(-70.0), np.float32(0.4), "Down", 2 * math.log(99) / 0.01),
        [-70.0, 2 / 5, "down", 919],
    ],
    "17.2": [
        (np.array([-4000, -1000, -3000]), np.array([1, 3, -6]), np.array([2])),
        (torch.tensor([-1e3, -3e3, -4e3]), (3.0, -6.0, 1.0), torch.tensor(2.0)),
        [[-1000, -2999.999, -4000], [3, -6, 1], 2],
    ],
    "17.3": [pieces_by_trying, pieces_as_tensors],
    "17.4": [
        "adfh",
        "a, d, f, h",
        "A d f H",
        ["h", "f", "d", "a"],
        {"A", "D", "F", "H"},
        frozenset("adfh"),
    ],
    "17.5": [measured(), [-0.51, 4, 8057, 32]],
    "17.6": [product_from_both_sides, product_by_least_squares],
}
