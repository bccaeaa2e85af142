"""Checks of chapter 10, From scratch against nn: what the timings really say."""

import time
from statistics import mean, median

import torch

from ..linear_regression import data_iter, linreg, sgd, squared_loss
from .registry import exercise, require


@exercise("10.1")
def converted_loss(answer) -> None:
    require(isinstance(answer, int | float), "one number is wanted")
    value = float(answer)
    require(abs(value - 0.000228) > 1e-9, "that goes the other way: which definition has the half?")
    require(abs(value - 0.000114) > 1e-9, "the two definitions differ, so the number must change")
    require(
        abs(value - 0.000114**2) > 1e-12, "the errors are squared already; only a factor is missing"
    )
    require(
        abs(value - 0.000057) < 1e-9,
        "compute both losses of a single error of 2: by what are they apart?",
    )


@exercise("10.2")
def learning_rate_of_the_sum(answer) -> None:
    for lr, batch_size in ((0.03, 10), (0.5, 64), (0.1, 1)):
        found, wanted = float(answer(lr, batch_size)), lr / (2 * batch_size)
        hints = {
            lr: "far too long steps: how much larger is this gradient than chapter 08's?",
            lr / batch_size: "that takes care of the mean; chapter 08's loss has a half, too",
            lr / 2: "that takes care of the half; but this loss is a sum over the batch",
            2 * lr / batch_size: "the double gradient needs a shorter step, not a longer one",
            2 * lr * batch_size: "larger gradients need shorter steps: you went the other way",
        }
        for mistake, hint in hints.items():
            if abs(mistake - wanted) > 1e-9:
                require(abs(found - mistake) > 1e-9 * mistake, hint)
        require(
            abs(found - wanted) < 1e-6 * wanted,
            f"for lr {lr} and batches of {batch_size} your {found:.3g} gives other steps; "
            "write down the gradient of each loss for a batch of one, then of two examples",
        )


