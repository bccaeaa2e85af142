"""Checks of chapter 27, Scaling out."""

import math

import torch

from .compare import agree, number, parts, values
from .registry import exercise, require


def close(found, wanted, tolerance=1e-6):
    """Whether two numbers agree, infinities too."""
    return found == wanted or math.isclose(found, wanted, rel_tol=tolerance, abs_tol=1e-9)


@exercise("27.1")
def five_numbers(answer) -> None:
    share, steps, images, threads, students = map(
        number, parts(answer, 5, "five numbers are wanted")
    )
    wanted = 128 * 9.2e6 / 0.025 / 190e9
    require(not close(share, 100 * wanted, 0.02), "the share: between 0 and 1, not in percent")
    require(
        not close(share, wanted / 128, 0.02), "the share: 9.2 MFLOP are for one image of the 128"
    )
    require(not close(share, 1 / wanted, 0.02), "the share: that is peak divided by reached")
    require(not close(share, wanted / 1000, 0.02), "the share: a millisecond is 0.001 s")
    require(not close(share, 2 * wanted, 0.02), "the share: a multiply-add counts as 2 already")
    require(
        close(share, wanted, 0.02),
        "the share: FLOP of the whole step, divided by its seconds, divided by the peak in FLOP/s",
    )
    require(
        not close(steps, 480, 0.01),
        "steps: only the 15 ms that a step gains pay for the first call",
    )
    require(not close(steps, 0.8, 0.01), "steps: 12 s are 12,000 ms")
    require(close(steps, 800, 0.005), "steps: the first call, by what each later step saves")
    require(images != 96, "images: the batch size is that of all processes together")
    require(images not in (24, 32), "images: each machine starts several processes")
    require(images == 8, "images: the global batch, by the number of processes on all machines")
    require(threads != 24, "threads: so many for each student would be twelve for each core")
    require(threads == 2, "threads: one for each core, over all students")
    require(students != 42, "the students: the system keeps 2,000 MB for itself")
    require(students not in (50, 53), "the students: each needs a kernel and a server")
    require(students != 200, "the students: each needs a server and a kernel")
    require(students == 40, "the students: what is left of the memory, by what one student takes")


@exercise("27.2")
def vanishes(answer) -> None:
    generator = torch.Generator().manual_seed(27)
    w = torch.randn(2000, generator=generator) * 10.0 ** torch.randint(
        -2, 3, (2000,), generator=generator
    )
    update = w * 10.0 ** (-4 * torch.rand(2000, generator=generator))
    update *= 1 - 2 * torch.randint(2, (2000,), generator=generator)
    update[:50] = 0
    cases = (
        (torch.tensor([1.0, 1.0]), torch.tensor([0.001, 0.01]), "w = 1, updates 0.001 and 0.01"),
        (
            torch.tensor([1.0, 1.0]),
            torch.tensor([0.003, -0.003]),
            "w = 1, updates 0.003 and −0.003",
        ),
        (torch.tensor([100.0, 0.01]), torch.tensor([0.1, 0.1]), "w = 100 and 0.01, updates 0.1"),
        (torch.tensor([1.003, 0.0]), torch.tensor([0.0, 1e-9]), "w = 1.003, update 0; w = 0"),
        (w.reshape(40, 50), update.reshape(40, 50), "2,000 random numbers"),
    )
    for w, update, case in cases:
        before = w.clone(), update.clone()
        found = answer(w, update)
        require(
            torch.equal(before[0], w) and torch.equal(before[1], update),
            "your function changes its arguments",
        )
        require(
            isinstance(found, torch.Tensor) and found.dtype == torch.bool,
            "return a tensor of booleans, as == between tensors gives",
        )
        require(
            found.shape == w.shape,
            f"{case}: shape {tuple(found.shape)}, wanted {tuple(w.shape)}",
        )
        low, step = w.bfloat16(), update.bfloat16()
        wanted = low - step == low
        require(not torch.equal(found.cpu(), ~wanted), f"{case}: that is where something *changes*")
        exact = w - update == w
        require(
            not torch.equal(found.cpu(), exact) or torch.equal(exact, wanted),
            f"{case}: that is the answer in float32; round to bfloat16",
        )
        wrong = int((found.cpu() != wanted).sum())
        require(
            wrong == 0,
            f"{case}: {wrong} of {w.numel()} are wrong; round w and update first, then subtract in "
            "bfloat16, and compare with the rounded w",
        )


@exercise("27.3")
def combine(answer) -> None:
    generator = torch.Generator().manual_seed(3)
    for sizes in ([4, 4], [1, 3], [5, 2, 9], [7], [3, 0, 6]):
        each = torch.randn(sum(sizes), 6, generator=generator, dtype=torch.float64)
        parts = list(each.split(sizes))
        gradients = [part.mean(0) for part in parts]  # the mean of nothing is NaN
        before = [grad.clone() for grad in gradients]
        found = answer(gradients, list(sizes))
        require(
            all(
                torch.equal(a, b) or a.isnan().all() for a, b in zip(before, gradients, strict=True)
            ),
            "your function changes the gradients it gets",
        )
        require(found is not None, "return the gradient")
        have = values(found)
        require(have.shape == (6,), f"the result has the shape {tuple(have.shape)}, wanted (6,)")
        require(
            0 not in sizes or bool(have.isfinite().all()),
            "shares of 3, 0 and 6: the empty one must not count; 0 · NaN is NaN",
        )
        wanted = each.mean(0)
        require(
            len(set(sizes)) == 1 or not agree(have, torch.stack(before).mean(0), atol=1e-6),
            f"shares of {sizes}: the plain mean is right for equal shares only",
        )
        require(
            not agree(have, each.sum(0), atol=1e-6) or len(each) == 1,
            f"shares of {sizes}: that is the sum; the mean over all images is wanted",
        )
        require(
            agree(have, wanted, rtol=1e-4, atol=1e-6),
            f"shares of {sizes}: not the gradient of the mean over all {sum(sizes)} images",
        )


