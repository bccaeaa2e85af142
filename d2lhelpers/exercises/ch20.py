"""The checks of chapter 20: data sets and loaders."""

import weakref
from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch

from .compare import agree, number, parts, values
from .registry import exercise, require


@exercise("20.1")
def workers_that_keep_up(answer) -> None:
    alone, workers, then = three_numbers(answer, ("without workers", "workers", "then"))
    require(alone != 32, "without workers: the network waits for the data, then the data for it")
    require(alone != 10, "without workers: who reads the examples?")
    require(
        abs(alone - 42) < 1e-6, "without workers: add reading 16 examples and a step, times 100"
    )
    require(workers != 3, "workers: 3 need 0.107 s for each batch, a step takes 0.1 s")
    require(abs(workers - 3.2) > 1e-6, "workers: there are no fractions of them")
    require(workers == 4, "workers: as many as steps fit into the reading of a batch, rounded up")
    require(abs(then - 8) > 1e-6, "then: the network takes 0.1 s a batch, and does not get faster")
    require(abs(then - 10) < 1e-6, "then: the network never waits, so count its steps only")


def three_numbers(answer: Any, names: tuple[str, str, str]) -> list[float]:
    """The three numbers of a tuple, a list, an array or a tensor."""
    three = parts(answer, 3, "three numbers are wanted")
    return [number(part, what) for part, what in zip(three, names, strict=True)]


@exercise("20.2")
def different_numbers(answer) -> None:
    default, kept, seeded = three_numbers(answer, ("by default", "kept", "kept and seeded"))
    for what, count in (("by default", default), ("kept", kept), ("kept and seeded", seeded)):
        require(0 <= count <= 30, f"{what}: three epochs of 10 examples are 30 numbers at most")
        require(count == int(count), f"{what}: examples are not divided among workers")
    require(
        default not in (10, 30), "by default: the copies of the generator draw the same numbers"
    )
    require(
        default not in (9, 12),
        "by default: workers start anew in each epoch, with new copies of the generator",
    )
    require(default != 2, "by default: 10 examples for 4 workers, so some read more than 2")
    require(
        default != 4, "by default: the workers share their numbers; how many does one worker draw?"
    )
    require(default == 3, "by default: how many examples does the busiest worker read?")
    require(kept != 3, "kept: the workers go on, and so do their copies of the generator")
    require(kept != 30, "kept: the copies go on, but they are still copies of one generator")
    require(kept == 9, "kept: how many examples does the busiest worker read in three epochs?")
    require(seeded != 9, "kept and seeded: each worker has a seed of its own, and shares no number")
    require(seeded != 10, "kept and seeded: kept workers do not start anew, so nothing comes again")
    require(seeded == 30, "kept and seeded: is there any number that comes twice?")


