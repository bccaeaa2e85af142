"""Right answers to the exercises of chapter 26, other than the solutions; each must be accepted."""

import copy
import math

import numpy as np
import torch
import torchvision
from torch import nn


def fault_by_two_tests(path, block):
    X = torch.linspace(-3, 3, 200).reshape(2, 4, 5, 5).flip(0)
    Y, given = path(X.clone()).detach(), X.clone()
    out = block(given).detach()
    if (given != X).any():
        return "overwrites"
    if (out - X - Y).abs().max() < 1e-4:
        return "no ReLU"
    if (out - X).min() > -1e-4 and (out - X - Y.clamp(min=0)).abs().max() < 1e-4:
        return "ReLU before the sum"
    return "right" if (out - (X + Y).clamp(min=0)).abs().max() < 1e-4 else "no shortcut"


def trace_by_the_formula(num_blocks, height, width):
    def out(size, kernel, padding):
        return (size - kernel + 2 * padding) // 2 + 1

    sizes = [out(out(size, 7, 3), 3, 1) for size in (height, width)]
    shapes, channels, cost = [[64, *sizes]], [64], 0
    for stage, blocks in enumerate(num_blocks):
        if stage:
            sizes = [out(size, 3, 1) for size in sizes]
        for _ in range(2 * blocks):
            wide = 64 * 2**stage
            cost += math.prod(sizes) * channels[-1] * wide * 9
            channels.append(wide)
        shapes.append([wide, *sizes])
    return [shapes, float(cost)]


def trace_with_tensors(num_blocks, height, width):
    shapes, cost = trace_by_the_formula(num_blocks, height, width)
    return tuple(torch.tensor(shape) for shape in shapes), np.int64(cost)


def fuse_a_copy(conv, norm):
    fused = copy.deepcopy(conv)
    factor = torch.rsqrt(norm.running_var + norm.eps) * norm.weight
    fused.weight = nn.Parameter(torch.einsum("oikl,o->oikl", conv.weight, factor).detach())
    bias = torch.zeros_like(factor) if conv.bias is None else conv.bias
    fused.bias = nn.Parameter((norm.bias + factor * (bias - norm.running_mean)).detach())
    return fused


def fuse_with_torch(conv, norm):
    return torch.nn.utils.fusion.fuse_conv_bn_eval(conv, norm)


def fuse_in_single_precision(conv, norm):
    return fuse_a_copy(conv, norm).float()


class ShareToKeep(nn.Module):
    def __init__(self, path, drop):
        super().__init__()
        self.inner, self.keep = path, 1 - drop

    def forward(self, X):
        if self.training:
            return X + self.inner(X) if torch.rand(()).item() >= 1 - self.keep else X.clone()
        return torch.add(X, self.inner(X), alpha=self.keep)


class Bottle(nn.Module):
    def __init__(self, input_channels, width, strides=1):
        super().__init__()
        sizes = [
            (input_channels, width, 1, 1),
            (width, width, 3, strides),
            (width, 4 * width, 1, 1),
        ]
        if strides > 1 or input_channels != 4 * width:
            sizes.append((input_channels, 4 * width, 1, strides))
        for i, (before, after, kernel, stride) in enumerate(sizes, 1):
            conv = nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False)
            self.add_module(f"conv{i}", conv)
            self.add_module(f"bn{i}", nn.BatchNorm2d(after))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, X):
        around = self.bn4(self.conv4(X)) if hasattr(self, "conv4") else X
        Y = self.relu(self.bn1(self.conv1(X)))
        Y = self.relu(self.bn2(self.conv2(Y)))
        return self.relu(around + self.bn3(self.conv3(Y)))


def torchvision_itself():
    return torchvision.models.resnet50(weights=None)


class FromItsParts(nn.Module):
    """ResNet-50 in another arrangement: all blocks in one list, and names of its own."""

    def __init__(self):
        super().__init__()
        self.end = nn.Linear(2048, 1000)
        self.blocks, channels = nn.ModuleList(), 64
        for width, count in ((64, 3), (128, 4), (256, 6), (512, 3)):
            for i in range(count):
                strides = 2 if i == 0 and width > 64 else 1
                self.blocks.append(Bottle(channels, width, strides))
                channels = 4 * width
        self.first = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.norm = nn.BatchNorm2d(64)

    def forward(self, X):
        X = nn.functional.max_pool2d(self.norm(self.first(X)).relu(), 3, 2, padding=1)
        for block in self.blocks:
            X = block(X)
        return self.end(X.mean((2, 3)))


def name_of_a_part(name):
    first, _, rest = name.partition(".")
    if not first.startswith("layer"):
        return {"conv1": "first", "bn1": "norm", "fc": "end"}[first] + "." + rest
    i, _, rest = rest.partition(".")
    for old, new in (("downsample.0", "conv4"), ("downsample.1", "bn4")):
        rest = rest.replace(old, new)
    return f"blocks.{(0, 3, 7, 13)[int(first[-1]) - 1] + int(i)}.{rest}"


RIGHT = {
    "26.1": [
        (230144.0, torch.tensor(3), 110, 2.5937424601, 0.0, 1.5, 0),
        (230144, 3, 110, 2.59, 0, 1.5, 0.0),
        (230144, 3, 110, 2.6, 0, torch.tensor(1.5), -0.0),
        [np.int64(230144), 3.0, 110.0, torch.tensor(1.1) ** 10, torch.zeros(()), 3 / 2, 0],
    ],
    "26.2": [[("degradation", "overfitting", "unfair", "better"), fault_by_two_tests]],
    "26.3": [trace_by_the_formula, trace_with_tensors],
    "26.4": [fuse_a_copy, fuse_with_torch, fuse_in_single_precision],
    "26.5": [ShareToKeep],
    "26.6": [
        (Bottle, torchvision_itself, str),
        [Bottle, FromItsParts, name_of_a_part],
    ],
}
