"""Typical wrong answers to the exercises of chapter 11; each must be refused."""

from itertools import product

import torch


def all_inputs(n):
    return torch.tensor(list(product([0.0, 1.0], repeat=n)))


def network(X, layers, activation):
    for W, b in layers:
        X = activation(X @ W + b)
    return X


def step(z):
    return (z > 0).to(z.dtype)


def select_swapped(nand, s, a, b):
    return nand(nand(s, b), nand(nand(s, s), a))


def select_ands_left_over(nand, s, a, b):
    first, second = nand(s, a), nand(nand(s, s), b)
    return nand(nand(first, first), nand(second, second))


def select_inverted(nand, s, a, b):
    n = nand(nand(s, a), nand(nand(s, s), b))
    return nand(n, n)


def change_true(X, w, b, dw, db):
    return torch.sigmoid(X @ (w + dw) + b + db) - torch.sigmoid(X @ w + b)


def change_of_z(X, w, b, dw, db):
    return X @ dw + db


def change_without_bias(X, w, b, dw, db):
    a = torch.sigmoid(X @ w + b)
    return a * (1 - a) * (X @ dw)


def change_with_raw_bias(X, w, b, dw, db):
    a = torch.sigmoid(X @ w + b)
    return a * (1 - a) * (X @ dw) + db


def change_with_slope_of_z(X, w, b, dw, db):
    z = X @ w + b
    return z * (1 - z) * (X @ dw + db)


def change_with_output_as_slope(X, w, b, dw, db):
    return torch.sigmoid(X @ w + b) * (X @ dw + db)


def change_with_new_slopes(X, w, b, dw, db):
    a = torch.sigmoid(X @ (w + dw) + b + db)
    return a * (1 - a) * (X @ dw + db)


def change_as_one_number(X, w, b, dw, db):
    a = torch.sigmoid(X @ w + b)
    return (a * (1 - a) * (X @ dw + db)).sum()


def change_by_autograd(X, w, b, dw, db):
    w = w.clone().requires_grad_()
    torch.sigmoid(X @ w + b).sum().backward()
    return w.grad @ dw


def scale(scale_bias=True, measure=torch.amax, extra=0, first=1):
    def needed_scale(layers, X, tolerance):
        wanted = network(X, layers, step)
        for c in range(first, 1000):
            scaled = [(c * W, c * b if scale_bias else b) for W, b in layers]
            if measure((network(X, scaled, torch.sigmoid) - wanted).abs()) < tolerance:
                return c + extra
        return 1000

    return needed_scale


def sigmoid_at_the_end_only(layers, X, tolerance):
    wanted, c = network(X, layers, step), 0
    while True:  # never ends for XOR: the check must have refused it by then
        c += 1
        A = X
        for W, b in layers:
            A = c * (A @ W + b)
        if (torch.sigmoid(A) - wanted).abs().max() < tolerance:
            return c


def gates_of_the_chapter(nand, s, a, b):
    return torch.stack([s, a], dim=1)


def scale_in_place(layers, X, tolerance):
    wanted = network(X, layers, step)
    for c in range(1, 1000):
        for W, b in layers:
            W *= c / max(c - 1, 1)
            b *= c / max(c - 1, 1)
        if (network(X, layers, torch.sigmoid) - wanted).abs().max() < tolerance:
            return c
    return 1000


def recognizers(sign=True, bias=0.5, second=-0.5, every_row=False, at_least=1):
    """The solution with one thing changed."""

    def two_layers(table):
        rows = all_inputs((len(table) - 1).bit_length())
        wanted = rows[torch.tensor(table) == 1]
        if every_row:
            W1, b1 = (2 * rows - 1).T, 0.5 - rows.sum(1)
            W2 = torch.tensor(table, dtype=torch.float32).reshape(-1, 1)
            return [(W1, b1), (W2, torch.tensor([-0.5]))]
        if len(wanted) < at_least:
            n = rows.shape[1]
            return [(torch.zeros(n, 1), -torch.ones(1)), (torch.ones(1, 1), -torch.ones(1))]
        W1 = (2 * wanted - 1).T if sign else wanted.T
        layer = (torch.ones(len(wanted), 1), torch.tensor([second]))
        return [(W1, bias - wanted.sum(1)), layer]

    return two_layers


