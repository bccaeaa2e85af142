"""Right answers to the exercises of chapter 23, other than the solutions; each must be accepted."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional


def color_kernels():
    """From matrices of one row and one column."""
    K = np.zeros((3, 3, 3, 3))
    here, before = np.eye(3)[[1]], np.eye(3)[[0]]
    K[0, 2] = here.T @ here
    K[1] += here.T @ here / 3
    K[2, 0] = here.T @ before
    return K


def padding_by_trying(n, k, s, d):
    """The first total with enough outputs."""
    wanted = (n + s - 1) // s
    total = 0
    while (n + total - d * (k - 1) - 1) // s + 1 < wanted:
        total += 1
    return [torch.tensor(total // 2), (total + 1) // 2]


def backward_by_indices(X, dY, k, s, mode):
    """The places of all windows as one table, and PyTorch says which number was the largest."""
    places = torch.arange(X.numel()).reshape(X.shape).unfold(0, k, s).unfold(1, k, s).flatten(2)
    numbers = X.flatten()[places]  # (h', w', k * k)
    slopes = torch.full_like(numbers, k**-2)
    if mode == "max":
        slopes = functional.one_hot(numbers.argmax(2), k * k).double()
    elif mode == "l2":
        slopes = (numbers / numbers.norm(dim=2, keepdim=True)).nan_to_num(0)
    flat = torch.zeros(X.numel(), dtype=X.dtype)
    flat.index_add_(0, places.flatten(), (slopes * dY[:, :, None]).flatten())
    return flat.reshape(X.shape).numpy()


def backward_by_windows(X, dY, k, s, mode):
    """One place of the window after the other, in float32."""
    h, w = dY.shape
    down, right = (h - 1) * s + 1, (w - 1) * s + 1
    places = [(slice(a, a + down, s), slice(b, b + right, s)) for a, b in squares(k)]
    top = torch.stack([X[part] for part in places]).amax(0)
    length = sum(X[part] ** 2 for part in places) ** 0.5
    taken, dX = torch.zeros(h, w, dtype=torch.bool), torch.zeros(X.shape)
    for part in places:
        wins = (X[part] == top) & ~taken
        taken |= wins
        slopes = {"max": wins, "avg": 1 / len(places), "l2": X[part] / (length + (length == 0))}
        dX[part] += (slopes[mode] * dY).float()
    return dX


def squares(k):
    """All places of a k × k window, row by row."""
    return [(a, b) for a in range(k) for b in range(k)]


def costs_by_building(layers, shape):
    """Build the layers and look."""
    X, found = torch.zeros(1, *shape), []
    for kind, *numbers in layers:
        products = 0
        try:
            if kind == "conv":
                c_out, k, p, s = numbers
                layer = nn.Conv2d(X.shape[1], c_out, k, padding=p, stride=s)
            elif kind == "max":
                layer = nn.MaxPool2d(numbers[0], padding=numbers[1], stride=numbers[2])
            elif kind == "global":
                layer = nn.AdaptiveAvgPool2d(1)
            elif kind == "flatten":
                layer = nn.Flatten()
            elif X.dim() != 2:
                raise ValueError("not flat")
            else:
                layer = nn.Linear(X.shape[1], numbers[0])
            X = layer(X)
        except (RuntimeError, IndexError) as error:
            raise ValueError(str(error)) from None
        if kind in ("conv", "linear"):
            products = layer.weight[0].numel() * X.numel()
        parameters = sum(p.numel() for p in layer.parameters())
        found.append([X.shape[1:], torch.tensor(parameters), products])
    return tuple(found)


RIGHT = {
    "23.1": [
        [torch.tensor(16.0), np.int64(1216), 307_200.0, 3 * 2**18, 5],
        torch.tensor((16, 1216, 16**3 * 75, 4 * 64 * 3 * 32**2, 5)),
        np.array((16, 1216, 307_200, 786_432, 5)),
    ],
    "23.2": [color_kernels(), torch.tensor(color_kernels(), dtype=torch.float32).tolist()],
    "23.3": [
        (torch.tensor([0, 0, 0, 0, 0, 1] * 2), np.array([0, 1, 0, 0, 0, 0] * 2)),
        [(0.0, 0.0, 1.0, 0.0, 0.0, 0.0) * 2, [1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1, 1]],
        torch.tensor([[0, 0, 1] + [0, 0, 0] + [0, 0, 1] + [0, 0, 0], [0, 1, 0] + 9 * [0]]),
    ],
    "23.4": [padding_by_trying, lambda n, k, s, d: np.array(padding_by_trying(n, k, s, d))],
    "23.5": [backward_by_indices, backward_by_windows],
    "23.6": [costs_by_building],
}
