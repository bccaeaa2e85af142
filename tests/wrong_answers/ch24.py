"""Typical wrong answers to the exercises of chapter 24; each must be refused."""

import math

import torch
from torch import nn


def comparison(
    scale=lambda n: 100 / n,
    sign=1,
    images=lambda lost, won: (won + lost).sqrt(),
    mean=torch.mean,
    seeds=lambda gain: gain.std() / len(gain) ** 0.5,
):
    """The solution of 24.2 with one thing changed."""

    def compare(hits_a, hits_b):
        lost, won = (hits_a & ~hits_b).sum(1).double(), (~hits_a & hits_b).sum(1).double()
        gain = sign * (won - lost)
        results = (gain, images(lost, won), mean(gain), seeds(gain))
        return tuple(result * scale(hits_a.shape[1]) for result in results)

    return compare


def average(start, rows, d):
    """The moving average that starts there and meets these rows."""
    for row in rows:
        start = d * start + (1 - d) * row
    return start


def schedule(start=25, end=250_000, share=0.3, last=1, minus=1, straight=False, down_only=False):
    """The solution with one thing changed."""

    def one_cycle(step, steps, peak):
        top, final = share * steps - minus, steps - last
        if step <= top and not down_only:
            a, b, t = peak / start, peak, step / top
            if straight:
                return a + (b - a) * t
        else:
            a, b, t = peak, peak / end, (step - top) / (final - top)
        return a + (b - a) * (1 - math.cos(math.pi * t)) / 2

    return one_cycle


def network(*layers):
    """Untrained."""
    return lambda train, validation: nn.Sequential(*layers)


def half_trained(train, validation):
    """A linear classifier after a few steps: better than guessing, far from enough."""
    X, y = train
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    params = list(net.parameters())
    for _ in range(30):
        grads = torch.autograd.grad(nn.functional.cross_entropy(net(X), y), params)
        with torch.no_grad():
            for param, grad in zip(params, grads, strict=True):
                param -= 0.5 * grad
    return net


def seen(n, places, epochs):
    """The solution of 24.6, for any number of places."""
    return n * places * (1 - (1 - 1 / places) ** epochs)


class Nearest(nn.Module):
    """No training: the label of the nearest training image; 97 of 100, but far too many numbers."""

    def __init__(self, train, validation):
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))
        self.keep(*train)

    def keep(self, images, labels):
        """In buffers."""
        self.register_buffer("images", images.flatten(1))
        self.register_buffer("labels", labels)

    def forward(self, X):
        nearest = torch.cdist(X.flatten(1), self.images).argmin(1)
        return nn.functional.one_hot(self.labels[nearest], 10).float()


class PlainNearest(Nearest):
    """The same, in attributes that no list of buffers shows."""

    def keep(self, images, labels):
        """In plain attributes."""
        self.images, self.labels = images.flatten(1), labels


class TupleNearest(Nearest):
    """The same, two containers deep."""

    def keep(self, images, labels):
        """In a tuple in a dictionary."""
        self.kept = {"pairs": [(images.flatten(1), labels)]}

    def forward(self, X):
        ((self_images, self_labels),) = self.kept["pairs"]
        nearest = torch.cdist(X.flatten(1), self_images).argmin(1)
        return nn.functional.one_hot(self_labels[nearest], 10).float()


def both_in_tuple(train, validation):
    """Training and validation images, to be found again: 300 of 300."""
    images, labels = (torch.cat(part) for part in zip(train, validation, strict=True))
    return TupleNearest((images, labels), validation)


