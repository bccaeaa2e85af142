"""Right answers to the exercises of chapter 11, other than the solutions; each must be accepted."""

import math
from itertools import product

import numpy as np
import torch


def network(X, layers, activation):
    for W, b in layers:
        X = activation(X @ W + b)
    return X


def step(z):
    return (z > 0).to(z.dtype)


def select_by_gates(nand, s, a, b):
    def NOT(p):
        return nand(p, p)

    def AND(p, q):
        return NOT(nand(p, q))

    return nand(NOT(AND(s, a)), NOT(AND(NOT(s), b)))


def change_in_python(X, w, b, dw, db):
    changes = []
    for x in X.tolist():
        z = b + sum(xj * wj for xj, wj in zip(x, w.tolist(), strict=True))
        dz = db + sum(xj * dwj for xj, dwj in zip(x, dw.tolist(), strict=True))
        changes.append(math.exp(-z) / (1 + math.exp(-z)) ** 2 * dz)
    return changes


def scale_as(kind):
    def needed_scale(layers, X, tolerance):
        wanted, c = network(X, layers, step), 1
        while (
            network(X, [(c * W, c * b) for W, b in layers], torch.sigmoid) - wanted
        ).abs().max() >= tolerance:
            c += 1
        return kind(c)

    return needed_scale


def two_layers_as(dtype, factor):
    def two_layers(table):
        rows = list(product([0, 1], repeat=(len(table) - 1).bit_length()))
        wanted = [row for row, value in zip(rows, table, strict=True) if value]
        signs = [[2 * x - 1 for x in row] for row in wanted] or [[0] * len(rows[0])]
        bias = [0.5 - sum(row) for row in wanted] or [-1]
        return (
            (factor * torch.tensor(signs, dtype=dtype).T, factor * torch.tensor(bias, dtype=dtype)),
            (torch.full((len(signs), 1), factor, dtype=dtype), torch.zeros(1, dtype=dtype)),
        )

    return two_layers


# Three rows against three, one of them twice; the solution has two against two.
EXACTLY_ONE = [(1, 0, 0), (0, 1, 0), (0, 0, 1)], [(0, 0, 0), (0, 0, 0), (1, 1, 1)]
XNOR = [[0, 0], [1, 1]], torch.tensor([[1.0, 0.0], [0.0, 1.0]])

RIGHT = {
    "11.1": [[[2, 2, 2], -3], (torch.tensor([1.0, 1.5, 1.0]), -1.5 - 0.01), ((1, 1, 1), -1)],
    "11.2": [select_by_gates],
    "11.3": [(*XNOR, *EXACTLY_ONE), [*XNOR, [(1, 0, 0), (0, 1, 0)], [(0, 0, 0), (1, 1, 0)]]],
    "11.4": [(0.0, 1 / 4, 0.47), [torch.tensor(0.0), np.float32(0.25), torch.tensor(0.470007)]],
    "11.5": [change_in_python],
    "11.6": [
        scale_as(kind)
        for kind in (float, np.int64, torch.tensor, lambda c: torch.tensor([float(c)]))
    ],
    "11.7": [two_layers_as(torch.float32, 1.0), two_layers_as(torch.float64, 10.0)],
}
