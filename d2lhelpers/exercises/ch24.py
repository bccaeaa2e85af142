"""Checks of chapter 24, Digits with convolutional networks."""

import math
from functools import cache
from typing import Any

import torch
from torch import nn

from ..data import load_digits
from .compare import agree, number, parts, values
from .registry import exercise, require
from .sizes import stored_numbers

LARGEST = 10_000  # numbers in parameters and buffers
WANTED = 296  # of 300 validation digits


@exercise("24.1")
def sizes(answer: Any) -> None:
    first, second = parts(answer, 2, "two numbers are wanted")
    flat, parameters = number(first, "the inputs"), number(second, "the parameters")
    require(
        flat not in (40 * 64, 40 * 32 * 32),
        "the inputs: without padding a 5×5 kernel takes four rows, and pooling halves what is left",
    )
    require(flat != 25, "the inputs: there are 40 maps of that size")
    require(flat != 640, "the inputs: that is for 28×28; here the images are larger")
    require(flat == 1000, "the inputs: follow 32 through convolution, pooling, and both again")
    require(
        parameters != 520 + 20_040 + 100_100 + 1_010,
        "the parameters: a kernel of the first layer reads all three colors",
    )
    require(
        parameters != 1_500 + 20_000 + 100_000 + 1_000,
        "the parameters: each map and each unit has a bias, too",
    )
    require(
        parameters == 122_670,
        "the parameters: c_out (c_in k² + 1) for both convolutions, n_out (n_in + 1) for both "
        "linear layers; pooling has none",
    )


@exercise("24.2")
def compare(answer: Any) -> None:
    generator = torch.Generator().manual_seed(24)
    for seeds, n in ((3, 400), (5, 1000)):
        hits_a = torch.rand(seeds, n, generator=generator) < 0.9
        hits_b = torch.rand(seeds, n, generator=generator) < 0.95
        where = f"{seeds} seeds, {n} images"
        found = parts(
            answer(hits_a.clone(), hits_b.clone()), 4, f"{where}: four results are wanted"
        )
        lost, won = ((hits_a & ~hits_b).sum(1).double(), (~hits_a & hits_b).sum(1).double())
        gain, by_images, root = won - lost, (won + lost).sqrt(), math.sqrt(seeds)
        wanted = (gain, by_images, gain.mean(), gain.std() / root)
        hints = (
            [(-gain, "how much better B is, not A"), (won, "minus the images that A alone got")],
            [
                (gain.abs().sqrt(), "√(b + c), the sum, not the difference"),
                (won + lost, "the root of b + c"),
            ],
            [(gain.sum(), "the mean of the differences, not their sum")],
            [
                (gain.std(), "s/√seeds: the more seeds, the less uncertain is their mean"),
                (gain.std(correction=0), "s/√seeds: the more seeds, the surer is their mean"),
                (gain.std(correction=0) / root, "in s, divide by one less than the seeds"),
                (by_images.mean(), "from the spread of the differences between the seeds"),
            ],
        )
        names = ("the differences", "their ± by images", "the mean", "its ± by seeds")
        for name, result, right, others in zip(names, found, wanted, hints, strict=True):
            what = f"{where}: {name}"
            numbers = values(result)
            if right.ndim == 0 and numbers.numel() == 1:
                numbers = numbers.reshape(())
            require(
                numbers.shape == right.shape,
                f"{what}: shape {tuple(numbers.shape)}, wanted {tuple(right.shape)}",
            )

            def near(value: torch.Tensor, numbers: torch.Tensor = numbers) -> bool:
                return agree(numbers, value, rtol=1e-3, atol=1e-5)

            points = 100 / n
            if near(points * right):
                continue
            require(not near(right), f"{what}: in percentage points, not in images")
            require(not near(right / n), f"{what}: 0.01 is one percentage point")
            for value, hint in others:
                require(not near(points * value), f"{what}: {hint}")
            require(
                False,
                f"{what}: count, for each seed, the images that A alone and B alone got right",
            )