@exercise("20.3")
def windows(answer) -> None:
    require(isinstance(answer, type), "answer with the class itself, not with an object of it")
    series = torch.arange(10, dtype=torch.float64) ** 2
    dataset = answer(series, 3)
    require(hasattr(dataset, "__len__"), "a data set needs `__len__`")
    require(hasattr(dataset, "__getitem__"), "a data set needs `__getitem__`")
    for i in (0, 4):
        try:
            example = dataset[i]
        except IndexError:
            require(False, f"10 values have a window of 3 number {i}: it begins with series[{i}]")
        require(
            isinstance(example, tuple | list) and len(example) == 2,
            "an example is a pair: the window and the value that follows",
        )
        window, following = values(example[0]), values(example[1])
        require(window.shape == (3,), f"a window of 3 has the shape {tuple(window.shape)}")
        require(agree(window, series[i : i + 3]), f"the window number {i} begins with series[{i}]")
        require(following.shape == (), "the value that follows is one value, without dimensions")
        require(
            agree(following, series[i + 3]),
            f"behind the window number {i} of 3 values comes series[{i + 3}]",
        )
    require(
        len(dataset) != 8, "the length: 8 windows fit, but nothing follows the last one of them"
    )
    require(
        len(dataset) == 7, f"10 values make 7 windows of 3 with a next value, not {len(dataset)}"
    )
    # More than are there, so that a data set without an end is noticed and does not hang.
    looped = list(islice(iter_by_index(dataset), 20))
    require(
        len(looped) == 7,
        f"`for` finds {'no end' if len(looped) == 20 else f'{len(looped)} examples'}: "
        "`dataset[7]` should raise IndexError",
    )
    require(len(answer(series[:6], 5)) == 1, "6 values make one window of 5 with a next value")
    require(len(answer(series[:3], 3)) == 0, "3 values have no window of 3 with a next value")
    try:
        short = len(answer(series[:2], 3))
    except ValueError:  # `len` refuses negative numbers
        require(False, "2 values, windows of 3: the length is 0, not negative")
    require(short == 0, f"2 values have no window of 3, not {short}")
    window, following = (values(part) for part in answer(series, 5)[2])
    require(
        agree(window, series[2:7]) and agree(following, series[7]),
        "windows of 5 values: use `size` everywhere, also for the value that follows",
    )
    try:
        window, following = (values(part) for part in dataset[-1])
    except IndexError:
        return
    require(
        agree(window, series[6:9]) and agree(following, series[9]),
        "`dataset[-1]` is neither the last example nor an `IndexError`",
    )


def iter_by_index(dataset: Any):
    """What `for` does with an object that has `__getitem__` only."""
    i = 0
    while True:
        try:
            yield dataset[i]
        except IndexError:
            return
        i += 1


@exercise("20.4")
def weights_for_shares(answer) -> None:
    require(callable(answer), "answer with the function itself")
    labels = torch.tensor([0] * 60 + [1] * 30 + [2] * 10)[
        torch.randperm(100, generator=torch.Generator().manual_seed(3))
    ]
    for shares in ([0.2, 0.3, 0.5], [1 / 3, 1 / 3, 1 / 3], [0.0, 0.9, 0.1]):
        check_shares(answer, labels, torch.tensor(shares))
    check_shares(answer, labels, torch.tensor([0.2, 0.3, 0.5, 0.0]), "a class without examples")


def check_shares(
    answer: Any, labels: torch.Tensor, shares: torch.Tensor, case: str = "shares"
) -> None:
    """Require weights that draw each class with its share, and all within a class alike."""
    found = values(answer(labels.clone(), shares.clone()))
    asked = f"{case} {[round(share, 2) for share in shares.tolist()]}"
    require(
        found.shape == labels.shape,
        f"{asked}: weights of shape {tuple(found.shape)}, wanted one for each example, (100,)",
    )
    require(bool(found.isfinite().all()), f"{asked}: some weights are not finite")
    require(
        bool((found >= 0).all()) and float(found.sum()) > 0,
        f"{asked}: no weight is negative, and not all are 0",
    )
    drawn = torch.zeros(len(shares), dtype=torch.float64).index_add_(0, labels, found)
    drawn = drawn / found.sum()
    require(
        not torch.allclose(drawn, torch.tensor([0.6, 0.3, 0.1, 0.0])[: len(shares)].double())
        or agree(drawn, shares.double(), atol=1e-5),
        f"{asked}: with your weights the classes come as often as without weights",
    )
    require(
        agree(drawn, shares.double(), rtol=1e-4, atol=1e-5),
        f"{asked}: class 0 is drawn with the chance {drawn[0]:.2f}; the chances of all examples of "
        "a class add up, so its size matters",
    )
    for label in labels.unique():
        members = found[labels == label]
        require(
            bool(members.max() - members.min() <= 1e-6 * members.max()),
            f"{asked}: the examples of class {int(label)} differ in weight",
        )


