"""Right answers to the exercises of chapter 04, other than the solutions; each must be accepted."""

import numpy as np
import torch
from torch.nn import functional


def trace_by_diagonal_entries(a, b):
    columns = list(zip(*b, strict=True))
    return torch.tensor(
        sum(sum(p * q for p, q in zip(row, columns[i], strict=True)) for i, row in enumerate(a))
    )


def trace_from_the_end(a, b):
    total = 0
    for j in reversed(range(len(b))):
        for i in reversed(range(len(a))):
            total = total + b[j][i] * a[i][j]
    return total


def cosines_divided_twice(X):
    norms = (X * X).sum(1).sqrt()
    return X @ X.T / norms[:, None] / norms[None, :]


def cosines_by_numpy(X):
    rows = X.numpy()
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit @ unit.T


def cosines_by_einsum(X):
    products = torch.einsum("ij,kj->ik", X, X)
    lengths = torch.diagonal(products) ** 0.5
    return products / torch.outer(lengths, lengths)


def line_by_numpy(x, y):
    return np.polyfit(x.double().numpy(), y.double().numpy(), 1)


def line_as_column(x, y):
    x, y = x.double(), y.double()
    design = torch.stack([x, torch.ones_like(x)], dim=1)
    shifted = design - torch.tensor([1.0, 0.0], dtype=torch.float64) * x.mean()
    slope, height = torch.linalg.lstsq(shifted, y[:, None]).solution
    return [slope, height - slope * x.mean()]


def line_by_cov(x, y):
    table = torch.cov(torch.stack([x, y]).double())
    slope = (table[0, 1] / table[0, 0]).item()
    return slope, y.double().mean().item() - slope * x.double().mean().item()


def power(num_steps, start=torch.randn, dtype=torch.float32):
    """Power iteration from another start, with other numbers of steps and in another dtype."""

    def lr_limit(multiply, d):
        v = start(d).to(dtype)
        for _ in range(num_steps):
            v = v / (v @ v).sqrt()
            u = multiply(v)
            top, v = v @ u, u
        return (2 / top).item()

    return lr_limit


def limit_by_lanczos(multiply, d):
    """Lanczos' method, with the directions kept and made perpendicular to the earlier ones."""
    q = torch.randn(d, dtype=torch.float64)
    Q = [q / q.norm()]
    products = []
    for _ in range(min(d, 60)):
        products.append(multiply(Q[-1]))
        rest = products[-1]
        for _ in range(2):
            rest = rest - sum((rest @ q) * q for q in Q)
        if rest.norm() < 1e-6 * products[-1].norm():
            break
        Q.append(rest / rest.norm())
    basis = torch.stack(Q[: len(products)])
    small = basis @ torch.stack(products).T
    return 2 / torch.linalg.eigvalsh((small + small.T) / 2)[-1]


FORMULAS = ("ij,ij->i", "i,ij,j->", "ij,ji->")

RIGHT = {
    "04.1": [
        ([32, 10], [10], [784, 784], 250_880),
        ((32, 10), torch.Size([10]), (784, 784), 2.5088e5),
    ],
    "04.2": [
        ("...j,...j->...", "i,ij,j->", "ij,ji->", trace_by_diagonal_entries),
        ["nm, nm -> n", "n, nm, m -> ", "nm, mn -> ", trace_from_the_end],
        ("ab,ab->a", "a,ab,b", "ba,ab", trace_from_the_end),
        (*FORMULAS, lambda a, b: np.trace(np.array(a) @ np.array(b))),
    ],
    "04.3": [
        [5.0, 7.28, 2.0, 7.0, 7.0, 0.29],
        (torch.tensor(5), torch.tensor(53.0).sqrt(), 2, 7, np.float64(7), torch.tensor([2 / 7])),
    ],
    "04.4": [
        cosines_divided_twice,
        cosines_by_numpy,
        cosines_by_einsum,
        lambda X: cosines_divided_twice(X.float()),
        lambda X: functional.cosine_similarity(X[:, None], X[None], dim=-1),
        lambda X: functional.normalize(X) @ functional.normalize(X).T,
    ],
    "04.5": [line_by_numpy, line_as_column, line_by_cov],
    "04.6": [
        power(100),
        power(150),
        power(300),
        power(250, start=torch.rand),
        power(100, dtype=torch.float64),
        power(120, start=lambda d: torch.randn(d, dtype=torch.float64), dtype=torch.float64),
        limit_by_lanczos,
    ],
}
