"""Checks of chapter 25, Color images: CIFAR-10."""

import copy
import math
from typing import Any

import torch
from torch import nn

from .compare import agree, number, parts, values
from .registry import Wrong, exercise, require
from .sizes import stored_numbers


def _lenet(flat: int, maps: tuple[int, int], biases: int = 1, classes: int = 100) -> int:
    """Parameters of LeNet, or its multiplications: kernels on maps of so many places, no biases."""
    convolutions = 6 * (75 + biases) * maps[0] + 16 * (150 + biases) * maps[1]
    return convolutions + 120 * (flat + biases) + 84 * (120 + biases) + classes * (84 + biases)


@exercise("25.1")
def counted(answer: Any) -> None:
    found = parts(answer, 3, "three answers are wanted")
    parameters, products, times = map(number, found, ("parameters", "multiplications", "times"))
    flat = 16 * 13 * 13
    right = _lenet(flat, (1, 1))
    sizes = {
        400: "400 is what 32×32 leaves; begin with 64",
        13 * 13: "each of the 16 maps has 13×13 pixels",
        16 * 16 * 16: "a 5×5 kernel without padding costs 4 pixels",
        16 * 26 * 26: "the second pooling halves, too",
    }
    for size, hint in sizes.items():
        require(parameters != _lenet(size, (1, 1)), f"the first linear layer: {hint}")
    require(parameters != _lenet(flat, (1, 1), biases=0), "each map and each unit has a bias")
    require(parameters != _lenet(flat, (1, 1), classes=10), "there are 100 classes")
    require(parameters != right - 6 * 50, "a kernel of the first layer reads three channels")
    require(parameters != right - 456 - 2416, "the convolutions have parameters as well")
    require(parameters == right, "parameters: which layers see the image's size, or the classes?")
    places = 60**2, 26**2
    wanted = _lenet(flat, places, biases=0)
    require(products != right, "a kernel multiplies at each of its places, again and again")
    require(products != _lenet(flat, places), "a bias is added; it multiplies nothing")
    require(products != _lenet(flat, (30**2, 13**2), biases=0), "kernels work before the pooling")
    require(products != wanted - 120 * flat - 84 * 120 - 8400, "linear layers multiply, too")
    require(
        products == wanted,
        "multiplications: each number that a convolution returns took as many as its kernel has "
        "weights, each unit of a linear layer as many as it has inputs",
    )
    require(abs(times - 10) > 0.01, "that is what a momentum of 0.9 leads to")
    require(abs(times - 20) < 0.01, "where v no longer changes, v = 0.95 v + g: solve for v / g")


@exercise("25.2")
def relabeled(answer: Any) -> None:
    lists = [values(part) for part in parts(answer, 3, "three lists are wanted")]
    upside_down, quarter_turn, exchanged = lists
    for found in lists:
        require(found.shape == (10,), "each list has a label for each of the ten classes")
        known = ((found >= -1) & (found <= 9) & (found == found.round())).all()
        require(bool(known), "labels are whole numbers from 0 to 9, or −1")
    turned = (upside_down, "upside down"), (quarter_turn, "quarter turn")
    round_ones = torch.tensor([0, 1, 4, 5, 6, 7])  # discs, squares, diamonds
    for found, what in turned:
        same = (found[round_ones] == round_ones).all()
        require(bool(same), f"{what}: discs, squares and diamonds look like themselves")
        require(bool((found[2:4] == -1).all()), f"{what}: where do triangles of ours point?")
    require(
        upside_down[8:].tolist() != [9, 8],
        "upside down: an arrow's rows change places; the columns stay",
    )
    require(upside_down[8:].tolist() == [8, 9], "upside down: where do the arrows point then?")
    require(quarter_turn[8:].tolist() == [-1, -1], "quarter turn: where do the arrows point then?")
    swapped = torch.tensor([1, 0, 3, 2, 5, 4, 7, 6])
    require(bool((exchanged[:8] == swapped).all()), "exchanged: what is a red disc called then?")
    require(exchanged[8:].tolist() == [8, 9], "exchanged: what tells the two arrows apart?")


def _pixels(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, shape, generator=generator).to(torch.uint8)


def _require_standardized(
    found: torch.Tensor, pixels: torch.Tensor, mean: torch.Tensor, std: torch.Tensor
) -> None:
    hint = "one for each channel, over all images and places: which axes are averaged?"
    require((found.mean((0, 2, 3)).abs() < 1e-3).all(), f"a channel's mean is not 0; {hint}")
    wanted = (pixels - mean) / std
    n = pixels[:, 0].numel()
    require(
        not agree(found, wanted * ((n - 1) / n) ** 0.5, rtol=1e-5),
        "divide by n under the root, not by n − 1",
    )
    require(agree(found, wanted, rtol=3e-4, atol=3e-5), f"a deviation is not right; {hint}")


