"""Checks of chapter 02, Broadcasting and reductions."""

from __future__ import annotations

import itertools
import math
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from .compare import agree, values
from .registry import Wrong, exercise, require

_NAMES = "abcdef"
_SHAPES = ((4, 3), None, (5, 4, 3), (4, 6), (4, 5), (500, 700))
_HINTS = (
    "a row is repeated downwards, a column to the right; which is which here?",
    "align the shapes at the right: which two sizes stand on the last axis?",
    "align at the right, and give the missing axis of (4, 3) the size 1",
    "the axis that is named disappears; the others stay, in their order",
    "cumsum reports the sum after each step, so does an axis disappear?",
    "expand is told the sizes of the result",
)


@exercise("02.1")
def predicted_shapes(answer) -> None:
    require(isinstance(answer, tuple | list) and len(answer) == 8, "eight answers are wanted")
    for name, found, wanted, hint in zip(_NAMES, answer, _SHAPES, _HINTS, strict=False):
        require(
            found is None or isinstance(found, tuple | list | torch.Size),
            f"{name}: write a tuple, such as (5, 7) or (5,), or None where PyTorch refuses",
        )
        same = found is None if wanted is None else found is not None and tuple(found) == wanted
        require(same, f"{name} is not {found}: {hint}")
    largest, count = answer[6:]
    for name, found in (("largest_of_e", largest), ("bytes_of_f", count)):
        require(isinstance(found, int | float), f"{name} is a number, not {found!r}")
    require(largest != 5, "the largest entry of e: how many rows does axis 0 pass through?")
    require(largest != 1, "the largest entry of e: ones are summed up, step by step")
    require(largest != 20, "the largest entry of e: each column is summed up by itself")
    require(largest == 4, "the largest entry of e stands at the end of each sum along axis 0")
    require(count != 4 * 500 * 700, "that is what repeat would need; which strides has the view?")
    require(count != 500, "that is how many numbers are stored; how many bytes has a float32?")
    require(count == 4 * 500, "the bytes are those of the numbers in memory, 4 for each")


@exercise("02.2")
def scale_rows(answer) -> None:
    cases = (
        [[1.0, -4.0], [3.0, 2.0]],
        [[1.0, -2.0, 4.0], [-5.0, 10.0, 0.0]],
        [[8.0], [-2.0], [0.5]],
        [[-3.0, -6.0, -1.0], [2.0, 1.0, 0.5], [-9.0, 3.0, 3.0]],
    )
    for rows in cases:
        X = torch.tensor(rows)
        found = answer(X.clone())
        require(isinstance(found, torch.Tensor), "return a tensor, the scaled matrix")
        require(
            found.shape == X.shape,
            f"a matrix of shape {tuple(X.shape)} became one of shape {tuple(found.shape)}",
        )
        require(
            X.shape[1] == 1 or not agree(found, X / X.abs().max()),
            "that divides all by the largest entry of the matrix; each row has one of its own",
        )
        require(
            not agree(found, X / X.abs().amax(0))
            or agree(found, X / X.abs().amax(1, keepdim=True)),
            "each column now has a largest entry of 1: the axis that you name disappears",
        )
        if X.shape[0] == X.shape[1]:
            require(
                not agree(found, X / X.abs().amax(1)),
                "a square matrix was divided column by column: where did the axis go?",
            )
        wanted = torch.tensor([[x / max(map(abs, row)) for x in row] for row in rows])
        signed = torch.tensor([[x / max(row) if max(row) else x for x in row] for row in rows])
        require(
            agree(found, wanted) or not agree(found, signed),
            "the largest entry in size may be negative, such as -4 beside 1",
        )
        for row, scaled, other in zip(rows, wanted, values(found), strict=True):
            became = f"the row {row} became {[round(x, 3) for x in other.tolist()]}"
            require(agree(other.abs(), scaled.abs()), became)
            require(agree(other, scaled), f"{became}: the signs must stay as they were")