def always_on_for_zeros(table):
    if not sum(table):
        n = (len(table) - 1).bit_length()
        return [(torch.zeros(n, 1), torch.ones(1)), (torch.ones(1, 1), torch.zeros(1))]
    return recognizers()(table)


def transposed(table):
    (W1, b1), (W2, b2) = recognizers()(table)
    return [(W1.T, b1), (W2, b2)]


FIRE, SILENT = [(0, 0), (1, 1)], [(0, 1), (1, 0)]  # of XNOR
ONE, NONE_OR_TWO = [(0, 0, 1), (0, 1, 0)], [(0, 0, 0), (0, 1, 1)]

WRONG = {
    "11.1": [
        ([1, 1, 1], -2),
        ([1, 1, 1], -2.5),
        ([1, 1, 1], -0.5),
        ([1, 1, 1], 0),
        ([2, 1, 1], -1.5),
        ([1, 1], -1.5),
        ([1, 1, 1], [-1.5, 0]),
        1.5,
    ],
    "11.2": [
        select_swapped,
        select_ands_left_over,
        select_inverted,
        gates_of_the_chapter,
        lambda nand, s, a, b: a,
        lambda nand, s, a, b: a if s else b,
        lambda nand, s, a, b: (s & a) | (~s & b),
        lambda nand, s, a, b: s * a + (1 - s) * b,
        lambda nand, s, a, b: a if s == 1 else b,
        lambda nand, s, a, b: nand(nand(s, a), nand(1, b)),
        lambda nand, s, a, b: (nand(s, a), nand(s, b)),
    ],
    "11.3": [
        (SILENT, FIRE, ONE, NONE_OR_TWO),
        (FIRE, SILENT, [(0, 0, 1), (0, 1, 0)], [(0, 0, 0), (1, 1, 1)]),
        (FIRE, SILENT, ONE, [(0, 1, 1)]),
        (FIRE, SILENT, [(0, 0, 1), (0, 1, 1)], [(0, 0, 0), (0, 1, 0)]),
        (FIRE, SILENT, [], []),
        ([(0, 0)], [(0, 1)], ONE, NONE_OR_TWO),
        (FIRE, [(0, 1), (0, 1)], ONE, NONE_OR_TWO),
        (FIRE, SILENT, FIRE, SILENT),
        (FIRE, SILENT),
        ("00 11", "01 10", ONE, NONE_OR_TWO),
        ([1, 0, 0, 1], [0, 1, 1, 0], ONE, NONE_OR_TWO),
    ],
    "11.4": [
        (1, 0.25, 0.47),
        (2, 0.25, 0.47),
        (0, 0.5, 0.47),
        (0, -0.25, 0.47),
        (0, 0.25, 0.235),
        (0, 0.25, 0.378),
        (0, 0.25, 0.755),
        (0, 0.25, 2),
        (0, 0.25, -1.5),
        (0, 0.25),
        (None, 0.25, 0.47),
        (0, "a quarter", 0.47),
    ],
    "11.5": [
        change_true,
        change_of_z,
        change_without_bias,
        change_with_raw_bias,
        change_with_slope_of_z,
        change_with_output_as_slope,
        change_with_new_slopes,
        change_as_one_number,
        change_by_autograd,
        lambda X, w, b, dw, db: X @ w + b,
    ],
    "11.6": [
        scale(scale_bias=False),
        scale(measure=torch.mean),
        scale(extra=1),
        scale(extra=-1),
        scale(extra=0.5),
        scale_in_place,
        sigmoid_at_the_end_only,
        lambda layers, X, tolerance: 10,
        lambda layers, X, tolerance: torch.tensor([10, 10]),
        lambda layers, X, tolerance: "10",
        lambda layers, X, tolerance: float("inf"),
    ],
    "11.7": [
        recognizers(sign=False),
        recognizers(bias=0.0),
        recognizers(second=-1.5),
        recognizers(every_row=True),
        recognizers(at_least=0),
        always_on_for_zeros,
        transposed,
        lambda table: recognizers()(table)[:1],
    ],
}