@exercise("25.3")
def standardized(answer) -> None:
    for channels in (3, 1, 5):
        scale = torch.linspace(0.2, 1.0, channels)[:, None, None]
        train = (_pixels(40, channels, 6, 5) * scale).to(torch.uint8)
        other = (_pixels(7, channels, 4, 4, seed=1) * scale.flip(0)).to(torch.uint8)
        pixels = train.double()
        mean = pixels.mean((0, 2, 3), keepdim=True)
        std = pixels.std((0, 2, 3), keepdim=True, correction=0)
        for second in (train.clone(), other):  # the first fits wherever its statistics are from
            given = train.clone(), second.clone()
            found = answer(train, second)
            same = torch.equal(train, given[0]) and torch.equal(second, given[1])
            require(same, "an input has changed")
            require(isinstance(found, tuple | list) and len(found) == 2, "return two tensors")
            first, second_found = map(values, found)
            require(first.shape == train.shape, "the shapes must stay")
            require(second_found.shape == second.shape, "the shapes must stay")
            _require_standardized(first, pixels, mean, std)
        second = second_found
        own = other.double()
        own = own - own.mean((0, 2, 3), keepdim=True)
        own = own / own.std((0, 2, 3), keepdim=True, correction=0)
        require(
            not agree(second, own, rtol=2e-2, atol=2e-2),
            "the other images got their own statistics; wanted are those of train",
        )
        wanted = (other.double() - mean) / std
        require(
            agree(second, wanted, rtol=3e-4, atol=3e-5),
            "the other images: the same mean and the same deviation as for train",
        )
    train, other = _pixels(9, 3, 4, 4), _pixels(5, 3, 4, 4, seed=1)
    train[:, 1] = 77
    first, second = map(values, answer(train, other))
    finite = first.isfinite().all() and second.isfinite().all()
    require(finite, "a channel that is the same everywhere: its deviation is 0")
    require((first[:, 1].abs() < 1e-3).all(), "a channel that is the same everywhere becomes 0")


