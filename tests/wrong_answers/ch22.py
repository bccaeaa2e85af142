"""Typical wrong answers to the exercises of chapter 22; each must be refused."""

import math

import numpy as np
import torch
from torch.nn import functional

LEFT = [[0, 0, 0], [0, 0, 1], [0, 0, 0]]
MOTION = (torch.eye(3) / 3).tolist()
FLAT = [[-1 / 6] * 3, [0, 0, 0], [1 / 6] * 3]
APART = [2, 0, 1], [1, -2], (16, 30, 96)  # column, row, and the matrix's rows, columns, entries


def turned(kernel):
    return [list(row) for row in zip(*kernel, strict=True)]


def field(begin=1, less=1, late=False, strided=True):
    """The solution with one thing changed."""

    def receptive_field(kernel_sizes, strides):
        seen, step = begin, 1
        for k, stride in zip(kernel_sizes, strides, strict=True):
            step *= stride if late and strided else 1
            seen += (k - less) * step
            step *= stride if strided and not late else 1
        return seen

    return receptive_field


def own_field(kernel_sizes, strides):
    """Each stride spreads only the layer directly behind it."""
    before = [1, *strides[:-1]]
    return 1 + sum((k - 1) * s for k, s in zip(kernel_sizes, before, strict=False))


def least_squares(W, Y):
    return torch.linalg.lstsq(W, Y.reshape(-1, 1), driver="gelsd").solution


def downhill(W, Y):
    """Too few steps for what the image hardly shows."""
    k, H = W.new_zeros(W.shape[1], 1), W.T @ W / len(W)
    for _ in range(300):
        k = k - (H @ k - W.T @ Y.reshape(-1, 1) / len(W)) / torch.linalg.matrix_norm(H, 2)
    return k


def taught(
    determined=lambda W, X: torch.linalg.matrix_rank(W) == W.shape[1],
    solve=least_squares,
    after=lambda K: K,
):
    """The solution with one thing changed."""

    def taught_kernel(X, Y, k):
        W = X.unfold(0, k, 1).unfold(1, k, 1).reshape(-1, k * k)
        return after(solve(W, Y).reshape(k, k)) if determined(W, X) else None

    return taught_kernel


def spoiling_teacher(X, Y, k):
    found = taught()(X, Y, k)
    Y.zero_()
    return found


def gradients(flip_X=False, flip_K=False, pad=True, swap=False, factor=1.0, of_b=torch.sum):
    """The solution, with `flip_X`, or with things changed."""

    def correlate(X, K):
        return functional.conv2d(X[None, None], K[None, None])[0, 0]

    def all_gradients(X, K, G):
        h, w = K.shape
        outer = functional.pad(G, (w - 1, w - 1, h - 1, h - 1)) if pad else X
        for_X = correlate(outer, K.flip(0, 1) if flip_X else K) * factor
        for_K = correlate(X, G)
        for_K = for_K.flip(0, 1) if flip_K else for_K
        return (for_K, for_X, of_b(G)) if swap else (for_X, for_K, of_b(G))

    return all_gradients


def by_autograd(X, K, G):
    X, K, b = X.clone().requires_grad_(), K.clone().requires_grad_(), X.new_zeros(1)
    Y = functional.conv2d(X[None, None], K[None, None], b.requires_grad_())[0, 0]
    return torch.autograd.grad((G * Y).sum(), (X, K, b))


def spoiling(X, K, G):
    found = gradients(flip_X=True)(X, K, G)
    G.zero_()
    return found


def blur(front=1, corner=1.0, power=2, swap=False):
    """The solution with one thing changed."""

    def box_blur(X, k):
        C = functional.pad(X, (front, 0, front, 0)).cumsum(0).cumsum(1)
        sums = C[k:, k:] - C[:-k, k:] - C[k:, :-k] + corner * C[:-k, :-k]
        return -sums / k**power if swap else sums / k**power

    return box_blur


def blur_by_conv(X, k):
    return functional.conv2d(X[None, None], torch.ones(1, 1, k, k, dtype=X.dtype))[0, 0] / k**2


def blur_by_pool(X, k):
    return functional.avg_pool2d(X[None, None], k, 1)[0, 0]


def blur_by_windows(X, k):
    return X.unfold(0, k, 1).unfold(1, k, 1).mean((2, 3))


def blur_by_strided(X, k):
    rows, columns = X.shape[0] - k + 1, X.shape[1] - k + 1
    step = X.stride()
    return X.as_strided((rows, columns, k, k), (*step, *step)).mean((2, 3))


