"""Checks of chapter 01, Tensors."""

import itertools

import torch

from ..devices import try_all_gpus
from .compare import values
from .registry import exercise, require


@exercise("01.1")
def shapes(answer) -> None:
    require(isinstance(answer, tuple) and len(answer) == 6, "five shapes and a number are wanted")
    *found, entries = answer
    require(
        all(isinstance(shape, tuple | list | torch.Size) for shape in found),
        "write each shape as a tuple, such as (5,) or (5, 7)",
    )
    index, slice_, transposed, cat, stack = (tuple(shape) for shape in found)
    require(len(index) == 2, "x[1]: a number as index removes its axis, so two axes are left")
    require(index == (3, 4), "x[1]: the number stands at the first axis, and that is the one to go")
    require(len(slice_) == 3, "x[:, 0:1]: a slice keeps its axis, even when one entry is left")
    require(slice_ == (2, 1, 4), "x[:, 0:1]: only the second axis is cut; how many from 0 to 1?")
    require(transposed == (4, 3, 2), "x.transpose(0, 2): exchange the first and the third size")
    require(len(cat) == 3, "cat joins along an axis that is there; how many axes has x?")
    require(cat != (4, 3, 4), "cat: dim=1 is the second axis, since counting begins at 0")
    require(cat == (2, 6, 4), "cat: along dim the sizes add up, the others stay")
    require(len(stack) == 4, "stack makes a new axis; how many has the result then?")
    require(stack != (2, 3, 4, 2), "stack: the new axis does not stand last; dim says where")
    require(
        stack == (2, 2, 3, 4),
        "stack: the new axis has one place for each tensor and stands where dim says",
    )
    require(entries == 48, "the number of entries is the product of the shape")


@exercise("01.2")
def numbers(answer) -> None:
    require(isinstance(answer, tuple | list) and len(answer) == 7, "seven answers are wanted")
    *entries, shape, dtype, seven = answer
    # Plain numbers: beside an entry of uint8, 260 would count as 4.
    found = [values(entry) for entry in entries]
    require(all(entry.numel() == 1 for entry in found), "the first four answers are numbers")
    quotient, cut, wrapped, rounded = (entry.item() for entry in found)
    require(quotient != -3, "-7 // 2: // rounds down, and which way is down from -3.5?")
    require(quotient == -4, "-7 // 2: -3.5, rounded down, is a whole number")
    require(cut == -3, "int() cuts off what stands behind the decimal point")
    require(wrapped not in (260, 255), "uint8 ends at 255, and does not stop there")
    require(wrapped == 4, "uint8: after 255 comes 0; count on from there")
    require(rounded != 16_777_217, "float32 has no room for this odd number: 24 binary digits")
    require(rounded in (16_777_216, 16_777_218), "float32 takes a neighbor of the number")
    require(rounded == 16_777_216, "float32: of two neighbors equally near it took the lower here")
    require(
        isinstance(shape, tuple | list | torch.Size), "write the shape as a tuple, such as (5, 7)"
    )
    require(tuple(shape) == (2, 5), "normal: the shape comes from the tensor of deviations")
    require(isinstance(dtype, torch.dtype), "write the dtype as in torch.int64, without quotes")
    require(dtype != torch.float32, "torch.tensor of an array keeps the array's dtype")
    require(dtype == torch.float64, "1.5 is a decimal; which is NumPy's default for those?")
    require(isinstance(seven, bool), "the last answer is True or False")
    require(seven is False, "randint(low, high, size): which of the two limits is excluded?")


