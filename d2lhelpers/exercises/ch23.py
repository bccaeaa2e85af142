"""Checks of chapter 23, Padding, stride, channels, pooling."""

import random
from typing import Any

import torch
from torch.nn import functional

from .compare import agree, number, parts, values, without_autograd
from .registry import exercise, require


def whole(found, what):
    """The one whole number of an answer, as an int."""
    value = number(found, what)
    require(value == int(value), f"{what}: a whole number is wanted, you gave {value:g}")
    return int(value)


def output_size(n, k, p, s, d=1):
    """The formula of the chapter."""
    return (n + 2 * p - d * (k - 1) - 1) // s + 1


@exercise("23.1")
def one_layer(answer) -> None:
    numbers = parts(answer, 5, "five numbers are wanted")
    names = ("height", "parameters", "multiplications", "bytes kept", "pooled height")
    height, parameters, products, size, pooled = (
        whole(part, f"the {name}") for part, name in zip(numbers, names, strict=True)
    )
    require(height != 14, "the height: the padding is missing, two zeros on *each* side")
    require(height != 15, "the height: do not forget the window that begins at place 0")
    require(height != 32, "the height: with stride 1 padding 2 would keep it; here s = 2")
    require(height == 16, "the height: put n = 32, k = 5, p = 2, s = 2, d = 1 into the formula")
    require(parameters != 1200, "the parameters: each of the 16 maps has a bias as well")
    require(
        parameters not in (416, 400),
        "the parameters: a kernel has weights for all 3 input channels",
    )
    require(
        parameters != 1203, "the parameters: there is a bias for each output channel, not input"
    )
    require(parameters == 1216, "the parameters: c_out times (c_in · k² + 1)")
    require(
        products != 32 * 32 * 1200,
        "the multiplications: only the outputs that stride 2 leaves are computed",
    )
    require(
        products != 16 * 16 * 400, "the multiplications: each output reads all 3 input channels"
    )
    require(products != 16 * 16 * 75, "the multiplications: that is for one output channel of 16")
    require(products != 16 * 16 * 1216, "the multiplications: a bias is added, not multiplied")
    require(products != 64 * 307_200, "the multiplications: of one picture, not of the batch")
    require(
        products != 2 * 16 * 16 * 1200, "the multiplications: additions are not asked for; halve"
    )
    require(products == 307_200, "the multiplications: c_out · h′ · w′ outputs, c_in · k² for each")
    inputs, outputs = 3 * 32 * 32, 16 * 16 * 16
    require(
        size not in (64 * 4 * outputs, 64 * 4 * (inputs + outputs)),
        "the bytes kept: the slopes of a convolution do not depend on its outputs",
    )
    require(
        size not in (4 * 64 * inputs + 4 * 1200, 4 * 64 * inputs + 4 * 1216),
        "the bytes kept: without the parameters",
    )
    require(size != 64 * inputs, "the bytes kept: a number takes 4 bytes")
    require(size != 4 * inputs, "the bytes kept: that is for one picture of 64")
    require(size != 64 * 4 * 32 * 32, "the bytes kept: that is one input channel of 3")
    require(size != 64 * 4 * 3 * 36 * 36, "the bytes kept: the input is kept without its padding")
    require(
        size == 64 * 4 * inputs,
        "the bytes kept: what does the slope for a weight need, the inputs or the outputs?",
    )
    require(
        pooled != 14, "the pooled height: without a stride given, MaxPool2d takes the pool size, 3"
    )
    require(pooled != 6, "the pooled height: 16/3 is rounded *down*")
    require(
        pooled == 5, "the pooled height: the formula once more with n = 16, k = 3, p = 0, s = 3"
    )