def blur_by_loop(X, k):
    rows, columns = X.shape[0] - k + 1, X.shape[1] - k + 1
    sums = sum(X[a : a + rows] for a in range(k))
    return sum(sums[:, b : b + columns] for b in range(k)) / k**2


def blur_by_matrix(X, k):
    def band(n):
        return torch.stack(
            [torch.eye(n, dtype=X.dtype)[i : i + k].sum(0) for i in range(n - k + 1)]
        )

    return band(X.shape[0]) @ X @ band(X.shape[1]).T / k**2


def blur_by_stack(X, k):
    """2k numbers a pixel: each operation is few numbers more, and their count falls with k."""
    for _ in range(2):
        X = torch.stack([X[i : i + k].sum(0) for i in range(X.shape[0] - k + 1)]).T
    return X / k**2


def blur_by_doubling(X, k):
    """Sums of 1, 2, 4, ... pixels: about log k operations an axis."""
    for _ in range(2):
        sums, size, left, out, start = X, 1, k, None, 0
        n = X.shape[0] - k + 1
        while left:
            if left % 2:
                part = sums[start : start + n]
                out = part if out is None else out + part
                start += size
            left //= 2
            if left:
                sums, size = sums[size:] + sums[:-size], 2 * size
        X = out.T
    return X / k**2


def blur_window_by_window(X, k):
    rows, columns = X.shape[0] - k + 1, X.shape[1] - k + 1
    means = [X[i : i + k, j : j + k].mean() for i in range(rows) for j in range(columns)]
    return torch.stack(means).reshape(rows, columns)


def blur_by_lists(X, k):
    rows, columns = X.shape[0] - k + 1, X.shape[1] - k + 1
    pixels = X.tolist()
    return torch.tensor(
        [
            [sum(sum(row[j : j + k]) for row in pixels[i : i + k]) / k**2 for j in range(columns)]
            for i in range(rows)
        ]
    )


def blur_by_numpy_windows(X, k):
    windows = np.lib.stride_tricks.sliding_window_view(np.asarray(X), (k, k))
    return torch.from_numpy(windows.mean((2, 3)))


def blur_by_items(X, k):
    rows, columns = X.shape[0] - k + 1, X.shape[1] - k + 1
    means = X.new_zeros(rows, columns)
    for i in range(rows):
        for j in range(columns):
            means[i, j] = float(X[i : i + k, j : j + k].mean())
    return means


def blur_in_place(X, k):
    result = blur()(X, k)
    X.zero_()
    return result


