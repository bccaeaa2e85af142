"""Checks of chapter 25, Color images: CIFAR-10."""

import torch
from torch import nn

from .compare import agree, number, values
from .registry import Wrong, exercise, require
from .sizes import stored_numbers


@exercise("25.1")
def counted(answer) -> None:
    require(isinstance(answer, tuple | list) and len(answer) == 3, "three answers are wanted")
    flat, parameters, times = map(number, answer)
    require(flat != 13 * 13, "each of the 16 maps has so many pixels")
    require(flat not in (16 * 16 * 16, 16 * 14 * 14), "a 5×5 kernel without padding costs 4 pixels")
    require(flat != 16 * 26 * 26, "the second pooling halves, too")
    require(flat != 400, "that is what 32×32 leaves; begin with 64")
    require(flat == 16 * 13 * 13, "follow the side: 64, after the kernel, after the pooling, ...")
    convolutions = 6 * 76 + 16 * 151
    right = convolutions + 120 * (flat + 1) + 84 * 121 + 100 * 85
    require(parameters != right - 6 - 16 - 120 - 84 - 100, "each map and each unit has a bias")
    require(parameters != right - 90 * 85, "there are 100 classes")
    require(parameters != right - 6 * 50, "a kernel of the first layer reads three channels")
    require(parameters != right - convolutions, "the convolutions have parameters as well")
    require(parameters == right, "which layers see the size of the image, or the classes?")
    require(abs(times - 10) > 0.01, "that is what a momentum of 0.9 leads to")
    require(abs(times - 20) < 0.01, "where v no longer changes, v = 0.95 v + g: solve for v / g")


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


@exercise("25.2")
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


def _moved(
    images: torch.Tensor, down: torch.Tensor, right: torch.Tensor, mirrored: torch.Tensor
) -> torch.Tensor:
    found = torch.zeros_like(images)
    height, width = images.shape[2:]
    for i, (d, r) in enumerate(zip(down.tolist(), right.tolist(), strict=True)):
        kept = images[i, :, max(-d, 0) : height - max(d, 0), max(-r, 0) : width - max(r, 0)]
        top, left = max(d, 0), max(r, 0)
        found[i, :, top : top + kept.shape[1], left : left + kept.shape[2]] = kept
        if mirrored[i]:
            found[i] = found[i].flip(2)
    return found


@exercise("25.3")
def moved(answer) -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(49, 3, 8, 9, generator=generator) + 0.1
    down, right = torch.arange(49) // 7 - 3, torch.arange(49) % 7 - 3
    zero, none = torch.zeros(49, dtype=torch.int64), torch.zeros(49, dtype=torch.bool)
    half = torch.rand(49, generator=generator) < 0.5

    def given(d: torch.Tensor, r: torch.Tensor, m: torch.Tensor) -> torch.Tensor:
        before = images.clone()
        found = values(answer(images, d, r, m))
        require(torch.equal(images, before), "the images that you were given have changed")
        require(found.shape == images.shape, f"the shape must stay, got {tuple(found.shape)}")
        return found

    def same(found: torch.Tensor, wanted: torch.Tensor) -> bool:
        return agree(found, wanted, rtol=1e-5)

    require(same(given(zero, zero, none), images), "nothing moves, and the images have changed")
    found = given(zero, zero, ~none)
    require(not same(found, images.flip(2)), "they stand on their heads: left and right, please")
    require(same(found, images.flip(3)), "all mirrored is not images.flip(3)")
    found = given(zero, zero, half)
    require(
        same(found, _moved(images, zero, zero, half)),
        "only those where `mirrored` is true are exchanged",
    )
    found = given(down, zero, none)
    require(not same(found, _moved(images, -down, zero, none)), "positive `down` moves downward")
    require(
        not same(
            found, torch.stack([x.roll(int(d), 1) for x, d in zip(images, down, strict=True)])
        ),
        "what leaves below comes in above; zeros are wanted",
    )
    require(same(found, _moved(images, down, zero, none)), "`down` alone does not come out right")
    found = given(zero, right, none)
    require(
        not same(found, _moved(images, zero, -right, none)), "positive `right` moves to the right"
    )
    require(same(found, _moved(images, zero, right, none)), "`right` alone does not come out right")
    found = given(down, right, half)
    require(
        not same(found, _moved(images, down, torch.where(half, -right, right), half)),
        "shift first, then mirror: your mirrored images went to the other side",
    )
    require(same(found, _moved(images, down, right, half)), "all three together: something differs")
    require(answer(images[:0], down[:0], right[:0], none[:0]).shape == (0, 3, 8, 9), "no images?")


CONFUSIONS = (
    [[90, 8, 2], [1, 95, 4], [0, 30, 170]],
    [[400, 60, 20, 20], [2, 10, 8, 0], [5, 0, 95, 1], [0, 1, 0, 9]],
    [[5, 1, 0], [0, 3, 3], [4, 2, 14]],
)


@exercise("25.4")
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


@exercise("25.5")
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


@exercise("25.6")
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