@exercise("02.3")
def result_shape(answer) -> None:
    def found(a, b):
        result = answer(a, b)
        require(
            result is None or isinstance(result, tuple | list),
            f"wanted a tuple or None, got {type(result).__name__}",
        )
        return None if result is None else tuple(result)

    def case(a, b, hint):
        wanted = _broadcast(a, b)
        result = found(a, b)
        require(result == wanted, f"{a} and {b} give {wanted}, not {result}: {hint}")

    case((2, 3), (2, 3), "equal sizes stay as they are")
    case((3, 1), (1, 2), "a size of 1 becomes the other size")
    case((3, 2), (3,), "aligned at the right, 2 meets 3; they differ, and neither is 1")
    case((4, 2), (2, 2), "only 1 is stretched, not a size that divides the other")
    case((3, 1), (2,), "align at the right; the axis that is missing acts like 1")
    case((2,), (3, 1), "the shorter shape may be the first one")
    case((), (3, 2), "a scalar has no axis, and fits everything")
    case((0, 3), (1,), "1 is stretched to the other size, also when that is smaller")
    case((0,), (2,), "0 and 2 differ, and neither is 1")
    shapes = [s for order in range(4) for s in itertools.product((0, 1, 2, 3), repeat=order)]
    for a, b in itertools.product(shapes[::3], shapes[::2]):
        case(a, b, "go through the rule axis by axis, from the right")
    huge = 2**70
    try:
        # The one library function that would not mind this size.
        with mock.patch.object(torch, "broadcast_shapes", side_effect=OverflowError):
            result = found((huge, 1), (3,))
    except Wrong:
        raise
    except Exception:
        result = None
    require(
        result == (huge, 3),
        "for the shapes (2**70, 1) and (3,) your function fails: tensors and library functions "
        "know no size beyond 2**63, the rule does. Write it yourself, in plain Python",
    )


def _broadcast(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...] | None:
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        return None


@exercise("02.4")
def safe_loss(answer) -> None:
    generator = torch.Generator().manual_seed(0)
    for left, right in (
        ((5,), (5,)), ((5, 1), (5,)), ((5,), (5, 1)), ((1, 5), (5, 1)), ((2, 3), (2, 3)),
        ((2, 3, 1), (2, 3)), ((1,), ()),
    ):  # fmt: skip
        y_hat, y = (torch.randn(shape, generator=generator) for shape in (left, right))
        try:
            found = answer(y_hat, y)
        except ValueError as error:
            require(False, f"shapes {left} and {right} should match in order; you raised {error}")
        require(isinstance(found, torch.Tensor), "return a tensor with one number")
        require(
            found.numel() == 1,
            f"for shapes {left} and {right} you return {found.numel()} numbers, wanted their mean",
        )
        squares = (y_hat.flatten() - y.flatten()) ** 2
        broadcast = (y_hat - y) ** 2 if _broadcast(left, right) else squares
        require(
            left == right
            or broadcast.numel() == squares.numel()
            or not agree(found.flatten(), broadcast.mean().flatten()),
            f"with shapes {left} and {right} every prediction met every label",
        )
        require(
            squares.numel() == 1 or not agree(found.flatten(), squares.sum().flatten()),
            "that is the sum of the squared differences, not their mean",
        )
        require(
            agree(found.flatten(), squares.mean().flatten()),
            f"for shapes {left} and {right} the mean squared difference is "
            f"{squares.mean():.4f}, you return {found.item():.4f}",
        )
    # A loss that is no result of tensor operations cannot be trained with (chapter 06).
    y_hat, y = (torch.randn(4, generator=generator) for _ in range(2))
    try:
        kept = answer(y_hat.requires_grad_(), y).requires_grad
    except Exception:  # numpy(), for instance, is refused
        kept = False
    require(
        kept,
        "the value is right. But return what the operations on the tensors give, not a number that "
        "was taken out of them (by item(), numpy() or torch.tensor(), say)",
    )
    for left, right in (
        ((2, 3), (3, 2)),
        ((6,), (2, 3)),
        ((5,), (4,)),
        ((5, 1), (4,)),
        ((5,), (1,)),
    ):
        try:
            answer(torch.zeros(left), torch.zeros(right))
        except ValueError as error:
            said = str(error)
        except RuntimeError:
            require(False, f"shapes {left} and {right} should raise a ValueError of yours")
        else:
            same = math.prod(left) == math.prod(right)
            require(not same, f"shapes {left} and {right} passed: equal counts are not enough")
            require(False, f"shapes {left} and {right} passed; they should raise a ValueError")
        for shape in (left, right):
            require(
                str(shape) in said or str(list(shape)) in said,
                f"your message does not name the shape {shape}: {said}",
            )


