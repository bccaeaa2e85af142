"""Checks of chapter 22, Convolution."""

import contextlib
from unittest import mock

import torch
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from .compare import agree, number, values, without_autograd
from .registry import Wrong, exercise, require


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def correlation(X, K):
    """Cross-correlation of two float64 matrices."""
    return functional.conv2d(X[None, None], K[None, None])[0, 0]


@exercise("22.1")
def sizes(answer) -> None:
    require(isinstance(answer, tuple | list) and len(answer) == 3, "three answers are wanted")
    shape, parameters, layers = answer
    shape = values(shape).flatten().tolist()
    require(len(shape) == 2, "the shape: two sizes are wanted, rows and columns")
    require(shape != [58, 94], "the shape: rows first")
    require(shape != [93, 57], "the shape: the window also starts at pixel 0; count the starts")
    require(
        shape != [98, 54], "the shape: the kernel has 7 rows and 3 columns, not the other way round"
    )
    require(shape != [100, 60], "the shape: without padding the output is smaller than the image")
    require(shape == [94, 58], "the shape: n − k + 1 along each axis")
    parameters, layers = number(parameters, "parameters"), number(layers, "layers")
    require(parameters != 336, "parameters: each map has a bias as well")
    require(parameters != 337, "parameters: each map has a bias of its own")
    require(
        parameters < 10_000, "parameters: the kernel is shared; outputs do not multiply the weights"
    )
    require(parameters == 352, "parameters: 16 kernels of 7 × 3 weights, each with a bias")
    require(layers != 5, "layers: windows overlap; the second layer of 3 × 3 sees 5 × 5, not 9 × 9")
    require(layers != 8, "layers: the first layer sees 3, not 1; with none you would see 1")
    require(layers == 7, "layers: each adds 2 to the receptive field, which is 1 without any layer")


@exercise("22.2")
def moved_and_taken_apart(answer) -> None:
    require(isinstance(answer, tuple | list) and len(answer) == 4, "four answers are wanted")
    where, column, row, matrix = answer
    where = values(where).flatten().tolist()
    require(len(where) == 2, "where: a row and a column are wanted")
    require(where != [10, 20], "where: the kernel does not move, but the map does")
    require(where != [7, 25], "where: the map moves the same way as the image, not against it")
    require(where == [13, 15], "where: 3 down means that the row grows by 3")
    column, row = values(column).flatten(), values(row).flatten()
    require(len(column) == 3 and len(row) == 2, "column and row: three weights and two are wanted")
    K = torch.tensor([[2.0, -4], [0, 0], [1, -2]], dtype=torch.float64)
    found = torch.outer(column, row)
    require(not agree(found, -K), "column and row: their products have the wrong sign")
    require(
        agree(found, K),
        f"column and row: their products are {found.tolist()}; each row of the kernel must be the "
        "row times one weight of the column",
    )
    matrix = values(matrix).flatten().tolist()
    require(len(matrix) == 3, "matrix: rows, columns and the number of other entries than 0")
    rows, columns, entries = matrix
    require((rows, columns) != (30, 16), "matrix: y = Mx, so M has a column for each pixel")
    require(columns == 30, "matrix: each pixel of the image has a column")
    require(rows == 16, "matrix: each output has a row; how many outputs are there?")
    require(entries != 6, "matrix: the six weights stand in each row again")
    require(entries != 480, "matrix: an output sees only its window, not all pixels")
    require(entries == 96, "matrix: each row holds the weights of one window")


def kernel_3x3(answer, name):
    """A 3 × 3 kernel as a float64 tensor."""
    kernel = values(answer)
    require(
        kernel.shape == (3, 3),
        f"{name}: a kernel of 3 × 3 is wanted, yours has the shape {tuple(kernel.shape)}",
    )
    require(bool(kernel.isfinite().all()), f"{name}: all weights must be finite")
    return kernel


