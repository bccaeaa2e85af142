"""Right answers to the exercises of chapter 24, other than the solutions; each must be accepted."""

from fractions import Fraction

import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def vote_in_numpy(logits):
    """With float64 arrays."""
    weights = np.exp(logits.double().numpy())
    return (weights / weights.sum(2, keepdims=True)).sum(0).argmax(1)


def compare_in_numpy(hits_a, hits_b):
    """With lists of numbers."""
    a, b = hits_a.numpy().astype(int), hits_b.numpy().astype(int)
    n = a.shape[1]
    differences = 100 * (b - a).mean(1)
    by_images = 100 * np.sqrt((a != b).sum(1)) / n
    by_seeds = differences.std(ddof=1) / np.sqrt(len(a))
    return [differences.tolist(), by_images, differences.mean(), by_seeds]


def compare_shares(hits_a, hits_b):
    """By shares, in float32."""
    differences = 100 * (hits_b.float().mean(1) - hits_a.float().mean(1))
    by_images = 100 * ((hits_a ^ hits_b).float().mean(1) / hits_a.shape[1]).sqrt()
    by_seeds = (differences.var() / len(differences)).sqrt()
    return differences, by_images, differences.mean()[None], by_seeds[None]


def weighted_sum(weights, d):
    """Each row times its share, in float64."""
    steps = len(weights)
    shares = [d ** (steps - 1)] + [(1 - d) * d ** (steps - 1 - k) for k in range(1, steps)]
    return np.array(shares) @ weights.double().numpy()


def ema_of_pytorch(weights, d):
    """With the class of the chapter."""
    layer = nn.Linear(weights.shape[1], 1, bias=False)
    average = AveragedModel(layer, multi_avg_fn=get_ema_multi_avg_fn(d))
    for row in weights:
        layer.weight.data.copy_(row[None])
        average.update_parameters(layer)
    return average.module.weight[0]


def rate_in_float32(step, steps, peak):
    """The formula with torch's cosine."""
    top, end = 0.3 * steps - 1, steps - 1
    if step <= top:
        a, b, t = peak / 25, peak, step / top
    else:
        a, b, t = peak, peak / 250_000, (step - top) / (end - top)
    return a + (b - a) * (1 - torch.cos(torch.tensor(torch.pi * t))) / 2


def rate_of_pytorch(step, steps, peak):
    """Let the schedule run up to the step."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=peak)
    schedule = OneCycleLR(optimizer, peak, total_steps=steps, cycle_momentum=False)
    for _ in range(step):
        optimizer.step()
        schedule.step()
    return torch.tensor(schedule.get_last_lr())


def epoch_by_epoch(n, m, epochs):
    """What is new in each epoch: the share of the places that have not come."""
    places, found = (2 * m + 1) ** 2, 0.0
    for _ in range(epochs):
        found += 1 - found / places
    return torch.tensor(n * found, dtype=torch.float64)


def in_fractions(n, m, epochs):
    """Exactly, and rounded to whole images."""
    places = (2 * m + 1) ** 2
    return round(n * places * (1 - Fraction(places - 1, places) ** epochs))


class Separable(nn.Module):
    """A convolution over all places, one over all channels, twice; then all that is left."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 24, 3, padding=1),
            nn.BatchNorm2d(24),
            nn.ReLU(),
            nn.Conv2d(24, 24, 3, padding=1, groups=24),
            nn.Conv2d(24, 32, 1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 32, 3, padding=1, groups=4),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(128, 10),
        )

    def forward(self, X):
        return self.layers(X * 2 - 0.6)


def separable(train, validation):
    """The best of a few, left in training mode."""
    (X, y), (X_val, y_val), best = train, validation, (-1, None)
    for seed in range(8):
        torch.default_generator.manual_seed(seed)
        net = Separable()
        optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9, nesterov=True)
        schedule = OneCycleLR(optimizer, 0.1, total_steps=12 * 37 + 1, cycle_momentum=False)
        for _ in range(12):
            for rows in torch.randperm(len(X))[: 37 * 32].split(32):
                optimizer.zero_grad()
                nn.functional.cross_entropy(net(X[rows]), y[rows]).backward()
                optimizer.step()
                schedule.step()
        net.eval()
        with torch.no_grad():
            hits = int((net(X_val).argmax(1) == y_val).sum())
        best = max(best, (hits, net), key=lambda pair: pair[0])
        if hits >= 296:
            break
    return best[1].train()


RIGHT = {
    "24.1": [
        [torch.tensor(1000.0), np.int64(122_670)],
        (1000.0, 122_670.0),
        torch.tensor([1000, 122_670]),
        np.array([1000, 122_670]),
    ],
    "24.2": [compare_in_numpy, compare_shares],
    "24.3": [vote_in_numpy, lambda logits: logits.softmax(-1).sum(0).topk(1).indices[:, 0].int()],
    "24.4": [weighted_sum, ema_of_pytorch],
    "24.5": [rate_of_pytorch, rate_in_float32],
    "24.6": [epoch_by_epoch, in_fractions],
    "24.7": [separable],
}
