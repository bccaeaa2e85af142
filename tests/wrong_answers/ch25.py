"""Typical wrong answers to the exercises of chapter 25; each must be refused."""

import math

import torch
from torch import nn
from torch.nn import functional

FLAT = 16 * 13 * 13
RIGHT = 456 + 2416 + 120 * (FLAT + 1) + 84 * 121 + 100 * 85
LINEAR = 120 * FLAT + 84 * 120 + 100 * 84  # multiplications
PRODUCTS = 450 * 60**2 + 2400 * 26**2 + LINEAR
TURNED = [0, 1, -1, -1, 4, 5, 6, 7]  # triangles belong to no class any more
SWAPPED = [1, 0, 3, 2, 5, 4, 7, 6, 8, 9]


def standardizing(axes=(0, 2, 3), own=False, correction=0, safe=True, divide=True, in_place=False):
    def standardize(train, other):
        if in_place:
            train.zero_()
        pixels, others = train.double(), other.double()
        mean = pixels.mean(axes, keepdim=True)
        std = pixels.std(axes, keepdim=True, correction=correction)
        if safe:
            std[std == 0] = 1
        if not divide:
            std = torch.ones_like(std) * 255
        if own:
            a = others.mean(axes, keepdim=True), others.std(axes, keepdim=True, correction=0)
            return (pixels - mean) / std, (others - a[0]) / a[1]
        return (pixels - mean) / std, (others - mean) / std

    return standardize


def sum_in_place(filters):
    filters[:, :1] += filters[:, 1:].sum(1, keepdim=True)
    return filters[:, :1]


def reaching(key="cpu_seconds", start=1, more=False, last=False, never=math.inf, epochs=None):
    def seconds_to(run, target):
        history = run["history"]
        each = run[key] / (epochs or len(history))
        times = [
            each * epoch
            for epoch, reached in enumerate(history, start)
            if (reached > target if more else reached >= target)
        ]
        return times[-1 if last else 0] if times else never

    return seconds_to


def reach_and_stay(run, target):
    """The time from which the accuracy stays at the target or above."""
    below = [k for k, reached in enumerate(run["history"], 1) if reached < target]
    epoch = (below[-1] if below else 0) + 1
    epochs = len(run["history"])
    return run["cpu_seconds"] * epoch / epochs if epoch <= epochs else math.inf


def reach_between(run, target):
    """On a line between the two epochs."""
    before, each = 0.0, run["cpu_seconds"] / len(run["history"])
    for k, reached in enumerate(run["history"]):
        if reached >= target:
            return each * (k + (target - before) / (reached - before))
        before = reached
    return math.inf


def reach_and_forget(run, target):
    while run["history"] and run["history"][-1] >= target:
        run["history"].pop()
    return reaching()(run, target)


def confusing(rate=True, both=True, ordered=True, rows=False, drop=0):
    def most_confused(counts, k):
        size, rates = len(counts), {}
        for i in range(size):
            for j in range(size):
                if i >= j and both:
                    continue
                if i == j:
                    continue
                number = counts[i, j] + (counts[j, i] if both else 0)
                total = counts[i].sum() + (0 if rows else counts[j].sum())
                rates[i, j] = (number / total if rate else number).item()
        pairs = sorted(rates, key=lambda pair: -rates[pair])[: k - drop]
        return pairs if ordered else pairs[::-1]

    return most_confused