WRONG = {
    "24.1": [
        (2560, 278_670),
        (40_960, 122_670),
        (25, 122_670),
        (640, 122_670),
        (1000, 121_670),
        (1000, 122_500),
        (1000, 101_110),
        (1000, math.nan),
        (1000,),
        torch.tensor([2560, 278_670]),
        torch.tensor([1000]),
        ("1000", "122670"),
        1000,
    ],
    "24.2": [
        comparison(scale=lambda n: 1),
        comparison(scale=lambda n: 1 / n),
        comparison(sign=-1),
        comparison(images=lambda lost, won: (won - lost).abs().sqrt()),
        comparison(images=lambda lost, won: won + lost),
        comparison(images=lambda lost, won: won.sqrt() + lost.sqrt()),
        comparison(seeds=lambda gain: gain.std()),
        comparison(seeds=lambda gain: gain.std(correction=0)),
        comparison(seeds=lambda gain: gain.std(correction=0) / len(gain) ** 0.5),
        comparison(seeds=lambda gain: gain * math.nan),
        comparison(mean=torch.sum),
        comparison(mean=lambda gain: gain),
        lambda hits_a, hits_b: comparison()(hits_a, hits_b)[:3],
        lambda hits_a, hits_b: comparison()(hits_b, hits_a),
        lambda hits_a, hits_b: 0.18,
    ],
    "24.3": [
        lambda logits: logits.mean(0).argmax(1),
        lambda logits: logits.argmax(2).mode(0).values,
        lambda logits: logits.softmax(2).max(0).values.argmax(1),
        lambda logits: logits.softmax(1).mean(0).argmax(1),
        lambda logits: logits.softmax(0).mean(0).argmax(1),
        lambda logits: logits.softmax(2).mean(0),
        lambda logits: logits.softmax(2).argmax(2),
        lambda logits: logits[0].argmax(1),
        lambda logits: logits.softmax(2).mean(0).argmin(1),
    ],
    "24.4": [
        lambda weights, d: average(weights[0], weights[1:], 1 - d),
        lambda weights, d: average(torch.zeros_like(weights[0]), weights, d),
        lambda weights, d: average(weights[0], weights, 1 - d),
        lambda weights, d: average(weights[-1], weights.flip(0)[1:], d),
        lambda weights, d: average(weights[0], weights[1:-1], d),
        lambda weights, d: weights.mean(0),
        lambda weights, d: weights[-1],
        lambda weights, d: d * weights[0] + (1 - d) * weights[-1],
        lambda weights, d: average(weights[0], weights[1:], d).mean(),
        lambda weights, d: weights * math.nan,
        lambda weights, d: weights[0] * math.nan,
    ],
    "24.5": [
        schedule(start=1),
        schedule(end=10_000),
        schedule(share=0.5),
        schedule(last=0),
        schedule(minus=0),
        schedule(straight=True),
        schedule(down_only=True),
        lambda step, steps, peak: peak,
        lambda step, steps, peak: peak * (1 + math.cos(math.pi * step / (steps - 1))) / 2,
        lambda step, steps, peak: math.nan,
        lambda step, steps, peak: [peak / 25] * steps,
    ],
    "24.6": [
        lambda n, m, epochs: n * epochs,
        lambda n, m, epochs: n * (2 * m + 1) ** 2,
        lambda n, m, epochs: n * min(epochs, (2 * m + 1) ** 2),
        lambda n, m, epochs: n * (2 * m + 1) ** 2 * (1 - (2 * m + 1) ** -2) ** epochs,
        lambda n, m, epochs: seen(n, 2 * m + 1, epochs),
        lambda n, m, epochs: seen(n, 4 * m + 1, epochs),
        lambda n, m, epochs: seen(n, (2 * m + 1) ** 2 - 1, epochs),
        lambda n, m, epochs: seen(n, m * m, epochs),
        lambda n, m, epochs: seen(n, 9, epochs),
        lambda n, m, epochs: seen(1, (2 * m + 1) ** 2, epochs),
        lambda n, m, epochs: seen(1, n * (2 * m + 1) ** 2, n * epochs),
        lambda n, m, epochs: seen(n, (2 * m + 1) ** 2, epochs - 1),
        lambda n, m, epochs: math.nan,
        lambda n, m, epochs: [seen(n, (2 * m + 1) ** 2, epochs)] * 2,
    ],
    "24.7": [
        network(nn.Flatten(), nn.Linear(64, 200), nn.ReLU(), nn.Linear(200, 10)),
        network(nn.Flatten(), nn.Linear(64, 10)),
        network(nn.Linear(64, 10)),
        network(nn.Conv2d(1, 10, 3)),
        network(nn.Flatten()),
        half_trained,
        Nearest,
        PlainNearest,
        TupleNearest,
        both_in_tuple,
        lambda train, validation: nn.functional.one_hot(validation[1]),
        lambda train, validation: torch.compile,
    ],
}