@exercise("27.4")
def predict(answer) -> None:
    for p, speed_up, q in (
        (2, 1.6, 4),
        (4, 2.5, 16),
        (8, 8.0, 64),
        (10, 1 / 0.19, 10),
        (2, 1.0, 8),
    ):
        case = f"{p} processes {speed_up:.3g} times as fast"
        found = parts(answer(p, speed_up, q), 3, f"{case}: three numbers are wanted")
        f, by_q = map(number, found[:2])
        last = values(found[2])
        require(last.numel() == 1, f"{case}: the limit is one number")
        limit = last.item()  # may be infinite
        wanted = (1 - 1 / speed_up) / (1 - 1 / p)
        stays = 1 - wanted
        require(
            not close(f, stays) or close(f, wanted),
            f"{case}: that is the share that stays; the divisible one is wanted",
        )
        require(
            not close(f, speed_up / p) or close(f, wanted),
            f"{case}: speed-up by processes is the efficiency, not the divisible share",
        )
        require(
            not close(f, 1 - 1 / speed_up) or close(f, wanted),
            f"{case}: 1 − 1/S is the time saved; of a divisible share 1 − 1/p is saved",
        )
        require(close(f, wanted), f"{case}: solve S = 1/((1 − f) + f/p) for f")
        require(
            close(by_q, 1 / (stays + wanted / q)),
            f"{case}: put your share and q = {q} into Amdahl's law",
        )
        if stays < 1e-12:
            require(limit > 1e9, f"{case}: all is divisible, so there is no limit; return math.inf")
        else:
            require(close(limit, 1 / stays), f"{case}: for the limit let f/p become 0")


@exercise("27.5")
def butterfly_and_choice(answer) -> None:
    butterfly, cheaper = parts(answer, 2, "two functions are wanted")
    for p in (2, 4, 8):
        generator = torch.Generator().manual_seed(p)
        vectors = list(torch.randn(p, 6, generator=generator, dtype=torch.float64))
        before = torch.stack(vectors)
        hint = "butterfly: return sums, rounds and numbers sent"
        sums, rounds, sent = parts(butterfly(list(vectors)), 3, hint)
        require(torch.equal(before, torch.stack(vectors)), "butterfly changes the vectors it gets")
        have, wanted = values(sums), before.sum(0).expand(p, 6)
        require(have.shape == (p, 6), f"butterfly: for {p} vectors {p} sums are wanted, each of 6")
        right = [agree(row, want, atol=1e-9) for row, want in zip(have, wanted, strict=True)]
        require(
            all(right),
            f"butterfly: with {p} processes {right.count(False)} have a wrong sum; all exchange at "
            "the same time, what they had before the round",
        )
        log = p.bit_length() - 1
        rounds, sent = number(rounds, "the rounds"), number(sent, "the numbers sent")
        require(
            rounds != p - 1 or p == 2, f"butterfly: {p} processes need fewer than {p - 1} rounds"
        )
        require(rounds == log, f"butterfly: {p} processes, {rounds:g} rounds, wanted log₂ {p}")
        require(sent != p * log * 6, "butterfly: the numbers that *one* process sends are wanted")
        require(sent == log * 6, f"butterfly: each of {log} rounds sends a whole vector of 6")
    cases = (
        (8, 10, 1e-4, 1e-9),
        (8, 10**8, 1e-4, 1e-9),
        (4, 10**6, 1e-4, 1e-9),
        (64, 25_000, 1e-5, 1e-9),
        (64, 10**6, 1e-5, 1e-9),
        (16, 400_000, 5e-5, 1e-9),
        (16, 700_000, 5e-5, 1e-9),
        (2, 100, 1e-4, 1e-9),
    )
    for p, n, latency, per_number in cases:
        rounds = p.bit_length() - 1
        ring = 2 * (p - 1) * (latency + n / p * per_number)
        whole = rounds * (latency + n * per_number)
        found = cheaper(p, n, latency, per_number)
        require(
            isinstance(found, str) and found.strip().lower() in ("ring", "butterfly"),
            'cheaper: "ring" or "butterfly" is wanted',
        )
        better = "ring" if ring < whole else "butterfly"
        require(
            found.strip().lower() == better,
            f"cheaper: wrong for {p} processes, {n:,} numbers, latency {latency:g} s and "
            f"{per_number:g} s a number; the ring has 2(p − 1) rounds of n/p numbers, the "
            "butterfly log₂ p rounds of n",
        )
