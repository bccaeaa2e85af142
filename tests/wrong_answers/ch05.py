"""Typical wrong answers to the exercises of chapter 05; each must be refused."""

import torch

from d2lhelpers.derivatives import numerical_gradient


def neuron(with_sigmoid_slope=True, factor=1.0, descent=-1.0, unit=True, slope_sign=-1.0, link="x"):
    """The gradient of the neuron's loss with one thing wrong."""

    def downhill(x, y, w, b):
        sigma = torch.sigmoid(w * x + b)
        by_u = factor * (sigma - y) * (sigma * (1 - sigma) if with_sigmoid_slope else 1)
        by_w = {"x": by_u * x, "none": by_u, "w": by_u * w}[link]
        gradient = torch.stack([by_w, by_u])
        length = torch.linalg.vector_norm(gradient)
        return descent * gradient / (length if unit else 1), slope_sign * length

    return downhill


def swapped(x, y, w, b):
    direction, slope = neuron()(x, y, w, b)
    return direction.flip(0), slope


def slope_of_one(x, y, w, b):
    return neuron()(x, y, w, b)[0], -1.0


def measured(x, y, w, b):
    """Right within ten digits where the loss is steep; no chain rule."""
    point = torch.stack([w, b])
    gradient = numerical_gradient(lambda p: (torch.sigmoid(p[0] * x + p[1]) - y) ** 2 / 2, point)
    length = torch.linalg.vector_norm(gradient)
    return -gradient / length, -length


def central(f, x, h=6e-6):
    return (f(x + h) - f(x - h)) / (2 * h)


def two_steps_of_size(h):
    return lambda f, x: (4 * central(f, x, h) - central(f, x, 2 * h)) / 3


def many_calls(f, x):
    return sum((4 * central(f, x, h) - central(f, x, 2 * h)) / 3 for h in (1e-3, 8e-4, 6e-4)) / 3


WRONG = {
    "05.1": [
        8,
        ("8", "2/3"),
        (8, None),
        (8, torch.ones(2)),
        (11, 2 / 3),
        (15, 2 / 3),
        (12, 2 / 3),
        (8, 4 / 3),
        (8, 0),
        (8, 1.5),
        (6, 2 / 3),
    ],
    "05.2": [
        0.1,
        (1, 0.1, 0.55),
        (0, 1, 0.55),
        (-1, 1, 0),
        (0.1, 1, 0),
        (0.1, 1, 0.45),
        (0.1, 1, 1),
        (0.5, 1, 0.55),
        (0.1, 2, 0.55),
    ],
    "05.3": [
        (0.1, 2, -1),
        (0.2, 2, -1, 90),
        (10, 2, -1, 90),
        (-0.1, 2, -1, 90),
        (1, 2, -1, 90),
        (0.1, -2, 1, 90),
        (0.1, 0, 1, 90),
        (0.1, 1, -1, 90),
        (0.1, 2, -1, 45),
        (0.1, 2, -1, -90),
        (0.1, 2, -1, 0.1),
    ],
    "05.4": [
        (2, -1, 1 / 3, 2 / 3),
        (1, 1, 1 / 2, 1 / 2),
        (1, -1, 1 / 3, 1 / 2),
        (1, -1, 1 / 2, 1),
        (1, -1, 1 / 2, 2 / 3),
        (1, -2, 1 / 2, 1 / 2),
        (0, -1, 1 / 2, 1 / 2),
        (1, -1, 1, 1 / 2),
        (1, -1),
    ],
    "05.5": [
        neuron(descent=1.0),
        neuron(unit=False),
        neuron(slope_sign=1.0),
        neuron(with_sigmoid_slope=False),
        neuron(factor=2.0),
        neuron(link="none"),
        neuron(link="w"),
        swapped,
        slope_of_one,
        measured,
        lambda x, y, w, b: (neuron()(x, y, w, b)[0], "-0.1"),
        lambda x, y, w, b: (neuron()(x, y, w, b)[0], None),
        lambda x, y, w, b: neuron()(x, y, w, b)[0],
        lambda x, y, w, b: [*neuron()(x, y, w, b), 0],
        lambda x, y, w, b: ([0.6, 0.8], -1.0),
    ],
    "05.6": [
        central,
        two_steps_of_size(6e-6),
        two_steps_of_size(0.1),
        lambda f, x: (4 * central(f, x, 1e-3) + central(f, x, 2e-3)) / 5,
        lambda f, x: 4 * central(f, x, 1e-3) - central(f, x, 2e-3),
        many_calls,
        lambda f, x: (f(x + 1e-8) - f(x)) / 1e-8,
        lambda f, x: 1.0,
        lambda f, x: (f(x), f(x)),
    ],
}