@exercise("23.2")
def color_kernels(answer) -> None:
    K = values(answer)
    require(
        tuple(K.shape) == (3, 3, 3, 3),
        f"K has the shape {tuple(K.shape)}, wanted (3, 3, 3, 3)",
    )
    generator = torch.Generator().manual_seed(0)
    X = torch.rand(3, 7, 9, generator=generator, dtype=torch.float64)
    Y = functional.conv2d(X[None], K, padding=1)[0]
    right = torch.zeros_like(X[0])
    right[:, 1:] = X[0, :, :-1]
    left, down = torch.zeros_like(X[0]), torch.zeros_like(X[0])
    left[:, :-1], down[1:] = X[0, :, 1:], X[0, :-1]
    swapped = functional.conv2d(X[None], K.transpose(0, 1), padding=1)[0]
    require(
        not agree(swapped, torch.stack([X[2], X.mean(0), right]), 1e-3),
        "the first axis of K is the output channel, the second the input channel",
    )
    require(
        not agree(Y[0], X[0], 1e-3),
        "channel 0: that is red; the channels are red, green, blue, counted from 0",
    )
    require(
        agree(Y[0], X[2], 1e-3),
        "channel 0: which 3×3 kernel leaves blue as it is, and which ones add nothing to it?",
    )
    require(not agree(Y[1], X.sum(0), 1e-3), "channel 1: that is the sum; the mean is wanted")
    require(
        not agree(K[1], torch.full((3, 3, 3), 1 / 27), 1e-3)
        and not agree(K[1], torch.full((3, 3, 3), 1 / 3), 1e-3),
        "channel 1: the mean of three colors at *one* pixel, without its neighbors",
    )
    require(
        agree(Y[1], X.mean(0), 1e-3) or not agree(Y[1], X.mean(0), 5e-2),
        "channel 1: nearly; let Python divide, 1 / 3 has more than two digits",
    )
    require(
        agree(Y[1], X.mean(0), 1e-3),
        "channel 1: each color counts alike, and each pixel by itself",
    )
    require(
        not agree(Y[2], left, 1e-3),
        "channel 2: that moves to the left; what should stand at j came from j − 1",
    )
    require(not agree(Y[2], down, 1e-3), "channel 2: that moves down; the last axis is the columns")
    require(
        agree(Y[2], right, 1e-3),
        "channel 2: which place of the red picture does an output read if the picture moves right?",
    )


@exercise("23.3")
def fragile_and_robust(answer) -> None:
    rows, two = [], parts(answer, 2, "two rows are wanted")
    for name, part in zip(("fragile", "robust"), two, strict=True):
        row = values(part).flatten()
        require(len(row) == 12, f"{name}: {len(row)} numbers, wanted 12")
        require(bool(((row == 0) | (row == 1)).all()), f"{name}: only zeros and ones are wanted")
        rows.append(row)

    def pooled(row):
        return functional.max_pool1d(row[None], 3)[0]

    before, after = pooled(rows[0]), pooled(rows[0].roll(1))
    changed = int((before != after).sum())
    require(
        changed == 4,
        f"fragile: {changed} of 4 outputs change; which place of a window does a 1 leave it from, "
        "and what must the next window hold so that this one changes, too?",
    )
    before = pooled(rows[1])
    require(len(before.unique()) == 2, "robust: all its outputs are equal; wanted a 0 and a 1")
    for shift, side in ((1, "right"), (-1, "left")):
        changed = int((before != pooled(rows[1].roll(shift))).sum())
        require(
            changed == 0,
            f"robust: rotated to the {side}, {changed} of 4 outputs change; where in its window "
            "may a 1 move by one and stay inside?",
        )


