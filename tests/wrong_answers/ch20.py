"""Typical wrong answers to the exercises of chapter 20; each must be refused."""

import torch
from torch.utils import data


def windows(length=0, shift=0, window_shift=0, pair=True, ends=True, keep_dim=False, batched=False):
    """The solution with one thing changed."""

    class Windows(data.Dataset):
        def __init__(self, series, size):
            self.series, self.size = series, size

        def __len__(self):
            return max(0, len(self.series) - self.size + length)

        def __getitem__(self, i):
            if ends and not 0 <= i < len(self):
                raise IndexError
            if not ends:
                i = i % len(self)
            window = self.series[i + window_shift : i + window_shift + self.size]
            j = min(i + self.size + shift, len(self.series) - 1)
            following = self.series[j : j + 1] if keep_dim else self.series[j]
            if batched:
                window = window[None]
            return (window, following) if pair else torch.cat([window, following.reshape(1)])

    return Windows


class NoLength(data.Dataset):
    def __init__(self, series, size):
        self.series, self.size = series, size

    def __getitem__(self, i):
        return self.series[i : i + self.size], self.series[i + self.size]


class Blocks(data.Dataset):
    """Windows that do not overlap."""

    def __init__(self, series, size):
        self.series, self.size = series, size

    def __len__(self):
        return (len(self.series) - 1) // self.size

    def __getitem__(self, i):
        start = i * self.size
        return self.series[start : start + self.size], self.series[start + self.size]


class AtLeastOne(windows()):
    """Right but for a series that is too short."""

    def __len__(self):
        return max(1, len(self.series) - self.size)


class NegativeLength(windows()):
    """Right but for a series shorter than a window: the length is negative."""

    def __len__(self):
        return len(self.series) - self.size


class NoGuard(data.Dataset):
    """Lets negative numbers through; a pair of an empty window and some value."""

    def __init__(self, series, size):
        self.series, self.size = series, size

    def __len__(self):
        return max(0, len(self.series) - self.size)

    def __getitem__(self, i):
        return self.series[i : i + self.size], self.series[i + self.size]


class AlwaysThree(windows()):
    """The size of the first test, written into the code."""

    def __getitem__(self, i):
        if not 0 <= i < len(self):
            raise IndexError
        return self.series[i : i + 3], self.series[i + 3]


def of_sizes(labels, shares):
    return 1 / labels.bincount()[labels]


def of_shares(labels, shares):
    return shares[labels]


def times_sizes(labels, shares):
    return shares[labels] * labels.bincount()[labels]


def for_classes(labels, shares):
    return shares / labels.bincount(minlength=len(shares)).clamp(min=1)


def for_sorted(labels, shares):
    labels = labels.sort().values
    return shares[labels] / labels.bincount(minlength=len(shares))[labels]


def one_of_each(labels, shares):
    """The first of each class stands for all."""
    weights = torch.zeros(len(labels))
    for label in labels.unique():
        weights[(labels == label).nonzero()[0, 0]] = shares[label]
    return weights


def over_zero(labels, shares):
    return shares[labels] / (shares[labels] * labels.bincount()[labels])


def equal(labels, shares):
    return torch.ones(len(labels))


def parts(batches):
    return list(batches), (0, 2, 3)


def mean_of_means(batches):
    batches, dims = parts(batches)
    means = torch.stack([X.mean(dims) for X in batches])
    return means.mean(0), torch.cat(batches).std(dims, correction=0)


def mean_of_stds(batches):
    batches, dims = parts(batches)
    stds = torch.stack([X.std(dims, correction=0) for X in batches])
    return torch.cat(batches).mean(dims), stds.mean(0)


def weighted_stds(batches):
    batches, dims = parts(batches)
    share = torch.tensor([len(X) for X in batches]).to(batches[0])
    stds = torch.stack([X.std(dims) for X in batches])
    return torch.cat(batches).mean(dims), share @ stds / share.sum()


def pooled_variance(batches):
    batches, dims = parts(batches)
    share = torch.tensor([len(X) for X in batches]).to(batches[0])
    variances = torch.stack([X.var(dims, correction=0) for X in batches])
    return torch.cat(batches).mean(dims), (share @ variances / share.sum()).sqrt()


def whole(batches, std=lambda X: X.std((0, 2, 3), correction=0), mean=None):
    X = torch.cat(list(batches))
    return (mean or (lambda X: X.mean((0, 2, 3))))(X), std(X)


def first_batch_only(batches):
    return whole([next(iter(batches))])


def twice(batches):
    mean = torch.stack([X.mean((0, 2, 3)) for X in batches]).mean(0)
    return mean, sum(((X - mean[:, None, None]) ** 2).mean((0, 2, 3)) for X in batches) ** 0.5


def matched(numbers, error=ValueError):
    """Labels changed by numbers(train, test); an unknown name raises the error."""

    def match_labels(train_classes, test_classes, labels):
        if error and set(test_classes) - set(train_classes):
            raise error
        return torch.tensor(numbers(train_classes, test_classes))[labels]

    return match_labels


def positions(train, test):
    return [train.index(name) for name in test]


def or_nowhere(train, test):
    return [train.index(name) if name in train else -1 for name in test]


def inverse(train, test):
    return [test.index(name) if name in test else -1 for name in train]


def only_used(train_classes, test_classes, labels):
    """Raises only where a label uses the unknown name."""
    return torch.tensor([train_classes.index(test_classes[label]) for label in labels])


def in_order(lengths, batch_size, generator):
    return [b.tolist() for b in torch.arange(len(lengths)).split(batch_size)]