@exercise("01.3")
def same_storage(answer) -> None:
    x = torch.arange(12.0).reshape(3, 4)
    before = x.clone()
    pairs = (
        (x, x, True, "a tensor and itself"),
        (x, x.view(12), True, "a tensor and a view of it: two objects, one storage"),
        (x, x.t(), True, "a tensor and its transpose"),
        (x, x[1:], True, "x and x[1:] share, although their first entries stand at two addresses"),
        (x[:1], x[2:], True, "x[:1] and x[2:] have no entry in common, but one row of memory"),
        (x, x.detach(), True, "detach() makes a new object, and copies nothing"),
        (x, x.clone(), False, "a clone has memory of its own, although the values are equal"),
        (x, x.t().contiguous(), False, "contiguous() of a transpose is a copy"),
        (torch.zeros(3), torch.zeros(3), False, "two tensors of zeros, made one after the other"),
    )
    for a, b, wanted, hint in pairs:
        found = answer(a, b)
        require(torch.equal(x, before), "your function changed a tensor that it was given")
        require(
            isinstance(found, bool),
            f"True or False is wanted, and your function returns {type(found).__name__}",
        )
        require(found is wanted, hint)


@exercise("01.4")
def brighten(answer) -> None:
    for entries, amount in (([0, 100, 250], 10), ([0, 100, 250], -120), ([3, 128, 255], 300)):
        picture = torch.tensor([entries, entries[::-1]], dtype=torch.uint8)
        before = picture.clone()
        found = answer(picture, amount)
        require(isinstance(found, torch.Tensor), "return the new picture: is there a `return`?")
        require(torch.equal(picture, before), "the picture that was given has changed")
        require(found.shape == picture.shape, "the new picture should have the shape of the old")
        wanted = [[min(255, max(0, value + amount)) for value in row] for row in before.tolist()]
        wrapped = [[(value + amount) % 256 for value in row] for row in before.tolist()]
        require(
            found.tolist() != wrapped or wanted == wrapped,
            f"{entries} with {amount:+} wraps around: "
            + ("add in a dtype with more room" if amount > 0 else "black should stay black"),
        )
        require(
            found.dtype == torch.uint8,
            f"the new picture has dtype {found.dtype}; a picture has one byte for each entry",
        )
        require(
            found.tolist() == wanted,
            f"{entries} with {amount:+} became {found[0].tolist()}: where must the values stop, "
            "and in which dtype are they when you cut them off?",
        )
    picture = torch.full((2,), 7, dtype=torch.uint8)
    answer(picture, 0).fill_(0)
    require(
        picture.tolist() == [7, 7],
        "with an amount of 0 your result is the given picture itself, not a new one",
    )


@exercise("01.5")
def with_ones(answer) -> None:
    for n, d in ((3, 2), (2, 3), (1, 1)):
        X = torch.arange(n * d, dtype=torch.float32).reshape(n, d) + 2
        before = X.clone()
        found = answer(X)
        require(isinstance(found, torch.Tensor), "return the matrix: is there a `return`?")
        require(torch.equal(X, before), "your function changed X")
        require(
            tuple(found.shape) == (n, d + 1),
            f"X of shape {(n, d)} became {tuple(found.shape)}: one column more, as many rows",
        )
        require(
            torch.equal(found[:, :d], X),
            "the columns of X should stay where they are: the ones come at the right",
        )
        require(bool((found[:, d] == 1).all()), "the last column should hold ones")
    for dtype in (torch.int64, torch.float64, torch.float16, torch.uint8, torch.bool):
        X = torch.tensor([[0, 3], [5, 0]]).to(dtype)
        try:
            found = answer(X)
        except (RuntimeError, ZeroDivisionError):
            require(False, f"for X of {dtype} it fails: how are your ones made?")
        require(
            found.dtype == dtype,
            f"for X of {dtype} the result has {found.dtype}: what dtype do your ones have?",
        )
        require(
            torch.equal(found[:, :2], X) and bool((found[:, 2] == 1).all()),
            f"for X = {X.tolist()} of {dtype} the result is {found.tolist()}: are your ones "
            "computed from what stands in X?",
        )
    X = torch.full((2, 1), float("inf"))
    require(
        answer(X).tolist() == [[float("inf"), 1.0]] * 2,
        "where X is infinite your ones are no ones: they are computed from what stands in X",
    )
    for device in (torch.device("meta"), *try_all_gpus()):
        try:
            found = answer(torch.zeros(2, 2, device=device))
        except (RuntimeError, NotImplementedError, TypeError):
            require(False, f"for X on the device {device} it fails: where are your ones made?")
        require(
            found.device == device,
            f"for X on the device {device} the result is on {found.device}",
        )