@exercise("22.3")
def designed(answer) -> None:
    require(isinstance(answer, tuple | list) and len(answer) == 3, "three kernels are wanted")
    names = ("left", "motion", "flat")
    left, motion, flat = map(kernel_3x3, answer, names)
    X = torch.rand(9, 11, generator=seeded(1), dtype=torch.float64)
    centers = X[1:-1, 1:-1]  # what the identity gives

    Y = correlation(X, left)
    require(
        not agree(Y, X[1:-1, :-2]),
        "left: your picture moves to the right: each output takes its left neighbor",
    )
    require(not agree(Y, X[2:, 1:-1]), "left: your picture moves up")
    require(not agree(Y, X[:-2, 1:-1]), "left: your picture moves down")
    require(not agree(Y, centers), "left: that is the identity; nothing moves")
    require(agree(Y, X[1:-1, 2:]), "left: each output must be the pixel to the right of the center")

    Y = correlation(X, motion)
    rising = (X[2:, :-2] + centers + X[:-2, 2:]) / 3
    falling = (X[:-2, :-2] + centers + X[2:, 2:]) / 3
    require(not agree(Y, rising), "motion: that diagonal rises; falling is from upper left")
    require(not agree(Y, 3 * falling), "motion: that is the sum of three pixels, not their mean")
    require(agree(Y, falling), "motion: a third of each of three pixels, from upper left")

    even = torch.rand(1, 11, generator=seeded(2), dtype=torch.float64).expand(9, -1)
    ramp = torch.arange(9.0, dtype=torch.float64)[:, None].expand(-1, 11)
    slope = correlation(ramp, flat)
    require(
        agree(correlation(even, flat), torch.zeros(7, 9, dtype=torch.float64), atol=1e-6),
        "flat: on an image whose rows are all equal your kernel does not give 0; does it look "
        "for upright edges?",
    )
    require(not agree(slope, -torch.ones_like(slope)), "flat: yours is −1 where it should be 1")
    first = float(slope[0, 0])
    require(
        agree(slope, torch.ones_like(slope)),
        f"flat: on the image with brightness i in row i yours gives {first:.3g}, wanted 1; from "
        "the first to the last row of a window brightness grows by 2",
    )
    require(
        agree(flat[1], torch.zeros(3)), "flat: the middle row is not among the six weights to use"
    )
    require(
        agree(flat[0], flat[0, :1].expand(3)) and agree(flat[2], flat[2, :1].expand(3)),
        "flat: the three weights of a row should be equal",
    )


@exercise("22.4")
def receptive_field(answer) -> None:
    cases: tuple[tuple[list[int], list[int]], ...] = (
        ([3], [1]),
        ([3, 3], [1, 1]),
        ([5, 3, 2], [1, 1, 1]),
        ([3, 3, 5], [1, 2, 1]),
        ([7, 3, 3, 1, 3], [2, 2, 1, 3, 2]),
        ([], []),
    )
    for kernel_sizes, strides in cases:
        found = answer(list(kernel_sizes), list(strides))
        require(found is not None and values(found).numel() == 1, "return one number of pixels")
        case = f"kernels {kernel_sizes}, strides {strides}"
        sums = {"seen": 1, "late": 1, "none": 1, "product": 1}
        step, after = 1, 1
        for k, stride in zip(kernel_sizes, strides, strict=True):
            after *= stride
            sums["seen"] += (k - 1) * step
            sums["late"] += (k - 1) * after
            sums["none"] += k - 1
            sums["product"] *= k
            step *= stride
        have, want = values(found).item(), sums["seen"]
        if have == want:
            continue
        require(
            bool(kernel_sizes), f"{case}: without a layer an output is a pixel, and sees 1, not "
            f"{have:g}"
        )  # fmt: skip
        require(
            have != want - 1,
            f"{case}: you say {have:g}; an output sees itself as well: begin with 1",
        )
        require(
            have not in (sum(kernel_sizes), 1 + sum(kernel_sizes)),
            f"{case}: windows overlap; a layer adds k − 1, not k",
        )
        require(have != sums["product"], f"{case}: windows overlap; sizes do not multiply")
        require(have != sums["none"], f"{case}: a stride spreads the windows of all later layers")
        require(
            have != sums["late"],
            f"{case}: a layer's stride spreads the layers *behind* it, not its own window",
        )
        raise Wrong(
            f"{case}: you say {have:g}; autograd measures another number from the first pixel "
            "that is seen to the last"
        )