@exercise("20.5")
def labels_matched_by_name(answer) -> None:
    require(callable(answer), "answer with the function itself")
    train = ["ant", "bee", "cat", "dog", "eel"]
    labels = torch.tensor([2, 0, 1, 1, 2, 0])
    for test, wanted in (
        (list(train), [2, 0, 1, 1, 2, 0]),
        (["ant", "cat", "eel"], [4, 0, 2, 2, 4, 0]),
        (["dog", "eel", "ant"], [0, 3, 4, 4, 0, 3]),
    ):
        found = values(answer(list(train), list(test), labels.clone()))
        require(
            found.shape == labels.shape,
            f"{len(labels)} labels in, {tuple(found.shape)} out: one number for each label",
        )
        require(
            agree(found, torch.tensor(wanted, dtype=torch.float64)),
            f"test classes {test}, label 2 means {test[2]!r}, in training {train.index(test[2])}; "
            f"you return {found[0]:g}",
        )
    for unknown in (["ant", "fly", "gnu"], ["ant", "bee", "cat", "hen"]):
        try:
            answer(list(train), list(unknown), labels.clone())
        except ValueError:
            continue
        except LookupError as error:
            require(False, f"a name unknown in training: ValueError, not {type(error).__name__}")
        require(False, f"test classes {unknown}: some are not in training; raise ValueError")


@exercise("20.6")
def statistics_in_one_pass(answer) -> None:
    require(callable(answer), "answer with the function itself")
    generator = torch.Generator().manual_seed(4)
    images = torch.rand(23, 3, 4, 6, generator=generator, dtype=torch.float64)
    # The last batch is short and differs; the channels differ.
    images[20:] += 3
    images = images * torch.tensor([1.0, 2.0, 0.5]).reshape(3, 1, 1) + torch.tensor(
        [0.0, -1.0, 5.0]
    ).reshape(3, 1, 1)
    for gray in (False, True):
        part = images[:, 2:] if gray else images
        check_statistics(answer, part.float() if gray else part)
    counted = Counted(images)
    answer(iter(counted))
    require(
        counted.most <= 3,
        f"at some time {counted.most} of 23 batches were kept; add up, and let each batch go",
    )


class Counted:
    """Batches of one image each, once; counts how many of them are alive."""

    def __init__(self, images: torch.Tensor) -> None:
        self.images, self.most = images, 0
        self.alive: list[weakref.ref[torch.Tensor]] = []

    def __iter__(self) -> Iterator[torch.Tensor]:
        for image in self.images:
            batch = image[None].clone()
            self.alive.append(weakref.ref(batch))
            yield batch
            del batch
            self.most = max(self.most, sum(one() is not None for one in self.alive))


def check_statistics(answer: Any, images: torch.Tensor) -> None:
    """Require the mean and the deviation of each channel, whatever the batches."""
    found = answer(batch.clone() for batch in images.split(10))
    stacked = isinstance(found, tuple | list) or getattr(found, "ndim", 0) == 2
    require(stacked and len(found) == 2, "return the mean and the deviation")
    mean, std = values(found[0]), values(found[1])
    channels = images.shape[1]
    for name, part in (("mean", mean), ("deviation", std)):
        require(
            part.shape == (channels,),
            f"the {name} has the shape {tuple(part.shape)}, wanted ({channels},)",
        )
    exact = images.double()
    batches = exact.split(10)

    def close(a: torch.Tensor, b: torch.Tensor) -> bool:
        return agree(a, b, rtol=1e-4, atol=1e-6)

    require(
        not close(mean, torch.stack([b.mean((0, 2, 3)) for b in batches]).mean(0)),
        "the mean of the batches' means gives the short last batch too much weight",
    )
    require(close(mean, exact.mean((0, 2, 3))), "the mean: add up all pixels, and count them")
    for correction in (0, 1):
        stds = torch.stack([b.std((0, 2, 3), correction=correction) for b in batches])
        shares = torch.tensor([len(b) for b in batches], dtype=torch.float64) / len(exact)
        for averaged in (stds.mean(0), shares @ stds, (shares @ stds**2).sqrt()):
            require(
                not close(std, averaged),
                "averaged over the batches, the deviation misses that the batches differ",
            )
    wanted = exact.std((0, 2, 3), correction=0)
    require(not close(std, wanted**2), "the deviation is the root of that: this is the variance")
    require(
        not agree(std, exact.std((0, 2, 3), correction=1), rtol=1e-5)
        or agree(std, wanted, rtol=1e-5),
        "the deviation: divided by n is wanted, not by n − 1",
    )
    require(
        close(std, wanted), "the deviation: the mean of the squares, minus the square of the mean"
    )