@exercise("24.3")
def vote(answer: Any) -> None:
    generator = torch.Generator().manual_seed(24)
    quiet = torch.tensor([[2.0, 0.0, -1.0], [2.0, 0.0, -1.0], [-1.0, 9.0, -9.0]])
    three = torch.full((3, 1, 10), -20.0)
    three[:, 0, :3] = quiet
    random = (
        torch.randn(5, 40, 10, generator=generator) * torch.tensor([1, 1, 2, 4, 8.0])[:, None, None]
    )
    for logits, what in ((three, "three networks, one image"), (random, "five networks")):
        found = values(answer(logits.clone()))
        n = logits.shape[1]
        require(
            tuple(found.shape) == (n,),
            f"{what}: shape {tuple(found.shape)}, wanted ({n},), one label for each image",
        )
        right = logits.softmax(2).mean(0).argmax(1)
        if not agree(found, right):
            require(
                not agree(found, logits.mean(0).argmax(1)),
                f"{what}: you average logits; first make probabilities of them",
            )
            require(
                not agree(found, logits.argmax(2).mode(0).values),
                f"{what}: you count votes; how sure each network is should count as well",
            )
            require(
                not agree(found, logits.softmax(2).max(0).values.argmax(1)),
                f"{what}: the mean of the probabilities, not the largest",
            )
            require(False, f"{what}: the largest of ten mean probabilities, softmax over classes")


@exercise("24.4")
def ema(answer: Any) -> None:
    generator = torch.Generator().manual_seed(24)
    for rows, d in (([[1.0], [2.0]], 0.9), (torch.randn(6, 4, generator=generator).tolist(), 0.7)):
        weights = torch.tensor(rows)
        exact = weights.double()
        steps, size = weights.shape

        def average(first: torch.Tensor, old: float, new: float, rows: torch.Tensor) -> Any:
            for row in rows:
                first = old * first + new * row
            return first

        where = "steps 1 and 2, d = 0.9" if steps == 2 else f"{steps} steps, {size} weights"
        found = values(answer(weights.clone(), d))
        require(
            tuple(found.shape) == (size,),
            f"{where}: shape {tuple(found.shape)}, wanted ({size},), one average for each weight",
        )

        def near(value: torch.Tensor, found: torch.Tensor = found) -> bool:
            return agree(found, value, rtol=1e-4, atol=1e-5)

        if near(average(exact[0], d, 1 - d, exact[1:])):
            continue
        require(
            not near(average(exact[0], 1 - d, d, exact[1:])),
            f"{where}: d is the share of the average so far",
        )
        require(
            not near(average(torch.zeros(size).double(), d, 1 - d, exact)),
            f"{where}: the first step copies; you begin with zeros",
        )
        require(not near(exact.mean(0)), f"{where}: the late steps count more than the early ones")
        require(not near(exact[-1]), f"{where}: those are the last weights")
        require(
            False,
            f"{where}: begin with the first row; after each later one, d · average + (1 − d) · row",
        )


def rate(step: int, steps: int, peak: float) -> float:
    """The formula of the exercise."""
    top, end = 0.3 * steps - 1, steps - 1
    a, b, t = peak / 25, peak, step / top
    if step > top:
        a, b, t = peak, peak / 250_000, (step - top) / (end - top)
    return a + (b - a) * (1 - math.cos(math.pi * t)) / 2


@exercise("24.5")
def one_cycle(answer: Any) -> None:
    for steps, peak in ((100, 1.0), (190, 0.02), (37, 0.3)):
        last = steps - 1

        def near(step: int, wanted: float, steps: int = steps, peak: float = peak) -> bool:
            found = number(answer(step, steps, peak), f"step {step} of {steps}")
            return math.isclose(found, wanted, rel_tol=1e-4, abs_tol=1e-7 * peak)

        where = f"one_cycle(…, {steps}, {peak})"
        require(near(0, peak / 25), f"{where}: step 0 should give peak / 25")
        require(
            near(last, peak / 250_000),
            f"{where}: the last step is {last}, it should give peak / 250000",
        )
        if steps == 100:
            require(near(29, peak), f"{where}: the peak comes at step 0.3 · {steps} − 1 = 29")
        for step in range(steps):
            rising = step <= 0.3 * steps - 1
            straight = peak / 25 + (peak - peak / 25) * step / (0.3 * steps - 1)
            if near(step, rate(step, steps, peak)):
                continue
            require(
                not (rising and near(step, straight)),
                f"{where}: the way up is half a cosine as well, no straight line",
            )
            require(
                False,
                f"{where}: step {step} is wrong; where does t begin and end on the way "
                + ("up?" if rising else "down?"),
            )


