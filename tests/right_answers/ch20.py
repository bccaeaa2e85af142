"""Right answers to the exercises of chapter 20, other than the solutions; each must be accepted."""

import math

import numpy as np
import torch


class PlainWindows:
    """Without PyTorch's base class, from slices made beforehand."""

    def __init__(self, series, size):
        count = max(0, len(series) - size)
        self.items = [(series[i : i + size], series[i + size]) for i in range(count)]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


class UnfoldedWindows(torch.utils.data.TensorDataset):
    """All windows at once."""

    def __init__(self, series, size):
        if len(series) <= size:
            super().__init__(torch.zeros(0, size), torch.zeros(0))
        else:
            super().__init__(series.unfold(0, size, 1)[:-1], series[size:])


def by_class(labels, shares):
    """A loop over the classes; twice as large as need be, in float64."""
    weights = torch.zeros(len(labels), dtype=torch.float64)
    for label, share in enumerate(shares):
        members = labels == label
        if members.any():
            weights[members] = 2 * share.double() / members.sum()
    return weights


def as_list(labels, shares):
    counts = np.bincount(labels.numpy(), minlength=len(shares))
    return [float(shares[label]) / int(counts[label]) for label in labels]


def stacked(batches):
    """Averages of averages, weighted; one tensor (2, C)."""
    n, moments = 0, 0.0
    for X in batches:
        X = X.double()
        moments = moments + len(X) * torch.stack([X.mean((0, 2, 3)), (X**2).mean((0, 2, 3))])
        n += len(X)
    mean, squares = moments / n
    return torch.stack([mean, (squares - mean**2).sqrt()])


def by_dictionary(train_classes, test_classes, labels):
    place = {name: i for i, name in enumerate(train_classes)}
    if not place.keys() >= set(test_classes):
        raise ValueError
    return [place[test_classes[label]] for label in labels.tolist()]


def by_comparison(train_classes, test_classes, labels):
    same = np.array(test_classes)[:, None] == np.array(train_classes)  # (test, train)
    if not same.any(1).all():
        raise ValueError("unknown class")
    return same.argmax(1)[labels.numpy()]


def merged(batches):
    """Chan's rule for the sum of squares of two parts."""
    n, mean, squares = 0, 0.0, 0.0
    for X in batches:
        rows = X.double().transpose(0, 1).flatten(1)
        m, part = rows.shape[1], rows.mean(1)
        squares = squares + ((rows - part[:, None]) ** 2).sum(1)
        squares = squares + (part - mean) ** 2 * n * m / (n + m)
        mean = mean + (part - mean) * m / (n + m)
        n += m
    return [mean.float(), (squares / n).sqrt().float()]


def with_noise(lengths, batch_size, generator):
    """Sorted by length and some noise, so that companions change; then mixed."""
    noise = 6 * torch.rand(len(lengths), generator=generator)
    batches = (lengths + noise).argsort().split(batch_size)
    return [batches[i] for i in torch.randperm(len(batches), generator=generator)]


def yielded(lengths, batch_size, generator):
    """A generator; ties are broken by chance."""
    order = torch.randperm(len(lengths), generator=generator).tolist()
    pool = 25 * batch_size
    batches = []
    for start in range(0, len(order), pool):
        part = sorted(order[start : start + pool], key=lambda i: int(lengths[i]))
        batches += [part[i : i + batch_size] for i in range(0, len(part), batch_size)]
    for i in torch.randperm(len(batches), generator=generator).tolist():
        yield batches[i]


RIGHT = {
    "20.1": [[100 * 0.42, math.ceil(3.2), 100 * 0.1], np.array([42, 4, 10])],
    "20.2": [
        [math.ceil(10 / 4), 3 * math.ceil(10 / 4), 3 * 10],
        (torch.tensor(3), np.int64(9), 30.0),
        torch.tensor([3, 9, 30]),
    ],
    "20.3": [PlainWindows, UnfoldedWindows],
    "20.4": [by_class, as_list],
    "20.5": [by_dictionary, by_comparison],
    "20.6": [stacked, merged],
    "20.7": [with_noise, yielded],
}
