"""Typical wrong answers to the exercises of chapter 26; each must be refused."""

import math

import torch
from torch import nn

FULL = 64 * 128 * 9 + 128 * 128 * 9 + 64 * 128 + 3 * 2 * 128


ALWAYS = "right"
WORDS = ["degradation", "overfitting", "unfair", "better"]


def fault(path, block, positive=False, late=False, copy=True, shape=(2, 4, 5, 5), only=5):
    X = torch.rand(shape) if positive else torch.randn(shape)
    with torch.no_grad():
        Y, given = path(X), X.clone() if copy else X
        found = block(given)
        if late:
            X, Y = given, path(given)
    if not torch.equal(given, X):
        return "overwrites"
    for name, Z in list(
        {
            "right": torch.relu(X + Y),
            "no shortcut": torch.relu(Y),
            "ReLU before the sum": X + torch.relu(Y),
            "no ReLU": X + Y,
        }.items()
    )[:only]:
        if torch.allclose(found, Z, atol=1e-5):
            return name
    return None


def faulting(**switches):
    return lambda path, block: fault(path, block, **switches)


def fault_that_changes_the_path(path, block):
    found = fault(path, block)
    with torch.no_grad():
        for parameter in path.parameters():
            parameter.zero_()
    return found


def tracing(halve=lambda size: (size + 1) // 2, stem=2, swap=False, factor=9, first=True,
            pairs=1, projections=False, with_stem=False, drop=0):  # fmt: skip
    def trace(num_blocks, height, width):
        h, w, channels = height, width, 64
        for _ in range(stem):
            h, w = halve(h), halve(w)
        shapes, cost = [(channels, h, w)], 0
        if with_stem:
            cost += ((height + 1) // 2) * ((width + 1) // 2) * 64 * 147
        for stage, blocks in enumerate(num_blocks):
            before = channels
            if stage > 0:
                channels, h, w = 2 * channels, halve(h), halve(w)
                cost += h * w * channels * before if projections else 0
            shapes.append((channels, w, h) if swap else (channels, h, w))
            inputs = (before if first else channels) + (2 * blocks - 1) * channels
            cost += h * w * channels * factor * inputs
        return shapes[drop:], pairs * cost

    return trace


def fusing(root=True, gamma=True, eps=None, bias=True, mean=True, beta=True, stride=True,
           rows=True, factor_bias=True):  # fmt: skip
    def fuse(conv, norm):
        new = nn.Conv2d(
            conv.in_channels, conv.out_channels, conv.kernel_size,
            conv.stride if stride else 1, conv.padding, dtype=conv.weight.dtype,
        )  # fmt: skip
        with torch.no_grad():
            s = norm.running_var + (norm.eps if eps is None else eps)
            factor = (norm.weight if gamma else 1) / (s.sqrt() if root else s)
            if rows:
                new.weight.copy_(conv.weight * factor[:, None, None, None])
            else:
                new.weight.copy_(conv.weight * factor.mean())
            old = conv.bias if bias and conv.bias is not None else 0
            shift = (old - norm.running_mean) if mean else old + torch.zeros_like(factor)
            new.bias.copy_(shift * (factor if factor_bias else 1) + (norm.bias if beta else 0))
        return new

    return fuse


def fuse_in_place(conv, norm):
    fused = fusing()(conv, norm)
    with torch.no_grad():
        conv.weight.copy_(fused.weight)
    return fused


def fuse_in_training_mode(conv, norm):
    norm.train()
    return fusing()(conv, norm)


def fuse_without_bias(conv, norm):
    fused = fusing()(conv, norm)
    fused.bias = None
    return fused


def fuse_as_sequence(conv, norm):
    return nn.Sequential(conv, norm)


def dropping(share=lambda drop: drop, scale=lambda drop: 1 - drop, lazy=True, each=False,
             grow=False, registered=True, add=True):  # fmt: skip
    class StochasticDepth(nn.Module):
        def __init__(self, path, drop):
            super().__init__()
            self.path, self.drop = path if registered else [path], drop

        def forward(self, X):
            path = self.path if registered else self.path[0]
            around = X if add else 0
            if not self.training:
                return around + scale(self.drop) * path(X)
            if each:
                kept = (torch.rand(len(X)) >= share(self.drop)).float()[:, None]
                return around + kept * path(X)
            dropped = torch.rand(()) < share(self.drop)
            Y = None if lazy and dropped else path(X)
            if dropped:
                return X
            return around + (Y / (1 - self.drop) if grow else Y)

    return StochasticDepth


class ChangesTheInput(dropping()):
    def forward(self, X):
        if self.training and torch.rand(()) < self.drop:
            return X
        X += self.path(X) * (1 if self.training else 1 - self.drop)
        return X


class OverwritesInTraining(dropping()):
    def forward(self, X):
        if not self.training:
            return X + (1 - self.drop) * self.path(X)
        if torch.rand(()) < self.drop:
            return X
        X += self.path(X)
        return X


class Bottle(nn.Module):
    """A right bottleneck with switches for mistakes."""

    stride_first = bias = always = swapped = False
    project = add = last = before_sum = second = True
    before_sum = False
    expansion = 4

    def __init__(self, channels, width, strides=1):
        super().__init__()
        out = self.expansion * width
        a, b = (strides, 1) if self.stride_first else (1, strides)
        self.conv1 = nn.Conv2d(channels, width, 1, a, bias=self.bias)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, b, padding=1, bias=self.bias)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out, 1, bias=self.bias)
        self.bn3 = nn.BatchNorm2d(out)
        self.conv4 = self.bn4 = None
        if (self.project and (strides != 1 or channels != out)) or self.always:
            self.conv4 = nn.Conv2d(channels, out, 1, strides, bias=self.bias)
            self.bn4 = nn.BatchNorm2d(out)

    def forward(self, X):
        Y = torch.relu(self.bn1(self.conv1(X)))
        Y = self.bn2(self.conv2(Y))
        Y = self.bn3(self.conv3(torch.relu(Y) if self.second else Y))
        around = X if self.conv4 is None else self.bn4(self.conv4(X))
        if not self.add:
            return torch.relu(Y)
        if self.before_sum:
            return torch.relu(Y) + around
        return torch.relu(Y + around) if self.last else Y + around