@exercise("20.7")
def batches_of_similar_length(answer) -> None:
    require(callable(answer), "answer with the function itself")
    generator = torch.Generator().manual_seed(5)
    lengths = torch.randint(1, 101, (1000,), generator=generator)
    global_state = torch.default_generator.get_state()
    seeded = torch.Generator().manual_seed(0)
    first, second = (epoch_of(answer, lengths, seeded) for _ in range(2))
    again = epoch_of(answer, lengths, torch.Generator().manual_seed(0))
    random = torch.randperm(1000, generator=generator).split(16)
    allowed = padding(lengths, [batch.tolist() for batch in random]) / 4
    for epoch in (first, second):
        wasted = padding(lengths, epoch)
        require(
            wasted <= allowed,
            f"{wasted:,} numbers of padding, {int(allowed):,} allowed: sort within larger pools",
        )
    require(
        first == again,
        "the same seed gave two different epochs: draw everything from the generator",
    )
    require(
        torch.equal(torch.default_generator.get_state(), global_state),
        "you drew from the global generator: give `generator` to all that is random",
    )
    companions = {frozenset(batch) for batch in first} & {frozenset(batch) for batch in second}
    require(
        len(companions) < 10,
        "the second epoch has the same batches as the first, at most in another order",
    )
    means = torch.tensor([float(lengths[batch].double().mean()) for batch in first])
    ranks = means.argsort().argsort().double()
    trend = torch.corrcoef(torch.stack([ranks, torch.arange(len(ranks)).double()]))[0, 1]
    steps = (means[1:] - means[:-1]).abs().mean()
    require(
        abs(float(trend)) < 0.6 and float(steps) > 15,
        "neighboring batches are of similar length: mix the order of the batches",
    )
    later = torch.tensor([float(lengths[batch].double().mean()) for batch in second])
    alike = torch.corrcoef(torch.stack([means, later]))[0, 1]
    require(
        float(alike) < 0.7,
        "long and short batches come at the same places in both epochs: mix their order by chance",
    )
    epoch_of(answer, lengths[:5], torch.Generator().manual_seed(1))


def epoch_of(answer: Any, lengths: torch.Tensor, generator: torch.Generator) -> list[list[int]]:
    """The batches as lists of integers; each index once, all but one of 16."""
    found = answer(lengths.clone(), 16, generator)
    require(
        isinstance(found, list | tuple) or hasattr(found, "__next__"),
        "return a list of batches, each a list of indices",
    )
    # One more than there can be, since a generator may have no end.
    found = list(islice(found, len(lengths) + 1))
    epoch = [[int(i) for i in values(batch).flatten()] for batch in found]
    indices = sorted(i for batch in epoch for i in batch)
    n = len(lengths)
    require(
        indices == list(range(n)),
        f"each of the {n} indices once: you have {len(indices)}, {len(set(indices))} different",
    )
    short = [len(batch) for batch in epoch if len(batch) != 16]
    require(
        all(size < 16 for size in short),
        f"a batch has {max(short, default=0)} examples, 16 were wanted at most",
    )
    require(len(short) <= 1, f"{len(short)} batches are not full, one may be")
    return epoch


def padding(lengths: torch.Tensor, epoch: list[list[int]]) -> int:
    """How many numbers the examples are filled up with."""
    return sum(int((lengths[batch].max() - lengths[batch]).sum()) for batch in epoch)
