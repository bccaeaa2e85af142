"""Typical wrong answers to the exercises of chapter 25; each must be refused."""

import torch
from torch import nn
from torch.nn import functional

FLAT = 16 * 13 * 13
RIGHT = 456 + 2416 + 120 * (FLAT + 1) + 84 * 121 + 100 * 85


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


def moving(down_sign=1, right_sign=1, first="shift", axis=2, every=False, wrap=False):
    def move(images, down, right, mirrored):
        found = []
        for image, d, r, m in zip(images, down.tolist(), right.tolist(), mirrored, strict=True):
            d, r, m = d * down_sign, r * right_sign, bool(m) or every
            if m and first == "mirror":
                image = image.flip(axis)
            if wrap:
                image = image.roll((d, r), (1, 2))
            else:
                h, w = image.shape[1:]
                padded = functional.pad(image, (3, 3, 3, 3))
                image = padded[:, 3 - d : 3 - d + h, 3 - r : 3 - r + w]
            found.append(image.flip(axis) if m and first == "shift" else image)
        return torch.stack(found) if found else images.clone()

    return move


def move_all_alike(images, down, right, mirrored):
    return moving()(images, down[:1].expand_as(down), right, mirrored)


def move_in_place(images, down, right, mirrored):
    images.copy_(moving()(images, down, right, mirrored))
    return images


def move_with_a_border(images, down, right, mirrored):
    return functional.pad(moving()(images, down, right, mirrored), (3, 3, 3, 3))


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
        (13 * 13, RIGHT, 20),
        (400, 62_006, 20),
        (16 * 26 * 26, 1, 20),
        (16**3, 1, 20),
        (FLAT, RIGHT - 326, 20),
        (FLAT, RIGHT - 90 * 85, 20),
        (FLAT, RIGHT - 300, 20),
        (FLAT, RIGHT - 2872, 20),
        (FLAT, 62_006, 20),
        (FLAT, RIGHT, 10),
        (FLAT, RIGHT, 19),
        (FLAT, RIGHT, 0.95),
        (FLAT, RIGHT, float("nan")),
        (FLAT, RIGHT),
        FLAT,
    ],
    "25.2": [
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
    "25.3": [
        moving(down_sign=-1),
        moving(right_sign=-1),
        moving(first="mirror"),
        moving(axis=1),
        moving(every=True),
        moving(wrap=True),
        move_all_alike,
        move_in_place,
        move_with_a_border,
        lambda images, down, right, mirrored: images,
    ],
    "25.4": [
        confusing(rate=False),
        confusing(both=False),
        confusing(ordered=False),
        confusing(rows=True),
        confusing(drop=1),
        with_diagonal,
        lambda counts, k: counts,
        lambda counts, k: k,
    ],
    "25.5": [
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
    "25.6": [
        (large, easy),
        (untrained, easy),
        (answers_only, easy),
        (lambda train, validation: Nearest(train), easy),
        (lambda train, validation: OfTheBatch(), easy),
        (lambda train, validation: train, easy),
        large,
    ],
}