def shuffled(lengths, batch_size, generator):
    order = torch.randperm(len(lengths), generator=generator)
    return [b.tolist() for b in order.split(batch_size)]


def pooled(pool=12, mix=True, seeded=True, redraw=True, drop=False, repeat=False, short=False):
    """The solution with one thing changed."""

    def similar_batches(lengths, batch_size, generator):
        n = len(lengths)
        own = generator if seeded else None
        order = torch.randperm(n, generator=own) if redraw else torch.arange(n)
        if repeat:
            order = torch.randint(n, (n,), generator=own)
        batches = []
        for part in order.split(pool * batch_size - (1 if short else 0)):
            batches += part[lengths[part].argsort()].split(batch_size)
        if drop:
            batches = [b for b in batches if len(b) == batch_size]
        if mix:
            batches = [batches[i] for i in torch.randperm(len(batches), generator=own)]
        return [b.tolist() for b in batches]

    return similar_batches


def alternating(lengths, batch_size, generator):
    """A long batch, a short one, and so on: the same places in each epoch."""
    batches = pooled(pool=12, mix=False)(lengths, batch_size, generator)
    batches.sort(key=lambda batch: float(lengths[batch].double().mean()))
    half = len(batches) // 2
    turns = [
        b for pair in zip(batches[:half], batches[: half - 1 : -1], strict=False) for b in pair
    ]
    return turns + batches[half : len(batches) - half]


def by_length(lengths, batch_size, generator):
    """Sorted, so that each epoch has the same batches; their order is mixed."""
    batches = lengths.argsort(stable=True).split(batch_size)
    mixed = torch.randperm(len(batches), generator=generator)
    return [batches[i].tolist() for i in mixed]


def noisy_but_sorted(lengths, batch_size, generator):
    noise = 5 * torch.rand(len(lengths), generator=generator)
    return [b.tolist() for b in (lengths + noise).argsort().split(batch_size)]


def endless(lengths, batch_size, generator):
    while True:
        yield from pooled()(lengths, batch_size, generator)


def flat(lengths, batch_size, generator):
    return torch.randperm(len(lengths), generator=generator).tolist()


def too_large(lengths, batch_size, generator):
    return pooled()(lengths, 2 * batch_size, generator)


WRONG = {
    "20.1": [
        (32, 4, 10),
        (10, 4, 10),
        (42, 3, 10),
        (42, 3.2, 10),
        (42, 5, 10),
        (42, 4, 8),
        (42, 4, 42),
        (0.42, 4, 0.1),
        (42, 4),
        (42, float("nan"), 10),
        42,
    ],
    "20.2": [
        (30, 30, 30),
        (10, 9, 30),
        (9, 9, 30),
        (12, 9, 30),
        (2.5, 7.5, 30),
        (2, 6, 30),
        (4, 12, 30),
        (3, 3, 30),
        (3, 30, 30),
        (3, 12, 30),
        (3, 9, 9),
        (3, 9, 10),
        (3, 9, 12),
        (3, 9, 120),
        (3, 9, float("nan")),
        (3, float("inf"), 30),
        (3, 9),
        (3, [9, 9], 30),
        (3, "nine", 30),
        3,
    ],
    "20.3": [
        NoGuard,
        AlwaysThree,
        windows(length=1),
        windows(length=-1),
        windows(shift=1),
        windows(shift=-1),
        windows(window_shift=1),
        windows(pair=False),
        windows(keep_dim=True),
        windows(batched=True),
        windows(ends=False),
        NoLength,
        Blocks,
        AtLeastOne,
        NegativeLength,
        windows()(torch.arange(10.0), 3),
        3,
    ],
    "20.4": [
        of_sizes,
        of_shares,
        times_sizes,
        for_classes,
        for_sorted,
        one_of_each,
        over_zero,
        equal,
        lambda labels, shares: -of_sizes(labels, shares),
        lambda labels, shares: torch.zeros(len(labels)),
        [0.1, 0.2],
    ],
    "20.5": [
        lambda train_classes, test_classes, labels: labels,
        matched(inverse),
        matched(or_nowhere, error=None),
        matched(positions, error=KeyError),
        matched(lambda train, test: [test.index(name) for name in test]),
        lambda *arguments: matched(positions)(*arguments)[:, None],
        only_used,
        lambda train_classes, test_classes, labels: [train_classes[label] for label in labels],
        3,
    ],
    "20.6": [
        mean_of_means,
        mean_of_stds,
        weighted_stds,
        pooled_variance,
        first_batch_only,
        twice,
        lambda batches: whole(batches, lambda X: X.var((0, 2, 3), correction=0)),
        lambda batches: whole(batches, lambda X: X.std((0, 2, 3))),
        lambda batches: whole(batches, lambda X: X.std(correction=0)),
        lambda batches: whole(batches, mean=lambda X: X.mean()),
        lambda batches: whole(batches)[::-1],
        lambda batches: whole(batches)[0],
        lambda batches: whole(batches, lambda X: (X**2).mean((0, 2, 3)).sqrt()),
        lambda batches: (torch.full((3,), float("nan")), torch.ones(3)),
        whole,  # right, but for a set too large for memory
        0.5,
    ],
    "20.7": [
        in_order,
        shuffled,
        by_length,
        noisy_but_sorted,
        endless,
        flat,
        too_large,
        pooled(pool=1),
        pooled(pool=2),
        pooled(mix=False, pool=100),
        *(pooled(mix=False, pool=pool) for pool in (6, 8, 10, 12, 20)),
        alternating,
        pooled(seeded=False),
        pooled(drop=True),
        pooled(repeat=True),
        pooled(short=True),
        pooled(redraw=False),
        7,
    ],
}
