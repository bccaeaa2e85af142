"""Typical wrong answers to the exercises of chapter 02; each must be refused."""

import numpy as np
import torch

RIGHT = ((4, 3), None, (5, 4, 3), (4, 6), (4, 5), (500, 700), 4, 2000)


def but(place, value):
    """The right answers to 02.1 with one replaced."""
    return (*RIGHT[:place], value, *RIGHT[place + 1 :])


def always_stretched(a, b):
    order = max(len(a), len(b))
    a, b = (1,) * (order - len(a)) + tuple(a), (1,) * (order - len(b)) + tuple(b)
    return tuple(max(m, n) for m, n in zip(a, b, strict=True))


def aligned_left(a, b):
    order = max(len(a), len(b))
    a, b = tuple(a) + (1,) * (order - len(a)), tuple(b) + (1,) * (order - len(b))
    if any(m != n and 1 not in (m, n) for m, n in zip(a, b, strict=True)):
        return None
    return tuple(n if m == 1 else m for m, n in zip(a, b, strict=True))


def same_order_only(a, b):
    if len(a) != len(b) or any(m != n and 1 not in (m, n) for m, n in zip(a, b, strict=True)):
        return None
    return tuple(n if m == 1 else m for m, n in zip(a, b, strict=True))


def the_larger_size(a, b):
    order = max(len(a), len(b))
    a, b = (1,) * (order - len(a)) + tuple(a), (1,) * (order - len(b)) + tuple(b)
    if any(m != n and 1 not in (m, n) for m, n in zip(a, b, strict=True)):
        return None
    return tuple(max(m, n) for m, n in zip(a, b, strict=True))


def what_divides(a, b):
    order = max(len(a), len(b))
    a, b = (1,) * (order - len(a)) + tuple(a), (1,) * (order - len(b)) + tuple(b)
    sizes = [(min(m, n), max(m, n)) for m, n in zip(a, b, strict=True)]
    if any(small == 0 or large % small for small, large in sizes):
        return None
    return tuple(large for _, large in sizes)


def second_shorter_only(a, b):
    b = (1,) * (len(a) - len(b)) + tuple(b)
    if any(m != n and 1 not in (m, n) for m, n in zip(a, b, strict=False)):
        return None
    return tuple(n if m == 1 else m for m, n in zip(a, b, strict=False))


def by_numpy(a, b):
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        return None


def by_torch(a, b):
    try:
        return tuple(torch.broadcast_shapes(a, b))
    except RuntimeError:
        return None


def by_tensors(a, b):
    try:
        return (torch.zeros(a) + torch.zeros(b)).shape
    except RuntimeError:
        return None


def as_text(a, b):
    return "fits"


def the_silent_bug(y_hat, y):
    return ((y_hat - y) ** 2).mean()


def only_equal_shapes(y_hat, y):
    if y_hat.shape != y.shape:
        raise ValueError(f"{tuple(y_hat.shape)} and {tuple(y.shape)}")
    return ((y_hat - y) ** 2).mean()


def equal_counts(y_hat, y):
    if y_hat.numel() != y.numel():
        raise ValueError(f"{tuple(y_hat.shape)} and {tuple(y.shape)}")
    return ((y_hat.flatten() - y.flatten()) ** 2).mean()


def reshaped(y_hat, y):
    return ((y_hat - y.reshape(y_hat.shape)) ** 2).mean()


def without_names(y_hat, y):
    if y_hat.squeeze().shape != y.squeeze().shape:
        raise ValueError("the shapes differ")
    return ((y_hat.squeeze() - y.squeeze()) ** 2).mean()


def summed(y_hat, y):
    return ((y_hat.squeeze() - y.squeeze()) ** 2).sum()


def not_reduced(y_hat, y):
    return (y_hat.squeeze() - y.squeeze()) ** 2


def halved(y_hat, y):
    return ((y_hat.squeeze() - y.squeeze()) ** 2).mean() / 2


def a_python_number(y_hat, y):
    return ((y_hat.squeeze() - y.squeeze()) ** 2).mean().item()


def taken_out(y_hat, y):
    if y_hat.squeeze().shape != y.squeeze().shape:
        raise ValueError(f"{tuple(y_hat.shape)} and {tuple(y.shape)}")
    return torch.tensor(((y_hat.squeeze() - y.squeeze()) ** 2).mean().item())


def by_arrays(y_hat, y):
    if y_hat.squeeze().shape != y.squeeze().shape:
        raise ValueError(f"{tuple(y_hat.shape)} and {tuple(y.shape)}")
    return torch.tensor(((y_hat.numpy().squeeze() - y.numpy().squeeze()) ** 2).mean())