@exercise("22.5")
def gradients(answer) -> None:
    for seed, (image, kernel) in enumerate((((5, 6), (2, 3)), ((4, 4), (3, 3)), ((6, 3), (1, 2)))):
        X = torch.randn(image, generator=seeded(seed), dtype=torch.float64)
        K = torch.randn(kernel, generator=seeded(seed + 10), dtype=torch.float64)
        Y = correlation(X, K)
        G = torch.randn(Y.shape, generator=seeded(seed + 20), dtype=torch.float64)
        copies = X.clone(), K.clone(), G.clone()
        found = without_autograd(answer, *copies)
        require(
            isinstance(found, tuple | list) and len(found) == 3,
            "three gradients are wanted: those of X, of K and of the bias b",
        )
        for copy, given in zip(copies, (X, K, G), strict=True):
            require(torch.equal(copy, given), "X, K and G must stay as they are")
        case = f"image {image}, kernel {kernel}"
        for_X, for_K = values(found[0]), values(found[1])
        for_b = number(found[2], "gradient of b")
        require(
            not (for_X.shape == kernel and for_K.shape == image),
            f"{case}: the gradient of X comes first",
        )
        require(
            for_K.shape == kernel,
            f"{case}: the gradient of K has the shape of K, yours is {tuple(for_K.shape)}",
        )
        wanted = correlation(X, G)
        require(not agree(for_K, wanted.flip(0, 1)), f"{case}: for K nothing is flipped, yours is")
        require(
            agree(for_K, wanted),
            f"{case}: your gradient of K is wrong; which pixel does K[a, b] meet in output (i, j)?",
        )
        require(
            for_X.shape == image,
            f"{case}: the gradient of X has the shape of X, yours is {tuple(for_X.shape)}; pad G "
            "with zeros, since at a corner only one output sees the pixel",
        )
        padding = (kernel[0] - 1, kernel[1] - 1)
        padded = functional.pad(G, (padding[1], padding[1], padding[0], padding[0]))
        wanted = correlation(padded, K.flip(0, 1))
        require(
            not agree(for_X, correlation(padded, K)) or agree(wanted, correlation(padded, K)),
            f"{case}: your gradient of X lacks the flip: in G the indices fall as a and b grow",
        )
        require(agree(for_X, wanted), f"{case}: your gradient of X is wrong")
        require(not agree(for_b, G.mean()), f"{case}: for b the outputs' gradients add up, no mean")
        require(agree(for_b, G.sum()), f"{case}: b stands in each output; its gradients add up")


@exercise("22.6")
def taught_kernel(answer) -> None:
    generator = seeded(6)
    noise = torch.rand(9, 8, generator=generator, dtype=torch.float64)
    stripes = torch.ones(6, 9, dtype=torch.float64)
    stripes[:, 3:6] = 0
    ramp = torch.arange(7.0, dtype=torch.float64)[:, None].expand(-1, 8).clone()
    cases = (
        ("a random image", noise, 3, 9),
        ("a random image", noise, 2, 4),
        ("a pale image, nearly even", 0.9 + noise / 20, 3, 9),
        ("a flat random image", noise[:3], 2, 4),
        ("an even image", torch.full((6, 7), 0.5, dtype=torch.float64), 1, 1),
        ("an even image", torch.full((6, 7), 0.5, dtype=torch.float64), 3, 1),
        ("upright stripes", stripes, 3, 3),
        ("a ramp", ramp, 3, 2),
        ("a random image of 4 × 4", noise[:4, :4].clone(), 3, 4),
    )
    for name, X, k, rank in cases:
        K = torch.randn(k, k, generator=generator, dtype=torch.float64)
        Y = correlation(X, K)
        copies = X.clone(), Y.clone()
        found = answer(*copies, k)
        case = f"{name}, k = {k}"
        require(
            torch.equal(copies[0], X) and torch.equal(copies[1], Y), "X and Y must stay as they are"
        )
        if rank < k * k:
            require(
                found is None,
                f"{case}: yours may fit, but so do others; the window matrix has the rank {rank}, "
                f"and there are {k * k} weights to find",
            )
            continue
        require(
            found is not None,
            f"{case}: you return None, but only one kernel fits: the window matrix W has the rank "
            f"{rank}, which is k²",
        )
        kernel = values(found)
        require(
            kernel.shape == (k, k),
            f"{case}: wanted is the shape ({k}, {k}), yours is {tuple(kernel.shape)}",
        )
        turned = (K.T, K.flip(0, 1), K.flip(0, 1).T)
        require(
            k == 1 or not any(agree(kernel, other, atol=1e-6) for other in turned),
            f"{case}: right weights in wrong places; corr2d does not flip",
        )
        off = float((kernel - K).abs().max())
        require(
            agree(kernel, K, atol=1e-6),
            f"{case}: your kernel is off by up to {off:.2g}; is W times your weights equal to Y, "
            "to the sixth digit?",
        )