def bottle(**switches):
    return type("Bottleneck", (Bottle,), switches)


class Overwrites(Bottle):
    def forward(self, X):
        return super().forward(X.relu_())


class NoNormOnTheShortcut(Bottle):
    def __init__(self, channels, width, strides=1):
        super().__init__(channels, width, strides)
        self.bn4 = None if self.conv4 is None else nn.Identity()


class OneNormTwice(Bottle):
    def __init__(self, channels, width, strides=1):
        super().__init__(channels, width, strides)
        self.bn2 = self.bn1


class OneNormForPathAndShortcut(Bottle):
    def __init__(self, channels, width, strides=1):
        super().__init__(channels, width, strides)
        self.bn4 = None if self.conv4 is None else self.bn3


class SharedWeights(Bottle):
    def __init__(self, channels, width, strides=1):
        super().__init__(channels, width, strides)
        self.bn2.weight = self.bn1.weight


class OneLayerTooMany(Bottle):
    def __init__(self, channels, width, strides=1):
        super().__init__(channels, width, strides)
        self.idle = nn.Linear(3, 3)


class Empty(nn.Module):
    def __init__(self, channels, width, strides=1):
        super().__init__()


def net50(blocks=(3, 4, 6, 3), classes=1000, first=1, flat=True, stem_pool=True, buffer=False):
    """What makes a ResNet-50, with switches for mistakes."""
    kind = bottle()

    def resnet50():
        stem = [nn.Conv2d(3, 64, 7, 2, padding=3, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
        net, channels = nn.Sequential(*stem), 64
        net.append(nn.MaxPool2d(3, 2, padding=1) if stem_pool else nn.Identity())
        for stage, count in enumerate(blocks):
            parts = []
            for i in range(count):
                strides = 1 if i else 2 if stage else first
                parts.append(kind(channels, 64 * 2**stage, strides))
                channels = 256 * 2**stage
            net.append(nn.Sequential(*parts))
        net.append(nn.AdaptiveAvgPool2d(1)).append(nn.Flatten() if flat else nn.Identity())
        net.append(nn.Linear(channels, classes) if flat else nn.Conv2d(channels, classes, 1))
        if buffer:
            net.register_buffer("note", torch.zeros(1))
        return net

    return resnet50


def translate(name):
    """A name in torchvision's ResNet-50 in the words of `net50`."""
    layer, _, rest = name.partition(".")
    if layer in ("conv1", "bn1", "fc"):
        return f"{ {'conv1': 0, 'bn1': 1, 'fc': 10}[layer] }.{rest}"
    rest = rest.replace("downsample.0", "conv4").replace("downsample.1", "bn4")
    return f"{int(layer[-1]) + 3}.{rest}"


def swapping_norms(name):
    """Leads the first normalization of each block to the second, and back: the shapes allow it."""
    if "layer" in name and ("bn1" in name or "bn2" in name):
        name = name.replace("bn1", "bn0").replace("bn2", "bn1").replace("bn0", "bn2")
    return translate(name)


WRONG_BLOCKS = [
    bottle(stride_first=True),
    bottle(bias=True),
    bottle(always=True),
    bottle(add=False),
    bottle(last=False),
    bottle(before_sum=True),
    bottle(second=False),
    bottle(expansion=2),
    bottle(project=False),
    Overwrites,
    NoNormOnTheShortcut,
    OneNormTwice,
    OneNormForPathAndShortcut,
    SharedWeights,
    OneLayerTooMany,
    Empty,
    Bottle(8, 2),
]

WRONG = {
    "26.1": [
        FULL,
        (FULL - 64 * 128 - 256, 3, 110, 1.1**10, 0, 1.5, 0),
        (FULL - 256, 3, 110, 1.1**10, 0, 1.5, 0),
        (FULL - 768, 3, 110, 1.1**10, 0, 1.5, 0),
        (FULL + 3 * 128, 3, 110, 1.1**10, 0, 1.5, 0),
        (FULL + 768, 3, 110, 1.1**10, 0, 1.5, 0),
        (2 * 128 * 128 * 9 + 64 * 128 + 768, 3, 110, 1.1**10, 0, 1.5, 0),
        (1, 3, 110, 1.1**10, 0, 1.5, 0),
        (FULL, 4, 110, 1.1**10, 0, 1.5, 0),
        (FULL, 16, 110, 1.1**10, 0, 1.5, 0),
        (FULL, 3, 108, 1.1**10, 0, 1.5, 0),
        (FULL, 3, 56, 1.1**10, 0, 1.5, 0),
        (FULL, 3, 110, 0.1**10, 0, 1.5, 0),
        (FULL, 3, 110, 1 + 0.1**10, 0, 1.5, 0),
        (FULL, 3, 110, 2.0, 0, 1.5, 0),
        (FULL, 3, 110, 1.1, 0, 1.5, 0),
        (FULL, 3, 110, 2.5, 0, 1.5, 0),
        (FULL, 3, 110, 1.1**10, -1, 1.5, 0),
        (FULL, 3, 110, 1.1**10, math.nan, 1.5, 0),
        (FULL, 3, 110, 1.1**10, "0", 1.5, 0),
        (FULL, 3, 110, 1.1**10, 0),
        (FULL, 3, 110, 1.1**10, 0, -1.5, 0),
        (FULL, 3, 110, 1.1**10, 0, 0, 0),
        (FULL, 3, 110, 1.1**10, 0, 3, 0),
        (FULL, 3, 110, 1.1**10, 0, 4.5, 0),
        (FULL, 3, 110, 1.1**10, 0, 1.5, -3),
        (FULL, 3, 110, 1.1**10, 0, 1.5, 3),
    ],
    "26.2": [
        WORDS,
        (WORDS[:3], fault),
        (["degradation", "degradation", "unfair", "better"], fault),
        (["overfitting", "overfitting", "unfair", "better"], fault),
        (["degradation", "overfitting", "degradation", "better"], fault),
        (["degradation", "overfitting", "unfair", "unfair"], fault),
        (["worse", "overfitting", "unfair", "better"], fault),
        (WORDS, "right"),
        (WORDS, lambda path, block: ALWAYS),
        (WORDS, lambda path, block: {}.get(path)),
        (WORDS, faulting(positive=True)),
        (WORDS, faulting(late=True)),
        (WORDS, faulting(copy=False)),
        (WORDS, faulting(only=3)),
        (WORDS, faulting(shape=(1, 4, 5, 5))),
        (WORDS, fault_that_changes_the_path),
    ],
    "26.3": [
        tracing(halve=lambda size: size // 2),
        tracing(halve=lambda size: size / 2),
        tracing(stem=1),
        tracing(swap=True),
        tracing(factor=1),
        tracing(first=False),
        tracing(pairs=2),
        tracing(projections=True),
        tracing(with_stem=True),
        tracing(drop=1),
        lambda num_blocks, h, w: tracing()(num_blocks, h, w)[0],
        lambda num_blocks, h, w: (None, tracing()(num_blocks, h, w)[1]),
        lambda num_blocks, h, w: tracing()((3, 4, 6, 3), h, w),
        lambda num_blocks, h, w: ([(64, h, w)] * (len(num_blocks) + 1), 0),
    ],
    "26.4": [
        fusing(root=False),
        fusing(gamma=False),
        fusing(eps=1e-5),
        fusing(eps=0.0),
        fusing(bias=False),
        fusing(mean=False),
        fusing(beta=False),
        fusing(stride=False),
        fusing(rows=False),
        fusing(factor_bias=False),
        fuse_in_place,
        fuse_in_training_mode,
        fuse_without_bias,
        fuse_as_sequence,
        lambda conv, norm: conv,
        lambda conv, norm: torch.zeros(3),
    ],
    "26.5": [
        dropping(share=lambda drop: 1 - drop),
        dropping(scale=lambda drop: 1),
        dropping(scale=lambda drop: drop),
        dropping(share=lambda drop: 1 - drop, scale=lambda drop: drop),
        dropping(share=lambda drop: 0.5),
        dropping(share=lambda drop: 0.0),
        dropping(lazy=False),
        dropping(each=True),
        dropping(grow=True),
        dropping(registered=False),
        dropping(add=False),
        ChangesTheInput,
        OverwritesInTraining,
        dropping()(nn.Identity(), 0.5),
        Empty,
    ],
    "26.6": [
        *((block, net50(), translate) for block in WRONG_BLOCKS),
        bottle(),
        (bottle(), net50()),
        (bottle(), net50()(), translate),
        (bottle(), net50(), "translate"),
        (bottle(), lambda: "ResNet-50", translate),
        (bottle(), net50(blocks=(3, 4, 23, 3)), translate),
        (bottle(), net50(classes=10), translate),
        (bottle(), net50(first=2), translate),
        (bottle(), net50(flat=False), translate),
        (bottle(), net50(stem_pool=False), translate),
        (bottle(), net50(buffer=True), translate),
        (bottle(), net50(), lambda name: name),
        (bottle(), net50(), lambda name: translate(name).replace("bn2", "bn1")),
        (bottle(), net50(), lambda name: translate(name.replace("layer4", "layer3"))),
        (bottle(), net50(), swapping_norms),
    ],
}