WRONG = {
    "22.1": [
        ((93, 57), 352, 7),
        ((58, 94), 352, 7),
        ((98, 54), 352, 7),
        ((100, 60), 352, 7),
        ((95, 59), 352, 7),
        (94 * 58, 352, 7),
        ((94, 58), 336, 7),
        ((94, 58), 337, 7),
        ((94, 58), 22, 7),
        ((94, 58), 16 * 94 * 58 * 22, 7),
        ((94, 58), 352, 5),
        ((94, 58), 352, 8),
        ((94, 58), 352, 15),
        ((94, 58), 352, math.nan),
        ((94, 58), (352, 1), 7),
        ((94, 58), 352),
        94,
        ("ninety-four", 352, 7),
    ],
    "22.2": [
        ((10, 20), *APART),
        ((7, 25), *APART),
        ((13, 25), *APART),
        ((15, 13), *APART),
        (13, *APART),
        ((13, 15), [2, 0, 1], [1, 2], (16, 30, 96)),
        ((13, 15), [-2, 0, -1], [1, -2], (16, 30, 96)),
        ((13, 15), [1, 0, 2], [1, -2], (16, 30, 96)),
        ((13, 15), [1, -2], [2, 0, 1], (16, 30, 96)),
        ((13, 15), [2, 0, math.nan], [1, -2], (16, 30, 96)),
        ((13, 15), [2, 0, 1], [1, -2], (30, 16, 96)),
        ((13, 15), [2, 0, 1], [1, -2], (16, 16, 96)),
        ((13, 15), [2, 0, 1], [1, -2], (20, 30, 120)),
        ((13, 15), [2, 0, 1], [1, -2], (16, 30, 6)),
        ((13, 15), [2, 0, 1], [1, -2], (16, 30, 480)),
        ((13, 15), [2, 0, 1], [1, -2], (16, 30, 95)),
        ((13, 15), [2, 0, 1], [1, -2], (16, 30)),
        ((13, 15), *APART[:2]),
        ("down", *APART),
    ],
    "22.3": [
        ([[0, 0, 0], [1, 0, 0], [0, 0, 0]], MOTION, FLAT),
        (turned(LEFT), MOTION, FLAT),
        (turned([[0, 0, 0], [1, 0, 0], [0, 0, 0]]), MOTION, FLAT),
        ([[0, 0, 0], [0, 1, 0], [0, 0, 0]], MOTION, FLAT),
        ([[0, 0, 0], [0, 0, 2], [0, 0, 0]], MOTION, FLAT),
        (LEFT, MOTION[::-1], FLAT),
        (LEFT, torch.eye(3), FLAT),
        (LEFT, torch.ones(3, 3) / 9, FLAT),
        (LEFT, MOTION, turned(FLAT)),
        (LEFT, MOTION, FLAT[::-1]),
        (LEFT, MOTION, [[-1] * 3, [0] * 3, [1] * 3]),
        (LEFT, MOTION, [[-1 / 3] * 3, [0] * 3, [1 / 3] * 3]),
        (LEFT, MOTION, [[-1 / 8, -2 / 8, -1 / 8], [0] * 3, [1 / 8, 2 / 8, 1 / 8]]),
        (LEFT, MOTION, [[0] * 3, [-1 / 3] * 3, [1 / 3] * 3]),
        (LEFT, MOTION, [[0] * 3] * 3),
        (LEFT, MOTION, [[math.nan] * 3] * 3),
        (LEFT, MOTION, [-1, 0, 1]),
        (LEFT, MOTION),
        ("left", MOTION, FLAT),
        LEFT[0],
    ],
    "22.4": [
        field(begin=0),
        field(less=0),
        field(begin=0, less=0),
        field(late=True),
        field(strided=False),
        own_field,
        lambda kernel_sizes, strides: math.prod(kernel_sizes),
        lambda kernel_sizes, strides: max(kernel_sizes, default=1),
        lambda kernel_sizes, strides: math.nan,
        lambda kernel_sizes, strides: kernel_sizes,
        lambda kernel_sizes, strides: "5",
    ],
    "22.5": [
        gradients(),
        gradients(flip_X=True, flip_K=True),
        gradients(flip_X=True, of_b=torch.mean),
        gradients(flip_X=True, of_b=torch.Tensor.numel),
        gradients(flip_X=True, of_b=lambda G: G),
        gradients(flip_X=True, pad=False),
        gradients(flip_X=True, swap=True),
        gradients(flip_X=True, factor=0.5),
        gradients(flip_X=True, factor=math.nan),
        by_autograd,
        spoiling,
        lambda X, K, G: gradients(flip_X=True)(X, K, G)[:2],
        lambda X, K, G: gradients(flip_X=True)(X, K, G)[0],
        lambda X, K, G: (G, G, G.sum()),
        lambda X, K, G: (X, K, G.sum()),
    ],
    "22.6": [
        taught(determined=lambda W, X: True),
        taught(determined=lambda W, X: False),
        taught(determined=lambda W, X: len(W) >= W.shape[1]),
        taught(determined=lambda W, X: torch.linalg.matrix_rank(X) == min(X.shape)),
        taught(determined=lambda W, X: torch.linalg.matrix_rank(X) >= W.shape[1]),
        taught(determined=lambda W, X: torch.linalg.matrix_rank(W, rtol=1e-1) == W.shape[1]),
        taught(after=lambda K: K.T),
        taught(after=lambda K: K.flip(0, 1)),
        taught(after=lambda K: K.flip(0, 1).T),
        taught(after=lambda K: K.flatten()),
        taught(after=lambda K: 2 * K),
        taught(after=lambda K: K + 1e-3),
        taught(after=lambda K: K * math.nan),
        taught(after=lambda K: "kernel"),
        taught(solve=downhill),
        spoiling_teacher,
        lambda X, Y, k: torch.zeros(k, k),
    ],
    "22.7": [
        blur(front=0),
        blur(front=2),
        blur(corner=0.0),
        blur(corner=-1.0),
        blur(power=0),
        blur(power=1),
        blur(swap=True),
        blur_by_conv,
        blur_by_pool,
        blur_by_windows,
        blur_by_strided,
        blur_by_loop,
        blur_by_matrix,
        blur_by_stack,
        blur_by_doubling,
        blur_window_by_window,
        blur_by_lists,
        blur_by_numpy_windows,
        blur_by_items,
        blur_in_place,
        lambda X, k: X,
        lambda X, k: 0.5,
        lambda X, k: blur()(X, k).tolist(),
    ],
}
