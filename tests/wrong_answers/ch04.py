"""Typical wrong answers to the exercises of chapter 04; each must be refused."""

import torch


def cosines_without_keepdim(X):
    return (X / torch.linalg.vector_norm(X, dim=1)) @ X.T


def cosines_of_columns(X):
    unit = X / torch.linalg.vector_norm(X, dim=0)
    return unit.T @ unit


def cosines_with_columns_of_length_one(X):
    unit = X / torch.linalg.vector_norm(X, dim=0)
    return unit @ unit.T


def cosines_with_one_norm(X):
    unit = X / torch.linalg.matrix_norm(X)
    return unit @ unit.T


def cosines_with_l1(X):
    unit = X / torch.linalg.vector_norm(X, ord=1, dim=1, keepdim=True)
    return unit @ unit.T


def cosines_divided_once(X):
    return X @ X.T / torch.linalg.vector_norm(X, dim=1, keepdim=True)


def cosines_in_place(X):
    X /= torch.linalg.vector_norm(X, dim=1, keepdim=True)
    return X @ X.T


def cosines_in_two_loops(X):
    found = torch.zeros(len(X), len(X), dtype=X.dtype)
    for i in range(len(X)):
        for j in range(len(X)):
            found[i, j] = X[i] @ X[j] / (X[i] @ X[i]).sqrt() / (X[j] @ X[j]).sqrt()
    return found


def cosines_in_one_loop(X):
    norms = torch.linalg.vector_norm(X, dim=1)
    return torch.stack([X @ row / norms / torch.linalg.vector_norm(row) for row in X])


def absolute_cosines(X):
    unit = X / torch.linalg.vector_norm(X, dim=1, keepdim=True)
    return (unit @ unit.T).abs()


def design(x):
    return torch.stack([x, torch.ones_like(x)], dim=1)


def line_by_lstsq(x, y):
    return tuple(torch.linalg.lstsq(design(x), y).solution)


def line_by_normal_equations(x, y):
    X = design(x)
    return tuple(torch.linalg.solve(X.T @ X, X.T @ y))


def line_not_shifted_back(x, y):
    slope, intercept = line_by_lstsq(x - x.mean(), y)
    return slope, intercept


def line_shifted_with_another_slope(x, y):
    slope, height = line_by_lstsq(x - x.mean(), y)
    return slope, height + x.mean()


def line_reversed(x, y):
    return line_by_lstsq(x - x.mean(), y)[::-1]


def line_right_but_reversed(x, y):
    slope, height = line_by_lstsq(x - x.mean(), y)
    return height - slope * x.mean(), slope


def line_through_zero(x, y):
    return (x @ y) / (x @ x), torch.tensor(0.0)


def power(num_steps=250, start=torch.randn, normalize=True, result=lambda top: 2 / top):
    def lr_limit(multiply, d):
        v = start(d)
        for _ in range(num_steps):
            v = multiply(v)
            if normalize:
                v = v / torch.linalg.vector_norm(v)
        return result((v @ multiply(v)) / (v @ v))

    return lr_limit


def flattest(multiply, d):
    A = torch.stack([multiply(column) for column in torch.eye(d)])
    return 2 / torch.linalg.eigvalsh(A)[0]


def limit_from_all_columns(multiply, d):
    A = torch.stack([multiply(column) for column in torch.eye(d)])
    return 2 / torch.linalg.eigvalsh(A)[-1]


def limit_with_l1_norm(multiply, d):
    v = torch.randn(d)
    for _ in range(250):
        v = multiply(v)
        v = v / v.abs().sum()
    return 2 / (v @ multiply(v))


def trace_of_diagonals(a, b):
    return sum(a[i][i] * b[i][i] for i in range(min(len(a), len(b))))


def loops(term=lambda a, b, i, j: a[i][j] * b[j][i], start=0.0):
    """The right answer to the last part of 04.2, unless `term` or `start` is wrong."""

    def trace_by_loops(a, b):
        return start + sum(term(a, b, i, j) for i in range(len(a)) for j in range(len(b)))

    return trace_by_loops


FORMULAS = ("ij,ij->i", "i,ij,j->", "ij,ji->")