@exercise("01.6")
def strided(answer) -> None:
    for shape in ((), (3,), (2, 3), (2, 3, 4), (2, 1, 3, 2)):
        model = torch.arange(torch.Size(shape).numel()).reshape(shape)
        views: list[tuple[str, torch.Tensor, list]] = [(f"shape {shape}", model, [])]
        for a, b in itertools.combinations(range(len(shape)), 2):
            turned = model.transpose(a, b)
            views.append((f"shape {shape}, transpose({a}, {b})", turned, [("transpose", a, b)]))
        for axis, size in enumerate(shape):
            for index in sorted({0, size // 2, size - 1}):
                chosen = model.select(axis, index)
                steps = [("select", axis, index)]
                views.append((f"shape {shape}, select({axis}, {index})", chosen, steps))
        # Shapes first: where they are wrong, tolist() may never end.
        for compare in (_same_shape, _same_entries):
            for what, view, steps in views:
                compare(answer, model, steps, view, what)
    model = torch.arange(24).reshape(2, 3, 4)
    steps = [("transpose", 0, 2), ("select", 1, 2), ("transpose", 0, 1)]
    view = model.transpose(0, 2).select(1, 2).t()
    _same_entries(answer, model, steps, view, "transpose, select and transpose in a row")
    repeated = torch.arange(3).expand(2, 3)
    _same_entries(answer, repeated, [], repeated, "a stride of 0")
    gaps = torch.arange(12).reshape(3, 4)[:, :2]
    _same_entries(answer, gaps, [], gaps, "rows with gaps between them")


def _own(strided, model: torch.Tensor, steps):
    """The reader's object on the model's memory after the steps, and its list.

    The list begins with two places that nobody should read.
    """
    row = model.as_strided((model.untyped_storage().nbytes() // model.itemsize,), (1,), 0)
    memory = [-1, -2, *row.tolist()]
    own = strided(memory, tuple(model.shape), model.stride(), 2 + model.storage_offset())
    for method, *arguments in steps:
        before = _described(own)
        new = getattr(own, method)(*arguments)
        require(
            new is not own and _described(own) == before,
            f"{method} changed the object that it was called on; make a new Strided and return it",
        )
        own = new
    return own, memory


def _described(own) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    return tuple(own.shape), tuple(own.stride), own.offset


def _same_shape(strided, model: torch.Tensor, steps, view: torch.Tensor, what: str) -> None:
    own, _ = _own(strided, model, steps)
    require(isinstance(own, strided), f"{what}: a Strided is wanted, not {type(own).__name__}")
    require(
        tuple(own.shape) == tuple(view.shape),
        f"{what}: the shape is {tuple(own.shape)}, PyTorch's is {tuple(view.shape)}",
    )
    require(
        len(own.stride) == view.dim(),
        f"{what}: number of strides {len(own.stride)}, number of axes {view.dim()}",
    )


def _same_entries(strided, model: torch.Tensor, steps, view: torch.Tensor, what: str) -> None:
    own, memory = _own(strided, model, steps)
    try:
        found = own.tolist()
    except IndexError:
        require(False, f"{what}: tolist() looks for a place that the list does not have")
    require(
        found == view.tolist(),
        f"{what}: tolist() differs from PyTorch's; begin at the offset, and look at the strides",
    )
    hint = "Which stride should the last axis have, and what does that make the one before it?"
    if 1 in view.shape:
        hint = "Nobody ever takes a step along an axis of size 1: does its stride matter?"
    require(
        own.is_contiguous() is view.is_contiguous(),
        f"{what} with stride {view.stride()}: is_contiguous() should be {view.is_contiguous()}. "
        + hint,
    )
    memory[2:] = [entry + 100 for entry in memory[2:]]
    require(
        own.tolist() == (view + 100).tolist(),
        f"{what}: the list has changed, and tolist() shows old numbers; who made a copy?",
    )
