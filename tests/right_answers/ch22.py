"""Right answers to the exercises of chapter 22, other than the solutions; each must be accepted."""

import math

import numpy as np
import torch
from torch.nn import functional


def field_by_walking_back(kernel_sizes, strides):
    """From the output back to the image: s(r − 1) + k for each layer."""
    seen = 1
    for k, stride in zip(reversed(kernel_sizes), reversed(strides), strict=True):
        seen = stride * (seen - 1) + k
    return torch.tensor(seen)


def field_by_sums(kernel_sizes, strides):
    return 1.0 + sum((k - 1) * math.prod(strides[:i]) for i, k in enumerate(kernel_sizes))


def taught_by_svd(X, Y, k):
    W = functional.unfold(X[None, None], k)[0].T  # (windows, k²)
    U, S, Vt = torch.linalg.svd(W, full_matrices=False)
    if len(S) < k * k or S[-1] < 1e-10 * S[0]:
        return None
    return (Vt.T @ (U.T @ Y.flatten() / S)).reshape(k, k)


def taught_by_normal_equations(X, Y, k):
    W = X.unfold(0, k, 1).unfold(1, k, 1).flatten(2).flatten(0, 1)
    if torch.linalg.matrix_rank(W) != k * k:
        return None
    return torch.linalg.solve(W.T @ W, W.T @ Y.flatten()).reshape(k, k).requires_grad_()


def taught_by_numpy(X, Y, k):
    W = np.lib.stride_tricks.sliding_window_view(X.numpy(), (k, k)).reshape(-1, k * k)
    solution, _, rank, _ = np.linalg.lstsq(W, Y.numpy().ravel(), rcond=None)
    return solution.reshape(k, k) if rank == k * k else None


def taught_as_a_list(X, Y, k):
    found = taught_by_svd(X, Y, k)
    return None if found is None else found.tolist()


def gradients_by_transposed_convolution(X, K, G):
    for_X = functional.conv_transpose2d(G[None, None], K[None, None])[0, 0]
    for_K = torch.einsum("ij,ijab->ab", G, X.unfold(0, K.shape[0], 1).unfold(1, K.shape[1], 1))
    return for_X, for_K, G.sum()


def gradients_by_scattering(X, K, G):
    """Each output hands its gradient to its window and to the kernel."""
    for_X, for_K = torch.zeros_like(X), torch.zeros_like(K)
    h, w = K.shape
    for i in range(G.shape[0]):
        for j in range(G.shape[1]):
            for_X[i : i + h, j : j + w] += G[i, j] * K
            for_K += G[i, j] * X[i : i + h, j : j + w]
    return for_X, for_K, G.sum()


def blur_by_a_running_row(X, k):
    """One row comes, one goes: a sum that moves, along each axis in turn."""
    for _ in range(2):
        sums = [X[:k].sum(0)]
        for i in range(X.shape[0] - k):
            sums.append(sums[-1] + X[i + k] - X[i])
        X = torch.stack(sums, 1) / k
    return X


def blur_by_loops_over_pixels(X, k):
    C = X.new_zeros(X.shape[0] + 1, X.shape[1] + 1)
    for i in range(X.shape[0]):
        total = X.new_zeros(())
        for j in range(X.shape[1]):
            total = total + X[i, j]
            C[i + 1, j + 1] = C[i, j + 1] + total
    return (C[k:, k:] - C[:-k, k:] - C[k:, :-k] + C[:-k, :-k]) / k**2


def blur_axis_by_axis(X, k):
    for _ in range(2):
        C = torch.cat([torch.zeros_like(X[:1]), X.cumsum(0)])
        X = ((C[k:] - C[:-k]) / k).T
    return X


def blur_with_narrow(X, k):
    C = X.new_zeros(X.shape[0] + 1, X.shape[1] + 1)
    C[1:, 1:] = torch.cumsum(torch.cumsum(X, 1), 0)
    rows, columns = X.shape[0] - k + 1, X.shape[1] - k + 1
    strips = C.narrow(0, k, rows) - C.narrow(0, 0, rows)
    return (strips.narrow(1, k, columns) - strips.narrow(1, 0, columns)).div(k).div(k)


RIGHT = {
    "22.1": [
        (torch.Size([94, 58]), torch.tensor(352), 7.0),
        ([94, 58], np.int64(352), np.float32(7)),
        (np.array([94, 58]), 16 * 21 + 16, 7),
    ],
    "22.2": [
        ([13, 15], torch.tensor([2.0, 0, 1]), torch.tensor([1.0, -2]), [16, 30, 96]),
        (
            torch.tensor([13, 15]),
            np.array([[-4.0], [0], [-2]]),
            np.array([[-0.5, 1]]),
            (4 * 4, 6 * 5, 16.0 * 6),
        ),
    ],
    "22.3": [
        (
            torch.eye(3)[:, [2, 0, 1]] * torch.tensor([[0.0], [1], [0]]),
            np.eye(3, dtype=np.float32) / 3,
            np.outer([-1, 0, 1], [1, 1, 1]) / 6,
        ),
        [
            [[0.0, 0, 0], [0, 0, 1], [0, 0, 0]],
            [[1 / 3, 0, 0], [0, 1 / 3, 0], [0, 0, 1 / 3]],
            torch.tensor([[-1.0, -1, -1], [0, 0, 0], [1, 1, 1]]).div(6).requires_grad_(),
        ],
    ],
    "22.4": [field_by_walking_back, field_by_sums],
    "22.5": [
        gradients_by_transposed_convolution,
        gradients_by_scattering,
        lambda X, K, G: [g.numpy() for g in gradients_by_scattering(X, K, G)],
    ],
    "22.6": [
        taught_by_svd,
        taught_by_normal_equations,
        taught_by_numpy,
        taught_as_a_list,
    ],
    "22.7": [
        blur_axis_by_axis,
        blur_with_narrow,
        blur_by_a_running_row,
        blur_by_loops_over_pixels,
        lambda X, k: blur_with_narrow(X.float(), k),
    ],
}
