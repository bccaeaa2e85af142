"""Typical wrong answers to the exercises of chapter 27; each must be refused."""

import math

import torch

SHARE = 128 * 9.2e6 / 0.025 / 190e9


def five(share=SHARE, steps=800, images=8, threads=2, students=40):
    """The right numbers, but for those given."""
    return share, steps, images, threads, students


def in_place(w, update):
    was = w.clone()
    w -= update
    return was.bfloat16() == w.bfloat16()


def combined(weigh=True, skip=True, divide=True):
    """The solution with one thing changed."""

    def combine(gradients, sizes):
        pairs = [(g, n) for g, n in zip(gradients, sizes, strict=True) if n > 0 or not skip]
        total = sum((n if weigh else 1) * g for g, n in pairs)
        return total / (sum(n if weigh else 1 for _, n in pairs) if divide else 1)

    return combine


def predicted(share=None, by_q=None, limit=None):
    """The solution with one thing changed."""

    def predict(p, speed_up, q):
        stays = (p / speed_up - 1) / (p - 1)
        return (
            share(p, speed_up) if share else 1 - stays,
            by_q(stays, q) if by_q else 1 / (stays + (1 - stays) / q),
            limit(stays) if limit else 1 / stays if stays > 0 else math.inf,
        )

    return predict


def exchanged(at_once=True, rounds=None, sent=None):
    """The solution with one thing changed."""

    def butterfly(vectors):
        p, count = len(vectors), len(vectors).bit_length() - 1
        vectors = list(vectors)
        for k in range(count):
            old = list(vectors) if at_once else vectors
            for r in range(p):
                vectors[r] = old[r] + old[r ^ (1 << k)]
        n = len(vectors[0])
        return vectors, rounds(p) if rounds else count, sent(p, n) if sent else count * n

    return butterfly


def chosen(ring_rounds=lambda p: 2 * (p - 1), ring_part=lambda n, p: n / p, with_latency=True):
    """The solution with one thing changed."""

    def cheaper(p, n, latency, per_number):
        latency = latency if with_latency else 0.0
        ring = ring_rounds(p) * (latency + ring_part(n, p) * per_number)
        whole = math.log2(p) * (latency + n * per_number)
        return "ring" if ring < whole else "butterfly"

    return cheaper


def adding_in_place(vectors):
    for vector in vectors[1:]:
        vectors[0] += vector
    return [vectors[0]] * len(vectors), 1, 6


WRONG = {
    "27.1": [
        five(share=100 * SHARE),
        five(share=SHARE / 128),
        five(share=1 / SHARE),
        five(share=SHARE / 1000),
        five(share=2 * SHARE),
        five(share=math.nan),
        five(share="a quarter"),
        five(steps=480),
        five(steps=300),
        five(steps=0.8),
        five(images=96),
        five(images=32),
        five(images=24),
        five(threads=1),
        five(threads=12),
        five(threads=24),
        five(students=42),
        five(students=50),
        five(students=53),
        five(students=200),
        five(students=0),
        five()[:2],
        SHARE,
    ],
    "27.2": [
        lambda w, update: w - update == w,
        lambda w, update: (w - update).bfloat16() != w.bfloat16(),
        lambda w, update: w.bfloat16() - update.bfloat16() != w.bfloat16(),
        lambda w, update: (w - update).bfloat16() == w.bfloat16(),
        lambda w, update: w.half() - update.half() == w.half(),
        lambda w, update: update.abs() < 2**-7,
        lambda w, update: update.abs() < 2**-8 * w.abs(),
        lambda w, update: w.bfloat16() - update.bfloat16() == w,
        lambda w, update: w.bfloat16() - update.bfloat16(),
        lambda w, update: bool((w.bfloat16() - update.bfloat16() == w.bfloat16()).all()),
        lambda w, update: (w.bfloat16() - update.bfloat16() == w.bfloat16()).flatten()[:2],
        in_place,
    ],
    "27.3": [
        combined(weigh=False),
        combined(skip=False),
        combined(divide=False),
        lambda gradients, sizes: torch.stack(gradients).mean(0),
        lambda gradients, sizes: torch.stack(gradients).nansum(0) / len(sizes),
        lambda gradients, sizes: gradients[0],
        lambda gradients, sizes: sum(g.mean() for g in gradients),
        lambda gradients, sizes: sum(g.mul_(n) for g, n in zip(gradients, sizes, strict=True)),
        lambda gradients, sizes: torch.stack(gradients),
    ],
    "27.4": [
        predicted(share=lambda p, s: (p / s - 1) / (p - 1)),
        predicted(share=lambda p, s: s / p),
        predicted(share=lambda p, s: 1 - 1 / s),
        predicted(by_q=lambda stays, q: q * (1 - stays)),
        predicted(by_q=lambda stays, q: 1 / (stays + 1 / q)),
        predicted(limit=lambda stays: 1 / (1 - stays)),
        predicted(limit=lambda stays: 100.0),
        lambda p, speed_up, q: speed_up,
        lambda p, speed_up, q: (math.nan, math.nan, math.nan),
    ],
    "27.5": [
        (exchanged(at_once=False), chosen()),
        (exchanged(rounds=lambda p: p - 1), chosen()),
        (exchanged(rounds=lambda p: 2 * (p - 1)), chosen()),
        (exchanged(sent=lambda p, n: p * (p.bit_length() - 1) * n), chosen()),
        (exchanged(sent=lambda p, n: n), chosen()),
        (adding_in_place, chosen()),
        (lambda vectors: vectors, chosen()),
        (lambda vectors: (sum(vectors), 1, 6), chosen()),
        (exchanged(), chosen(ring_rounds=lambda p: p - 1)),
        (exchanged(), chosen(ring_part=lambda n, p: n)),
        (exchanged(), chosen(with_latency=False)),
        (exchanged(), lambda p, n, latency, per_number: "ring"),
        (exchanged(), lambda p, n, latency, per_number: "butterfly"),
        (exchanged(), lambda p, n, latency, per_number: True),
        exchanged(),
    ],
}