def with_diagonal(counts, k):
    flat = counts.flatten().argsort(descending=True)[:k]
    return [(int(i) // len(counts), int(i) % len(counts)) for i in flat]


def copying(flips=(None, 3), key=lambda image: image.numpy().tobytes(), near=0):
    def copies(train, other):
        parts = [train if axis is None else train.flip(axis) for axis in flips]
        if near:
            known = torch.cat(parts).double().flatten(1)
            distance = torch.cdist(other.double().flatten(1), known)
            return (distance <= near).any(1)
        known = {key(image) for part in parts for image in part}
        return torch.tensor([key(image) in known for image in other], dtype=torch.bool)

    return copies


def copies_of_mean(train, other):
    return copying(key=lambda image: tuple(image.double().mean((1, 2)).tolist()))(train, other)


def copies_as_numbers(train, other):
    return copying()(train, other).nonzero()[:, 0]


def easy(n, part, seed):
    """Images whose color tells the class, in place of `signs`."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 10
    colors = torch.tensor([(i % 3 * 100, i // 3 * 60, 120) for i in range(10)])[labels]
    images = colors[:, :, None, None] + torch.randint(0, 20, (n, 3, 32, 32), generator=generator)
    return images.to(torch.uint8), labels


def large(train, validation):
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))


def untrained(train, validation):
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 10))


def answers_only(train, validation):
    class Said(nn.Module):
        def forward(self, X):
            return X.mean((1, 2, 3))

    return Said()


class Nearest(nn.Module):
    """The label of the nearest training image, which it keeps."""

    def __init__(self, train):
        super().__init__()
        self.images, self.labels = train[0].flatten(1), train[1]

    def forward(self, X):
        closest = torch.cdist(X.flatten(1), self.images).argmin(1)
        return functional.one_hot(self.labels[closest], 10).float()


class OfTheBatch(nn.Module):
    """Normalizes by the batch that it is asked about."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(3, 10)

    def forward(self, X):
        return self.last((X - X.mean((0, 2, 3), keepdim=True)).mean((2, 3)))


WRONG = {
    "25.1": [
        (62_006, PRODUCTS, 20),
        (RIGHT - 120 * 15 * 169, PRODUCTS, 20),
        (RIGHT + 120 * (16**3 - FLAT), PRODUCTS, 20),
        (RIGHT + 120 * (16 * 26 * 26 - FLAT), PRODUCTS, 20),
        (RIGHT + 120 * (400 - FLAT), PRODUCTS, 20),
        (RIGHT - 326, PRODUCTS, 20),
        (RIGHT - 90 * 85, PRODUCTS, 20),
        (RIGHT - 300, PRODUCTS, 20),
        (RIGHT - 2872, PRODUCTS, 20),
        (RIGHT, RIGHT, 20),
        (RIGHT, 651_720, 20),
        (RIGHT, PRODUCTS - LINEAR, 20),
        (RIGHT, PRODUCTS + 6 * 60**2 + 16 * 26**2 + 304, 20),
        (RIGHT, 450 * 30**2 + 2400 * 13**2 + LINEAR, 20),
        (RIGHT, 450 * 64**2 + 2400 * 32**2 + LINEAR, 20),
        (RIGHT, PRODUCTS, 10),
        (RIGHT, PRODUCTS, 19),
        (RIGHT, PRODUCTS, 0.95),
        (RIGHT, PRODUCTS, float("nan")),
        (RIGHT, PRODUCTS),
        RIGHT,
    ],
    "25.2": [
        ([*TURNED, 9, 8], [*TURNED, -1, -1], SWAPPED),
        ([*TURNED, -1, -1], [*TURNED, -1, -1], SWAPPED),
        ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [*TURNED, -1, -1], SWAPPED),
        ([*TURNED, 8, 9], [*TURNED, 8, 9], SWAPPED),
        ([*TURNED, 8, 9], [0, 1, 2, 3, 4, 5, 6, 7, -1, -1], SWAPPED),
        ([*TURNED, 8, 9], [0, 1, -1, -1, 4, 5, -1, -1, -1, -1], SWAPPED),
        ([*TURNED, 8, 9], [0, 1, -1, -1, 6, 7, 4, 5, -1, -1], SWAPPED),
        ([*TURNED, 8, 9], [*TURNED, -1, -1], list(range(10))),
        ([*TURNED, 8, 9], [*TURNED, -1, -1], [*SWAPPED[:8], 9, 8]),
        ([*TURNED, 8, 9], [*TURNED, -1, -1], [-1] * 10),
        ([*TURNED, 8, 9], [*TURNED, -1, -1], SWAPPED[:8]),
        ([*TURNED, 8, 9], [*TURNED, -1, -2], SWAPPED),
        ([*TURNED, 8, 9], [*TURNED, -1, -1]),
        TURNED,
    ],
    "25.3": [
        standardizing(axes=(0, 1, 2, 3)),
        standardizing(axes=(0,)),
        standardizing(axes=(2, 3)),
        standardizing(own=True),
        standardizing(correction=1),
        standardizing(safe=False),
        standardizing(divide=False),
        standardizing(in_place=True),
        lambda train, other: standardizing()(train, other)[0],
        lambda train, other: (train / 255, other / 255),
    ],
    "25.4": [
        lambda filters: filters.mean(1, keepdim=True),
        lambda filters: filters.sum(1),
        lambda filters: filters.sum(0, keepdim=True),
        lambda filters: filters[:, :1],
        lambda filters: filters[:, 1:2],
        lambda filters: filters.abs().sum(1, keepdim=True),
        lambda filters: filters - filters.mean(1, keepdim=True),
        lambda f: 0.299 * f[:, :1] + 0.587 * f[:, 1:2] + 0.114 * f[:, 2:],
        sum_in_place,
    ],
    "25.5": [
        reaching(key="seconds"),
        reaching(start=0),
        reaching(more=True),
        reaching(last=True),
        reaching(never=None),
        reaching(never=-1),
        reaching(epochs=8),
        reach_and_stay,
        reach_between,
        reach_and_forget,
        lambda run, target: run["cpu_seconds"],
        lambda run, target: next(k for k, a in enumerate(run["history"], 1) if a >= target),
        lambda run, target: reaching()(run, target / 100),
    ],
    "25.6": [
        confusing(rate=False),
        confusing(both=False),
        confusing(ordered=False),
        confusing(rows=True),
        confusing(drop=1),
        with_diagonal,
        lambda counts, k: counts,
        lambda counts, k: k,
    ],
    "25.7": [
        copying(flips=(None,)),
        copying(flips=(3,)),
        copying(flips=(None, 3, 2)),
        copying(flips=(None, 2)),
        copying(flips=(None, 3), near=1.5),
        copying(key=lambda image: tuple(sorted(image.flatten().tolist()))),
        copying(key=lambda image: image[0].numpy().tobytes()),
        copies_of_mean,
        copies_as_numbers,
        lambda train, other: torch.ones(len(other), dtype=torch.bool),
    ],
    "25.8": [
        (large, easy),
        (untrained, easy),
        (answers_only, easy),
        (lambda train, validation: Nearest(train), easy),
        (lambda train, validation: OfTheBatch(), easy),
        (lambda train, validation: train, easy),
        large,
    ],
}