WRONG = {
    "04.1": [
        250880,
        ((10, 32), (10,), (784, 784), 250880),
        ((32, 784), (10,), (784, 784), 250880),
        ((32, 10), (10, 1), (784, 784), 250880),
        ((32, 10), 10, (784, 784), 250880),
        ((32, 10), (10,), (32, 32), 250880),
        ((32, 10), (10,), (784, 784), 320),
        ((32, 10), (10,), (784, 784), 32 * 784 + 784 * 10),
    ],
    "04.2": [
        "ij,ij->i",
        ("ij,ij->i", "i,ij,j->", "ij,ji->"),
        (1, 2, 3, loops()),
        ("ij,ij", "i,ij,j->", "ij,ji->", loops()),
        ("...j,...k->...", "i,ij,j->", "ij,ji->", loops()),
        ("ij,kj->ik", "i,ij,j->", "ij,ji->", loops()),
        ("ij,ij->ij", "i,ij,j->", "ij,ji->", loops()),
        ("ij,ij->", "i,ij,j->", "ij,ji->", loops()),
        ("ij,ij->j", "i,ij,j->", "ij,ji->", loops()),
        ("ij,jk->i", "i,ij,j->", "ij,ji->", loops()),
        ("ij,ij->i", "i,ij->j", "ij,ji->", loops()),
        ("ij,ij->i", "i,ij,j->i", "ij,ji->", loops()),
        ("ij,ij->i", "j,ij,i->", "ij,ji->", loops()),
        ("ij,ij->i", "i,jk,l->", "ij,ji->", loops()),
        ("ij,ij->i", "ij,jk,kl->", "ij,ji->", loops()),
        ("ij,ij->i", "i,ij,j->", "ij,ij->", loops()),
        ("ij,ij->i", "i,ij,j->", "ij,jk->ik", loops()),
        ("ij,ij->i", "i,ij,j->", "ij,ji->i", loops()),
        ("ij,ij->i", "i,ij,j->", "ij,jk->", loops()),
        (*FORMULAS, "ij,ji->"),
        (*FORMULAS, lambda a, b: print(loops()(a, b))),
        (*FORMULAS, lambda a, b: a @ b),
        (*FORMULAS, lambda a, b: [a[0][0] * b[0][0]]),
        (*FORMULAS, trace_of_diagonals),
        (*FORMULAS, loops(lambda a, b, i, j: a[i][j] * b[i][j])),
        (*FORMULAS, loops(lambda a, b, i, j: a[i][j] * b[j][i], start=1.0)),
        (*FORMULAS, loops(lambda a, b, i, j: a[i][j] * sum(b[j]))),
        (*FORMULAS, loops(lambda a, b, i, j: a[j][i] * b[i][j])),
        (*FORMULAS, loops(lambda a, b, i, j: a[i][j] + b[j][i])),
    ],
    "04.3": [
        5,
        (5, 53**0.5, 2, 7, 7),
        (5, 53**0.5, (2, 7), 7, 7, 2 / 7),
        (1, 53**0.5, 2, 7, 7, 2 / 7),
        (13**0.5, 53**0.5, 2, 7, 7, 2 / 7),
        (13, 53**0.5, 2, 7, 7, 2 / 7),
        (8, 53**0.5, 2, 7, 7, 2 / 7),
        (5, 53, 2, 7, 7, 2 / 7),
        (5, 13, 2, 7, 7, 2 / 7),
        (5, 45**0.5, 2, 7, 7, 2 / 7),
        (5, 53**0.5, 3, 6, 7, 2 / 7),
        (5, 53**0.5, 2, 9, 7, 2 / 7),
        (5, 53**0.5, 9 / 2 - 169**0.5 / 2, 9 / 2 + 169**0.5 / 2, 7, 2 / 7),
        (5, 53**0.5, 7, 2, 7, 2 / 7),
        (5, 53**0.5, 2, 7, 53**0.5, 2 / 7),
        (5, 53**0.5, 2, 7, 9, 2 / 7),
        (5, 53**0.5, 2, 7, 7, 1),
        (5, 53**0.5, 2, 7, 7, 1 / 7),
        (5, 53**0.5, 2, 7, 7, 7),
    ],
    "04.4": [
        lambda X: X @ X.T,
        cosines_without_keepdim,
        cosines_of_columns,
        cosines_with_columns_of_length_one,
        cosines_with_one_norm,
        cosines_with_l1,
        cosines_divided_once,
        cosines_in_place,
        cosines_in_two_loops,
        cosines_in_one_loop,
        lambda X: torch.corrcoef(X),
        lambda X: print(X),
        lambda X: "a text",
        lambda X: torch.nn.functional.cosine_similarity(X[:1], X),
        absolute_cosines,
    ],
    "04.5": [
        line_by_lstsq,
        line_by_normal_equations,
        line_not_shifted_back,
        line_reversed,
        line_through_zero,
        lambda x, y: line_by_lstsq(x, y)[0],
        lambda x, y: torch.linalg.lstsq(design(x), y).solution,
        line_right_but_reversed,
        line_shifted_with_another_slope,
        lambda x, y: print(x, y),
        lambda x, y: design(x - x.mean()),
        lambda x, y: (x - x.mean(), y.mean()),
    ],
    "04.6": [
        power(num_steps=0),
        power(num_steps=3),
        power(start=torch.ones),
        power(normalize=False),
        power(result=lambda top: top),
        power(result=lambda top: 1 / top),
        limit_from_all_columns,
        flattest,
        limit_with_l1_norm,
        power(result=lambda top: torch.stack([top, 2 / top])),
        power(start=lambda d: torch.randn(d, 1)),
        lambda multiply, d: 2 / multiply(torch.ones(d)).max(),
        lambda multiply, d: torch.tensor(1 / 3),
    ],
}