def all_at_once(points, centers, most):
    return ((points[:, None] - centers) ** 2).sum(2).argmin(1)


def all_at_once_in_numpy(points, centers, most):
    differences = points.numpy()[:, None] - centers.numpy()
    return torch.from_numpy((differences**2).sum(2).argmin(1))


def all_at_once_by_asarray(points, centers, most):
    differences = np.asarray(points)[:, None] - np.asarray(centers)
    return torch.from_numpy((differences**2).sum(2).argmin(1))


def in_plain_python(points, centers, most):
    places = centers.clone().tolist()
    found = []
    for point in points.tolist():
        distances = [sum((p - q) ** 2 for p, q in zip(point, c, strict=True)) for c in places]
        found.append(distances.index(min(distances)))
    return torch.tensor(found)


def number_by_number(points, centers, most):
    n, d = points.shape
    k = len(centers)
    left = [[float(points[i, j]) for j in range(d)] for i in range(n)]
    right = [[centers[i, j].item() for j in range(d)] for i in range(k)]
    near = [
        min(range(k), key=lambda c: sum((p[j] - right[c][j]) ** 2 for j in range(d))) for p in left
    ]
    return torch.tensor(near)


def one_by_one(points, centers, most):
    return torch.stack([((point - centers) ** 2).sum(1).argmin() for point in points])


def in_slices(rows=None, axis=1, pick=torch.argmin, squared=True):
    def nearest(points, centers, most):
        size = rows or max(1, most // centers.numel())
        found = []
        for start in range(0, len(points), size):
            differences = points[start : start + size, None] - centers
            distances = (differences**2 if squared else differences).sum(2)
            found.append(pick(distances, axis))
        return torch.cat(found)

    return nearest


def smallest_distances(distances, axis):
    return distances.min(axis).values


def last_slice_forgotten(points, centers, most):
    rows = most // centers.numel()
    found = torch.zeros(len(points), dtype=torch.int64)
    for start in range(0, len(points) - rows + 1, rows):
        differences = points[start : start + rows, None] - centers
        found[start : start + rows] = (differences**2).sum(2).argmin(1)
    return found


WRONG = {
    "02.1": [
        (4, 3),
        but(0, (3, 4)),
        but(0, None),
        but(1, (2, 3)),
        but(2, None),
        but(2, (5, 1, 3)),
        but(3, (5,)),
        but(3, (4, 5)),
        but(3, (4, 1, 6)),
        but(0, 12),
        but(0, "(4, 3)"),
        but(4, (5,)),
        but(4, (5, 4)),
        but(5, (500, 1)),
        but(6, 5),
        but(6, 1),
        but(6, 20),
        but(6, (4, 5)),
        but(7, 500 * 700 * 4),
        but(7, 500),
        but(7, 8),
        but(7, None),
    ],
    "02.2": [
        lambda X: X / X.abs().max(),
        lambda X: X / X.abs().amax(0),
        lambda X: X / X.abs().amax(1),
        lambda X: X / X.max(1, keepdim=True).values,
        lambda X: (X / X.abs().amax(1, keepdim=True)).abs(),
        lambda X: X / X.abs().sum(1, keepdim=True),
        lambda X: X / X.abs().max(1, keepdim=True).indices,
        lambda X: X.abs().amax(1, keepdim=True),
        lambda X: torch.cat([X[:1] / X[:1].abs().max(), X[1:]]),
        lambda X: X.sign(),
        lambda X: torch.nn.functional.normalize(X, dim=1),
        lambda X: (X / X.abs().amax(1, keepdim=True)).tolist(),
    ],
    "02.3": [
        always_stretched,
        aligned_left,
        same_order_only,
        the_larger_size,
        what_divides,
        second_shorter_only,
        by_numpy,
        by_torch,
        by_tensors,
        as_text,
    ],
    "02.4": [
        the_silent_bug,
        only_equal_shapes,
        equal_counts,
        reshaped,
        without_names,
        summed,
        not_reduced,
        halved,
        a_python_number,
        taken_out,
        by_arrays,
    ],
    "02.5": [
        all_at_once,
        all_at_once_in_numpy,
        all_at_once_by_asarray,
        in_plain_python,
        number_by_number,
        one_by_one,
        in_slices(rows=1),
        in_slices(axis=0),
        in_slices(pick=torch.argmax),
        in_slices(pick=smallest_distances),
        in_slices(squared=False),
        last_slice_forgotten,
    ],
}