_WAYS_OUT = ("numpy", "tolist", "item", "__array__", "__dlpack__", "__float__")


class _Watch(TorchFunctionMode):
    """Counts operations and the entries of the largest tensor that is made.

    `left_by` names the first call that took decimals out of a tensor, where nothing is counted.
    Indices may leave: a list of them is one way to collect the result.
    """

    def __init__(self, *given: torch.Tensor) -> None:
        super().__init__()
        self._given = {tensor.untyped_storage().data_ptr() for tensor in given}
        self.operations = self.largest = 0
        self.left_by = ""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in _WAYS_OUT and args[0].is_floating_point():
            self.left_by = self.left_by or name
        result = func(*args, **(kwargs or {}))
        self.operations += 1
        for tensor in result if isinstance(result, tuple | list) else (result,):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if storage.data_ptr() not in self._given:  # a view of what was given is free
                    entries = storage.nbytes() // max(1, tensor.element_size())
                    self.largest = max(self.largest, entries)
        return result


@exercise("02.5")
def nearest(answer) -> None:
    generator = torch.Generator().manual_seed(0)
    for n, k, d, most in ((203, 5, 2, 500), (200, 7, 3, 210), (6, 2, 3, 1000), (50, 1, 4, 50)):
        centers = 10 * torch.randn(k, d, generator=generator, dtype=torch.float64)
        labels = torch.randint(0, k, (n,), generator=generator)
        points = centers[labels] + torch.randn(n, d, generator=generator, dtype=torch.float64)
        wanted = torch.cdist(points, centers).argmin(1)
        watch = _Watch(points, centers)
        with watch:
            found = answer(points, centers, most)
        where = f"with n = {n}, k = {k}, d = {d} and most = {most}"
        require(
            not watch.left_by,
            f"numbers left the tensors by {watch.left_by}: compare points and centers with tensor "
            "operations alone",
        )
        require(isinstance(found, torch.Tensor), "return a tensor of n indices")
        require(
            tuple(found.shape) == (n,),
            f"{where} the result has the shape {tuple(found.shape)}: one index for each point is "
            "wanted; which axis should disappear when you look for the nearest center?",
        )
        require(
            not found.is_floating_point(),
            "return the places of the nearest centers, not the distances: what is the second "
            "thing that min along an axis returns?",
        )
        far = torch.cdist(points, centers).argmax(1)
        require(k == 1 or not agree(found, far), "these are the farthest centers")
        wrong = (found != wanted).nonzero().flatten().tolist()
        rows = most // (k * d)
        require(
            not wrong or not n % rows or min(wrong) < n - n % rows,
            f"{where} only the last points are wrong: the last slice may be shorter",
        )
        require(not wrong, f"{where} {len(wrong)} of {n} points have another center that is nearer")
        require(
            watch.largest <= most,
            f"{where} you made a tensor of {watch.largest} entries: work on fewer points at a time",
        )
        slices = math.ceil(n / rows)
        require(
            watch.operations <= 15 * slices + 30,
            f"{where} you needed {watch.operations} operations, and {slices} slices would do: "
            "let broadcasting compare a whole slice with all centers",
        )