@exercise("10.3")
def speed_up(answer) -> None:
    cases = (
        ([52.1, 49.8, 50.3, 50.0, 51.2, 49.9, 50.6], [25.3, 24.9, 391.0, 25.1, 25.0, 26.2, 25.4]),
        ([9.0, 1.0, 4.0, 2.0], [1.0, 7.0, 2.0, 1.5]),
        ([3.0], [1.0]),
    )
    for old, new in cases:
        found = float(answer(list(old), list(new)))
        wanted = median(old) / median(new)
        mistakes = {
            "upside down: a program that takes half the time is twice as fast": 1 / wanted,
            "the disturbed run decides: that is the mean": mean(old) / mean(new),
            "that compares the best runs; the medians were asked for": min(old) / min(new),
            "with an even number of times two stand in the middle: take their mean": (
                sorted(old)[len(old) // 2] / sorted(new)[len(new) // 2]
            ),
            "the median is the middle of the *sorted* times": old[len(old) // 2]
            / new[len(new) // 2],
        }
        for hint, mistake in mistakes.items():
            if abs(mistake - wanted) > 1e-9:
                require(abs(found - mistake) > 1e-9, hint)
        require(
            abs(found - wanted) < 1e-6,
            f"for {old} and {new} the function gives {found:.3g}; what are the two medians?",
        )


@exercise("10.4")
def fair_comparison(answer) -> None:
    repeats = 9
    calls: list[str] = []
    seconds: dict[str, list[float]] = {"f": [], "g": []}

    def runner(name: str, pause: float):
        def run() -> None:
            begin = time.perf_counter()
            disturbed = name == "f" and len(seconds["f"]) in (0, 4, 7)
            time.sleep(0.05 if disturbed else pause)
            calls.append(name)
            seconds[name].append(time.perf_counter() - begin)

        return run

    found = answer(runner("f", 0.002), runner("g", 0.01), repeats)
    require(isinstance(found, tuple | list) and len(found) == 3, "return three numbers")
    counts = calls.count("f"), calls.count("g")
    require(
        min(counts) > repeats,
        f"in {repeats} rounds f ran {counts[0]} and g {counts[1]} times: "
        "one more run of each was wanted, before the first round and not timed",
    )
    rounds = calls[-2 * repeats :]
    pairs = ["".join(rounds[i : i + 2]) for i in range(0, 2 * repeats, 2)]
    require(
        set(pairs) <= {"fg", "gf"},
        "f and g do not take turns: if the machine is slow for a second, it hits one of them only",
    )
    first = max("fg", key=lambda name: sum(pair[0] == name for pair in pairs))
    led = sum(pair[0] == first for pair in pairs)
    require(
        min(pairs.count("fg"), pairs.count("gf")) >= 3,
        f"{first} goes first in {led} of {repeats} rounds: change the order every round",
    )

    times = {name: values[-repeats:] for name, values in seconds.items()}
    for position, name in enumerate("fg"):
        # The checked functions take their own time, so a busy machine disturbs both sides alike;
        # the bound is wide since a pause between the two clocks counts on one side only.
        value, wanted = float(found[position]), median(times[name])
        require(
            abs(value - wanted) < 0.5 * wanted + 2e-3,
            f"{name} took {1e3 * wanted:.1f} ms in the median, your function says "
            f"{1e3 * value:.1f} ms; some runs are disturbed, and one number should not mind",
        )
    won = sum(a < b for a, b in zip(times["f"], times["g"], strict=True)) / repeats
    require(
        abs(float(found[2]) - (1 - won)) > 0.12 or abs(won - 0.5) < 0.2,
        "the share is that of g: the smaller time wins",
    )
    require(
        abs(float(found[2]) - won) < 0.12,
        f"f won {won:.0%} of the rounds; compare the two times of the same round, one by one",
    )


@exercise("10.5")
def batch_size_of_equal_parts(answer) -> None:
    cases = (  # overhead in seconds, seconds an example, sizes
        (2e-4, 1e-8, [1_000, 2_000, 100_000]),
        (1.5e-4, 5e-9, [4_000, 30_000, 500_000]),
        (1e-3, 1e-5, [20, 50, 400]),
    )
    for a, c, sizes in cases:
        seconds = [a + c * n for n in sizes]
        found, wanted = float(answer(list(sizes), list(seconds))), a / c
        slope = (seconds[1] - seconds[0]) / (sizes[1] - sizes[0])
        hints = {
            "upside down: n* is a / c, a number of examples": c / a,
            "that is the overhead in seconds; how many examples take as long?": a,
            "that is the time of one more example; how many of them take as long as a?": c,
            "the time of the smallest batch is not all overhead: take its arithmetic off": (
                seconds[0] / slope
            ),
            "an example of the largest batch still pays its share of the overhead: "
            "c is what one *more* example adds": seconds[0] / (seconds[-1] / sizes[-1]),
        }
        for hint, mistake in hints.items():
            require(abs(found - mistake) > 1e-3 * mistake, hint)
        require(
            abs(found - wanted) < 0.01 * wanted,
            f"for a = {a:g} s, c = {c:g} s and the sizes {sizes} your function gives {found:.4g}; "
            "two points fix the line t(n) = a + c n: what is its slope, and where does it start?",
        )


def from_scratch(features, labels, w, b, lr, batch_size, num_epochs):
    """Chapter 08's training, the reference of exercise 10.6."""
    w, b = (start.clone().requires_grad_() for start in (w, b))
    for _ in range(num_epochs):
        for X, y in data_iter(batch_size, features, labels):
            squared_loss(linreg(X, w, b), y).sum().backward()
            sgd([w, b], lr, batch_size)
    return w.detach(), b.detach()


@exercise("10.6")
def fast_train(answer) -> None:
    generator = torch.Generator().manual_seed(3)
    for n, d, num_epochs in ((40, 1, 1), (40, 2, 3), (45, 3, 2)):
        X, y = torch.randn(n, d, generator=generator), torch.randn(n, 1, generator=generator)
        w, b = torch.randn(d, 1, generator=generator), torch.randn(1, generator=generator)
        start = w.clone(), b.clone()
        wanted = seeded(from_scratch, X, y, w, b, 0.1, 10, num_epochs)
        found = seeded(answer, X, y, w, b, 0.1, 10, num_epochs)
        require(isinstance(found, tuple) and len(found) == 2, "return w and b")
        require(
            torch.equal(w, start[0]) and torch.equal(b, start[1]),
            "your function changes the start it was given; work on a copy",
        )
        found_w, found_b = (torch.as_tensor(part).detach() for part in found)
        require(
            found_w.shape == (d, 1) and found_b.numel() == 1,
            f"w has shape {tuple(found_w.shape)} and b {tuple(found_b.shape)}; "
            f"({d}, 1) and (1,) were wanted",
        )
        same_w = torch.allclose(found_w, wanted[0], rtol=1e-4, atol=1e-5)
        same_b = torch.allclose(found_b.reshape(1), wanted[1], rtol=1e-4, atol=1e-5)
        require(
            (same_w and same_b) or n == 40,
            "right for 40 examples in batches of 10, not for 45: what is the last step divided by?",
        )
        require(
            not torch.equal(found_b.reshape(1), start[1]),
            "the bias is where it started: train it, too",
        )
        require(
            (same_w and same_b) or num_epochs > 1,
            "one epoch gives other parameters than chapter 08's loop; compare your gradient with "
            "autograd's, and see that the batches come from one call of d2l.data_iter an epoch",
        )
        require(same_w and same_b, "one epoch is right, three are not: is each one shuffled anew?")

    X = torch.randn(1000, 2, generator=generator)
    y = X @ torch.tensor([[2.0], [-3.4]]) + 4.2
    start = torch.zeros(2, 1), torch.zeros(1)
    times: dict[str, list[float]] = {"slow": [], "fast": []}
    for _ in range(5):
        for name, program in (("slow", from_scratch), ("fast", answer)):
            begin = time.perf_counter()
            seeded(program, X, y, *start, 0.03, 10, 3)
            times[name].append(time.perf_counter() - begin)
    ratio = median(times["slow"]) / median(times["fast"])
    require(
        ratio >= 3,
        f"the same parameters, but only {ratio:.1f} times as fast; "
        "what does autograd still do for you, and how many tensor operations make a step?",
    )


def seeded(program, *arguments):
    """The program's result with the same batches for everyone; the reader's generator is kept."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return program(*arguments)