@exercise("23.4")
def same_padding(answer) -> None:
    cases = [(7, 3, 1, 1), (8, 2, 1, 1), (8, 3, 2, 1), (9, 3, 2, 1), (9, 5, 3, 2), (9, 1, 3, 1)]
    rng = random.Random(3)
    cases += [
        (rng.randint(1, 40), rng.randint(1, 7), rng.randint(1, 5), rng.randint(1, 3))
        for _ in range(60)
    ]
    for n, k, s, d in cases:
        case = f"n = {n}, k = {k}, s = {s}, d = {d}"
        found = parts(answer(n, k, s, d), 2, "return two numbers, for the left and the right")
        left, right = (whole(part, case) for part in found)
        require(min(left, right) >= 0, f"{case}: less than 0 zeros, in ({left}, {right})")
        wanted = -(-n // s)
        outputs = (n + left + right - d * (k - 1) - 1) // s + 1
        require(
            outputs == wanted,
            f"{case}: with ({left}, {right}) there are {max(outputs, 0)} outputs, wanted {wanted}",
        )
        total = max((wanted - 1) * s + d * (k - 1) + 1 - n, 0)
        require(
            left + right == total,
            f"{case}: ({left}, {right}) gives the right size, but {total} in all would do",
        )
        require(
            left <= right,
            f"{case}: ({left}, {right}) has the extra zero on the left, wanted on the right",
        )
        require(right - left <= 1, f"{case}: ({left}, {right}); share the zeros evenly")


def pool_gradient(X, dY, k, s, mode):
    """The gradient by PyTorch; for the maximum, where no two numbers of X are equal."""
    X = X.clone().requires_grad_()
    windows = X.unfold(0, k, s).unfold(1, k, s)
    if mode == "max":
        pooled = windows.amax((2, 3))
    else:
        pooled = windows.mean((2, 3)) if mode == "avg" else torch.linalg.norm(windows, dim=(2, 3))
    return torch.autograd.grad(pooled, X, dY)[0]


@exercise("23.5")
def pool_backward(answer) -> None:
    generator = torch.Generator().manual_seed(1)

    def found_for(X, dY, k, s, mode):
        kept = X.clone()
        found = values(without_autograd(answer, X, dY, k, s, mode))
        require(torch.equal(X, kept), "your function changes X")
        require(
            found.shape == X.shape,
            f"the gradient has the shape {tuple(found.shape)}, X has {tuple(X.shape)}",
        )
        return found

    def random_case(h, w, k, s, mode, below=0):
        X = torch.randperm(h * w, generator=generator).reshape(h, w).double() + 1 - below
        shape = (output_size(h, k, 0, s), output_size(w, k, 0, s))
        return X, torch.randn(shape, generator=generator, dtype=torch.float64), k, s, mode

    def right(case):
        return agree(found_for(*case), pool_gradient(*case))

    case = random_case(4, 6, 2, 2, "max")
    found, wanted = found_for(*case), pool_gradient(*case)
    require(
        not agree(found, (wanted != 0).double()),
        "the place is right, but dY says how much arrives there",
    )
    require(agree(found, wanted), "max, windows side by side: each dY goes to the largest number")
    require(
        right(random_case(4, 6, 2, 2, "max", below=100)),
        "max: a window may hold negative numbers only, and has a largest one all the same",
    )
    require(
        right(random_case(5, 7, 2, 2, "max")),
        "X of 5×7 with k = s = 2: the last row and column are read by no window",
    )
    require(
        right(random_case(7, 8, 2, 3, "max")),
        "k = 2, s = 3: window i begins at i · s, not at i · k",
    )
    for case in (random_case(5, 6, 3, 1, "max", 15), random_case(7, 8, 3, 2, "max", 28)):
        require(
            right(case),
            f"overlapping windows, k = 3, s = {case[3]}: a number that is the largest in several "
            "windows gets the sum",
        )
    tied = torch.tensor([[3.0, 3, 1, 2], [3, 0, 2, 2]], dtype=torch.float64)
    dY = torch.tensor([[6.0, 9.0]], dtype=torch.float64)
    found = found_for(tied, dY, 2, 2, "max")
    require(
        abs(float(found.sum()) - 15) < 1e-6,
        "in a tie the gradient is not multiplied: one dY for a window, in all",
    )
    wanted = torch.tensor([[6.0, 0, 0, 9], [0, 0, 0, 0]])
    require(
        agree(found, wanted), "in a tie the first number of the window, row by row, gets everything"
    )
    case = random_case(4, 6, 2, 2, "avg", 12)
    require(
        not agree(found_for(*case), 4 * pool_gradient(*case)),
        "avg: each dY is shared among the numbers of its window, not handed to all of them in full",
    )
    require(right(case), "avg: every number of a window has the same slope")
    require(right(random_case(7, 8, 3, 2, "avg", 28)), "avg, overlapping windows: add up")
    case = random_case(4, 6, 2, 2, "l2", 12)
    found, wanted = found_for(*case), pool_gradient(*case)
    require(
        not agree(found, wanted.abs() * found.sign()) or agree(found, wanted),
        "l2: mind the signs; a negative number has a negative slope",
    )
    require(agree(found, wanted), "l2: derive the root of a sum of squares by one of its numbers")
    require(right(random_case(7, 8, 3, 2, "l2", 28)), "l2, overlapping windows: add up")
    zeros = torch.zeros(2, 4, dtype=torch.float64)
    zeros[0, 2] = -2
    require(
        agree(found_for(zeros, dY, 2, 2, "l2"), torch.tensor([[0, 0, -9.0, 0], [0, 0, 0, 0]])),
        "l2: a window of zeros gets nothing, and 0/0 is NaN",
    )


Network = tuple[tuple[int, ...], list[tuple[Any, ...]]]  # input shape and layers
NETWORKS: tuple[Network, ...] = (
    ((1, 28, 28), [("conv", 20, 5, 0, 1), ("max", 2, 0, 2), ("flatten",), ("linear", 10)]),
    ((3, 33, 20), [("conv", 8, 3, 1, 2), ("conv", 5, 1, 0, 1), ("max", 3, 1, 2), ("global",)]),
    ((2, 9, 14), [("max", 3, 0, 1), ("conv", 4, 2, 1, 3), ("global",), ("flatten",)]),
    ((4, 6, 6), [("conv", 3, 6, 0, 1), ("flatten",), ("linear", 7), ("linear", 2)]),
    ((6,), [("linear", 3)]),
)
IMPOSSIBLE: tuple[tuple[tuple[int, ...], list[tuple[Any, ...]], str], ...] = (
    ((1, 8, 8), [("conv", 4, 9, 0, 1)], "a kernel of 9 fits nowhere on 8×8"),
    ((1, 8, 3), [("max", 4, 0, 1)], "a pool of 4 fits nowhere on 8×3"),
    ((1, 8, 8), [("max", 2, 2, 2)], "a pool of 2 takes padding up to 1"),
    ((1, 8, 8), [("linear", 10)], "a linear layer cannot read maps that are not flat"),
    (
        (1, 8, 8),
        [("flatten",), ("conv", 4, 3, 0, 1)],
        "behind flatten there are no maps to convolve",
    ),
)


def costs_of(layers, shape):
    """The costs by PyTorch, run on tensors without memory."""
    X, found = torch.zeros(1, *shape, device="meta"), []
    for kind, *numbers in layers:
        parameters = products = 0
        if kind == "conv":
            c_out, k, p, s = numbers
            K = torch.zeros(c_out, X.shape[1], k, k, device="meta")
            X = functional.conv2d(X, K, padding=p, stride=s)
            parameters, products = K.numel() + c_out, X.numel() * K[0].numel()
        elif kind == "max":
            X = functional.max_pool2d(X, numbers[0], numbers[2], numbers[1])
        elif kind == "global":
            X = X.mean((2, 3), keepdim=True)
        elif kind == "flatten":
            X = X.flatten(1)
        else:
            parameters, products = numbers[0] * (X.shape[1] + 1), numbers[0] * X.shape[1]
            X = torch.zeros(1, numbers[0], device="meta")
        found.append((tuple(X.shape[1:]), parameters, products))
    return found


@exercise("23.6")
def costs(answer) -> None:
    for shape, layers in NETWORKS:
        try:
            found = answer(list(layers), shape)
        except ValueError as error:
            require(False, f"{layers} on {shape} is possible, but you raise ValueError: {error}")
        require(
            isinstance(found, tuple | list) and len(found) == len(layers),
            f"{layers}: one tuple for each of the {len(layers)} layers is wanted",
        )
        before = shape
        for layer, got, wanted in zip(layers, found, costs_of(layers, shape), strict=True):
            where = f"{layer} on {before}"
            require(isinstance(got, tuple | list) and len(got) == 3, f"{where}: three answers")
            require(
                isinstance(got[0], tuple | list | torch.Size),
                f"{where}: the shape is a tuple, without the batch",
            )
            require(
                tuple(got[0]) == wanted[0],
                f"{where}: the output shape is not {tuple(got[0])}; think of "
                + ("all its numbers" if layer[0] == "flatten" else "channels, height, width"),
            )
            parameters = whole(got[1], where)
            require(
                parameters == wanted[1],
                f"{where}: not {parameters} parameters; "
                + (
                    "think of the biases, and of all input channels"
                    if wanted[1]
                    else "such a layer has nothing to learn"
                ),
            )
            products = whole(got[2], where)
            require(
                products == wanted[2],
                f"{where}: not {products} multiplications; "
                + (
                    "how many outputs are there, and how many inputs does each read?"
                    if wanted[2]
                    else "those of pooling and flattening do not count"
                ),
            )
            before = wanted[0]
    for shape, layers, why in IMPOSSIBLE:
        try:
            answer(list(layers), shape)
        except ValueError:
            continue
        require(False, f"{layers} on {shape}: {why}; raise ValueError")
