"""Right answers to the exercises of chapter 27, other than the solutions; each must be accepted."""

import math

import numpy as np
import torch


def by_rounding_twice(w, update):
    """In float32, rounded where bfloat16 would be."""
    low, step = (part.to(torch.bfloat16).float() for part in (w, update))
    return (low - step).to(torch.bfloat16).float() == low


def combined_by_products(gradients, sizes):
    """With NaN replaced, as a product of a row and a matrix, in float32."""
    rows = torch.nan_to_num(torch.stack(gradients)).float()
    return (torch.tensor(sizes, dtype=torch.float32) / sum(sizes)) @ rows


def combined_with_numpy(gradients, sizes):
    used = [k for k, size in enumerate(sizes) if size]
    return np.average(
        np.stack([gradients[k].numpy() for k in used]), axis=0, weights=[sizes[k] for k in used]
    )


def predicted_from_f(p, speed_up, q):
    """From f, so that the limit of what is wholly divisible may be huge instead of infinite."""
    f = (1 - 1 / speed_up) / (1 - 1 / p)
    limit = 1 / (1 - f) if f < 1 else math.inf
    return [torch.tensor(f, dtype=torch.float64), 1 / (1 - f + f / q), limit]


def butterfly_with_rolls(vectors):
    """All vectors in one tensor."""
    everything, rounds = torch.stack(vectors), 0
    ranks = torch.arange(len(vectors))
    while 2**rounds < len(vectors):
        everything = everything + everything[ranks ^ 2**rounds]
        rounds += 1
    return everything, rounds, torch.tensor(rounds * everything.shape[1])


def cheaper_by_difference(p, n, latency, per_number):
    ring = 2 * (p - 1) * latency + 2 * (p - 1) / p * n * per_number
    other = math.log2(p) * latency + math.log2(p) * n * per_number
    return "Ring" if other - ring > 0 else "Butterfly"


RIGHT = {
    "27.1": [
        (0.2479, 800, 8, 2, 40),
        (torch.tensor(0.248), 801, np.int64(8), torch.tensor(2), np.int64(40)),
        [0.25, 799.999, 8.0, 2.0, 40.0],
    ],
    "27.2": [by_rounding_twice],
    "27.3": [combined_by_products, combined_with_numpy],
    "27.4": [predicted_from_f],
    "27.5": [[butterfly_with_rolls, cheaper_by_difference]],
}