@exercise("25.4")
def gray(answer: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    for m, k in ((4, 5), (1, 3)):
        filters = torch.randn(m, 3, k, k, generator=generator)
        before = filters.clone()
        found = values(answer(filters))
        require(torch.equal(filters, before), "the filters that you were given have changed")
        require(
            found.shape == (m, 1, k, k), f"wanted is the shape {(m, 1, k, k)}, got {found.shape}"
        )
        wanted = filters.double().sum(1, keepdim=True)
        require(not agree(found, wanted / 3, rtol=1e-4, atol=1e-6), "a third of what is wanted")
        of_one = any(agree(found, filters[:, c : c + 1]) for c in range(3))
        require(not of_one, "that is one channel's part; the other two see the image as well")
        require(
            agree(found, wanted, rtol=1e-4, atol=1e-5),
            "where the three channels hold the same x, a filter makes w₁x + w₂x + w₃x of it",
        )


@exercise("25.5")
def reached(answer: Any) -> None:
    run = {
        "run": "made up",
        "seconds": 500.0,
        "cpu_seconds": 200.0,
        "epochs": 8,
        "validation": 66.0,
        "history": [20.0, 41.0, 55.0, 52.0, 60.0, 66.0, 58.0, 64.0],
    }
    other = run | {"seconds": 70.0, "cpu_seconds": 30.0, "epochs": 3, "history": [50.0, 70.0, 71.0]}

    def found(which: dict[str, Any], target: float) -> float:
        given = copy.deepcopy(which)
        result = values(answer(given, target))
        require(given == which, "the run that you were given has changed")
        require(result.numel() == 1, f"one number is wanted, you gave {result.numel()}")
        return result.item()

    time = found(run, 54)
    require(time != 187.5, "that is time by the clock, not the processor's")
    require(time != 50, "after the first epoch one epoch has passed, not none")
    require(time not in (100, 125, 200), "the first time that it was so much, not a later one")
    require(time == 75, f"54% is reached after the third of eight epochs; you found {time:g} s")
    require(found(run, 60) == 125, "exactly the target is enough")
    require(found(run, 65) == 150, "65% is reached after the sixth of eight epochs")
    require(found(run, 10) == 25, "10% is reached after the first epoch, not before")
    require(found(other, 70) == 20, "runs differ in their number of epochs")
    require(found(other, 71) == 30, "the last epoch counts, too")
    require(found(run, 66.5) == math.inf, "66.5% is never reached: math.inf")


CONFUSIONS = (
    [[90, 8, 2], [1, 95, 4], [0, 30, 170]],
    [[400, 60, 20, 20], [2, 10, 8, 0], [5, 0, 95, 1], [0, 1, 0, 9]],
    [[5, 1, 0], [0, 3, 3], [4, 2, 14]],
)


@exercise("25.6")
def confused(answer) -> None:
    for rows in CONFUSIONS:
        counts = torch.tensor(rows)
        size = len(rows)
        rates = {
            (i, j): (rows[i][j] + rows[j][i]) / (sum(rows[i]) + sum(rows[j]))
            for i in range(size)
            for j in range(i + 1, size)
        }
        wanted = sorted(rates, key=lambda pair: -rates[pair])
        for k in (1, 2, len(wanted)):
            before = counts.clone()
            found = answer(counts, k)
            require(torch.equal(before, counts), "the matrix that you were given has changed")
            try:
                pairs = [tuple(int(v) for v in pair) for pair in found]
            except (TypeError, ValueError):
                raise Wrong("return a list of pairs of classes") from None
            require(len(pairs) == k, f"{k} pairs are wanted, got {len(pairs)}")
            require(all(len(pair) == 2 for pair in pairs), "a pair is (i, j)")
            require(all(i != j for i, j in pairs), "the diagonal holds the right answers")
            require(all(i < j for i, j in pairs), "each pair once, the smaller class first")
            known = all(pair in rates for pair in pairs)
            require(known and len(set(pairs)) == k, "a pair stands there twice, or has no classes")
            total = sorted(rates, key=lambda p: -(rows[p[0]][p[1]] + rows[p[1]][p[0]]))
            if pairs != wanted[:k]:
                require(pairs != total[:k], "those are the largest counts; large classes have many")
                require(
                    sorted(pairs) != sorted(wanted[:k]), "the right pairs, but not largest first"
                )
                raise Wrong(
                    f"for {rows}, k = {k}: both directions count, over all images of both classes"
                )


@exercise("25.7")
def copied(answer) -> None:
    train, other = _pixels(60, 3, 6, 5), _pixels(30, 3, 6, 5, seed=1)
    wanted = torch.zeros(30, dtype=torch.bool)
    other[[2, 7]], other[[3, 11]] = train[[5, 50]], train[[8, 9]].flip(3)
    wanted[[2, 3, 7, 11]] = True
    other[20] = train[6].flip(1)  # on its head
    other[21] = train[4].flip(0)  # colors exchanged
    other[22] = train[3]
    other[22, 1, 2, 3] ^= 1  # one pixel differs
    other[23] = train[1].roll(1, 2)  # shifted
    before = train.clone(), other.clone()
    found = answer(train, other)
    same = torch.equal(train, before[0]) and torch.equal(other, before[1])
    require(same, "an input has changed")
    found = values(found)
    require(found.shape == (30,), f"one answer for each image of other, got {tuple(found.shape)}")
    require(((found == 0) | (found == 1)).all(), "answers are true or false")
    found = found.bool()
    require(found[[2, 7]].all(), "an image that stands in train was not found")
    require(found[[3, 11]].all(), "a mirrored image was not found")
    require(not found[20], "an image on its head is not mirrored left to right")
    require(not found[21], "red and blue exchanged: another image")
    require(not found[22], "one pixel differs by 1: not the same image")
    require(not found[23], "a shifted image is not the same; only equal ones are asked for")
    require(torch.equal(found, wanted), "some images are said to be copies and are none")
    thin = torch.tensor([[1, 2, 3, 4, 5, 6]], dtype=torch.uint8)
    wide, tall = thin.reshape(1, 1, 1, 6), torch.zeros(0, 1, 1, 6, dtype=torch.uint8)
    require(bool(values(answer(wide, wide.flip(3)))[0]), "a single row, mirrored, was not found")
    require(not values(answer(tall, wide)).any(), "with no training images there is no copy")


MOST = 6200
WANTED = 0.95


@exercise("25.8")
def small(answer) -> None:
    require(
        isinstance(answer, tuple | list) and len(answer) == 2 and all(map(callable, answer)),
        "hand in your function together with `signs`",
    )
    compact, draw = answer

    def drawn(n: int, part: str, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        images, labels = draw(n, part, seed)
        return images / 255, labels

    net = compact(drawn(300, "train", 100), drawn(300, "validation", 101))
    require(isinstance(net, nn.Module), "return the trained network, a module")
    size = stored_numbers(net)
    require(size <= MOST, f"it holds {size:,} numbers, wanted at most {MOST:,}")
    images, labels = drawn(1000, "test", 102)
    device = next((p.device for p in net.parameters()), torch.device("cpu"))
    with torch.no_grad():
        logits = net.eval()(images.to(device))
        require(
            isinstance(logits, torch.Tensor) and logits.shape == (1000, 10),
            "wanted are logits of shape (n, 10)",
        )
        each = net(images[:5].to(device))
    require(
        torch.allclose(each, logits[:5], rtol=1e-3, atol=1e-3),
        "an image's logits depend on the others in its batch",
    )
    right = (logits.argmax(1).cpu() == labels).double().mean().item()
    require(
        right >= WANTED,
        f"{right:.1%} of the fresh signs, wanted {WANTED:.0%}: are the images changed in training, "
        "with the right labels? Does the network look for a sign everywhere in the same way?",
    )
