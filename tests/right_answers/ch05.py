"""Right answers to the exercises of chapter 05, other than the solutions; each must be accepted."""

import math
from fractions import Fraction

import numpy as np
import sympy
import torch


def downhill_in_python(x, y, w, b):
    x, y, u = float(x), float(y), float(w * x + b)
    sigma = 1 / (1 + math.exp(-u))
    by_b = (sigma - y) * math.exp(-u) / (1 + math.exp(-u)) ** 2
    length = abs(by_b) * math.hypot(x, 1)
    return [torch.tensor([-by_b * x / length, -by_b / length]), -length]


def downhill_in_float32(x, y, w, b):
    x, y, w, b = (number.float() for number in (x, y, w, b))
    sigma = torch.sigmoid(w * x + b)
    gradient = (sigma - y) * sigma * (1 - sigma) * torch.stack([x, torch.ones(())])
    direction = -torch.nn.functional.normalize(gradient, dim=0, eps=0)
    return direction, (gradient @ direction).reshape(1)


def downhill_in_numpy(x, y, w, b):
    x, y, w, b = (number.numpy() for number in (x, y, w, b))
    sigma = 1 / (1 + np.exp(-w * x - b))
    gradient = (sigma - y) * sigma * (1 - sigma) * np.array([x, 1])
    length = np.linalg.norm(gradient)
    return torch.from_numpy(-gradient / length), -length


def by_five_points(f, x):
    h = 1e-3 * max(1, abs(x))
    return (f(x - 2 * h) - 8 * f(x - h) + 8 * f(x + h) - f(x + 2 * h)) / (12 * h)


def by_three_quotients(f, x):
    quotients = [(f(x + h) - f(x - h)) / (2 * h) for h in (0.008, 0.004, 0.002)]
    while len(quotients) > 1:
        power = 4 ** (4 - len(quotients))
        quotients = [
            (power * fine - coarse) / (power - 1)
            for coarse, fine in zip(quotients[:-1], quotients[1:], strict=True)
        ]
    return torch.tensor(quotients, dtype=torch.float64)


RIGHT = {
    "05.1": [
        [8.0, Fraction(2, 3)],
        (np.float64(8), 0.67),
        (torch.tensor(8), sympy.Rational(2, 3)),
    ],
    "05.2": [[Fraction(1, 10), 1.0, 0.55], (0.1, 1, np.float32(0.55))],
    "05.3": [[1 / 10, 2.0, -1.0, 90.0], (Fraction(1, 10), 2, -1, torch.tensor(90))],
    "05.4": [(1.02, -0.93, 0.5, 0.5), [1, -1, Fraction(1, 2), Fraction(1, 2)]],
    "05.5": [downhill_in_python, downhill_in_float32, downhill_in_numpy],
    "05.6": [by_five_points, by_three_quotients],
}