def mean_different(n: int, places: int, epochs: int) -> float:
    """How many different images are seen on average, if each epoch draws one of these places."""
    return n * places * (1 - (1 - 1 / places) ** epochs)


@exercise("24.6")
def expected(answer: Any) -> None:
    for n, m, epochs in ((1197, 1, 10), (1000, 2, 3), (300, 3, 200), (50_000, 1, 1), (100, 0, 7)):
        where = f"expected({n}, {m}, {epochs})"
        found = number(answer(n, m, epochs), where)
        places = (2 * m + 1) ** 2

        def near(wanted: float, found: float = found) -> bool:
            # Whole numbers are right as well.
            return abs(found - wanted) <= 1 + 1e-6 * wanted

        if near(mean_different(n, places, epochs)):
            continue
        require(
            not near(n * epochs) and not near(min(n * epochs, n * places)),
            f"{where}: so many at most; some shifts come twice, and others never",
        )
        require(not near(n * places), f"{where}: in so few epochs not every shift has come")
        require(
            not near(n * places * (1 - 1 / places) ** epochs),
            f"{where}: those are the images that never came",
        )
        require(
            not near(mean_different(n, 2 * m + 1, epochs)),
            f"{where}: up or down, and left or right as well; how many places are that?",
        )
        require(
            not near(mean_different(n, 4 * m + 1, epochs)),
            f"{where}: down and to the right at once is a shift as well",
        )
        require(
            places == 1 or not near(mean_different(n, places - 1, epochs)),
            f"{where}: the image where it was is one of the places",
        )
        require(
            not near(mean_different(1, places, epochs)), f"{where}: that is for one image, not {n}"
        )
        require(
            False,
            f"{where}: begin with one image: with what probability has a certain one of its "
            "(2m + 1)² places not come in any epoch?",
        )


@cache
def pairs() -> tuple[tuple[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]:
    """Training and validation digits, pixels from 0 to 1."""
    data = load_digits()
    train, validation = (
        (split.images.float() / 255, split.labels.long()) for split in (data.train, data.validation)
    )
    return train, validation


@exercise("24.7")
def compact(answer: Any) -> None:
    train, validation = (tuple(part.clone() for part in pair) for pair in pairs())
    net = answer(train, validation)
    require(
        isinstance(net, nn.Module),
        f"return the trained network, a torch.nn.Module, not {type(net).__name__}",
    )
    require(any(p.numel() for p in net.parameters()), "the network has no parameters")
    count = stored_numbers(net)
    require(
        count <= LARGEST,
        f"{count:,} numbers in parameters and buffers, at most {LARGEST:,} are allowed; which "
        "layer keeps the most?",
    )
    images, labels = pairs()[1]
    net.eval()
    with torch.no_grad():
        try:
            logits = values(net.cpu()(images.clone()))
            alone = values(net(images[:1].clone()))
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            require(False, f"your network does not take images (n, 1, 8, 8): {reason}")
    require(
        tuple(logits.shape) == (300, 10) and tuple(alone.shape) == (1, 10),
        f"for 300 images logits of shape (300, 10) are wanted, not {tuple(logits.shape)}",
    )
    require(bool(logits.isfinite().all()), "some logits are no finite numbers")
    hits = int((logits.argmax(1) == labels).sum())
    require(
        hits >= 60,
        f"{hits} of 300 are right, about as by guessing: was it trained on pixels from 0 to 1, and "
        "does it answer so in evaluation mode?",
    )
    require(
        hits >= WANTED,
        f"{hits} of 300 are right, wanted {WANTED}: try batch normalization, a schedule that ends "
        "near 0, more maps and smaller linear layers",
    )