class Watch(TorchDispatchMode):
    """Counts the numbers that tensor operations read and write, and remembers their names.

    A view costs nothing by itself. What reads it pays for each of its numbers, however often they
    are the same one in memory: so a mean over all windows costs k² numbers a window.
    """

    @classmethod
    def _should_skip_dynamo(cls):
        return False  # else PyTorch imports its compiler at the first use, which takes seconds

    def __init__(self):
        super().__init__()
        self.names, self.cost = [], 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        self.names.append(func.overloadpacket.__name__)
        if not func.is_view:
            self.cost += sum(map(size, [*args, *(kwargs or {}).values(), out]))
        return out


def size(part):
    """The numbers in a tensor, or in a list of tensors."""
    if isinstance(part, tuple | list):
        return sum(map(size, part))
    return part.numel() if isinstance(part, torch.Tensor) else 0


LEAVES = ("numpy", "tolist", "item", "data_ptr", "storage", "untyped_storage",
          "__array__", "__dlpack__", "__float__", "__int__")  # fmt: skip
FORBIDDEN = ("conv", "pool", "mm", "bmm", "matmul", "einsum", "im2col", "fft", "mv")


@contextlib.contextmanager
def numbers_stay_in_tensors():
    """Within it, Wrong is raised when numbers leave their tensors, to where none can be counted."""

    def refuse(name):
        def refused(*args, **kwargs):
            short = name.strip("_")
            raise Wrong(f"work on tensors to the end: {short} takes the numbers out of them")

        return refused

    with contextlib.ExitStack() as stack:
        for name in LEAVES:
            stack.enter_context(mock.patch.object(torch.Tensor, name, refuse(name)))
        yield


@exercise("22.7")
def box_blur(answer) -> None:
    small = ((12, 9, 3), (12, 9, 1), (8, 8, 8), (5, 12, 2), (12, 9, 7))
    large = tuple((60, 48, k) for k in (2, 8, 20))  # one image, so that only k differs
    costs = {}
    for rows, columns, k in (*small, *large):
        X = torch.rand(rows, columns, generator=seeded(rows), dtype=torch.float64)
        given = X.clone()
        with numbers_stay_in_tensors(), Watch() as watch:
            found = answer(given, k)
        case = f"{rows} × {columns} pixels, k = {k}"
        require(isinstance(found, torch.Tensor), "return a tensor")
        shape = (rows - k + 1, columns - k + 1)
        require(
            found.shape == shape,
            f"{case}: wanted is the shape {shape}, yours is {tuple(found.shape)}; a running sum "
            "has one entry more than there are numbers: it begins with 0",
        )
        wanted = correlation(X, torch.ones(k, k, dtype=torch.float64) / k**2)
        require(
            not agree(found, wanted * k**2, atol=1e-4) or k == 1,
            f"{case}: those are sums; a blur takes means",
        )
        require(
            not agree(found, wanted * k, atol=1e-4) or k == 1, f"{case}: a window has k² pixels"
        )
        require(agree(found, wanted, atol=1e-4), f"{case}: these are not the means of the windows")
        require(torch.equal(given, X), "the image that is handed in must stay as it is")
        used = [name for name in watch.names if any(word in name for word in FORBIDDEN)]
        require(not used, f"right, but {used[0] if used else ''} is not allowed here")
        if (rows, columns, k) in large:
            costs[k] = watch.cost
    for k in (8, 20):
        require(
            costs[k] <= 1.25 * costs[2],
            f"right, but on 60 × 48 pixels your operations read and write {costs[2]:,} numbers for "
            f"k = 2 and {costs[k]:,} for k = {k}; the cost must not depend on k",
        )
