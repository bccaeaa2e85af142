"""Checks of chapter 06, Automatic differentiation."""

import math
from typing import Any

import torch

from .compare import agree, values
from .registry import exercise, require


@exercise("06.1")
def four_gradients(answer) -> None:
    require(isinstance(answer, tuple) and len(answer) == 4, "four answers are wanted")
    a, b, c, d = (values(part) for part in answer)
    for name, part in (("A", a), ("B", b), ("C", c)):
        require(part.numel() == 1, f"{name} is one number")
    require(a != 27, "A: that is the second gradient alone; what does backward() do to .grad?")
    require(a != 6, "A: that is the first gradient alone; the second arrives later")
    require(a == 33, "A: find the derivatives of x² and x³ at 3; how do they end up in one .grad?")
    require(b != 6, "B: u is detached, so it does not move when x does; that leaves a line in x")
    require(b == 3, "B: for backward() u is a constant; what is the slope of u times x?")
    require(c != 27, "C: that is the derivative of x³, but inside no_grad nothing was recorded")
    require(c == 9, "C: u was made without a record, so it is a constant: which number?")
    require(d.shape == (2,), "D: x has two entries, and so has its gradient")
    require(d.tolist() != [2, 4], "D: those are the derivatives 2x; what do the weights do?")
    require(d.tolist() == [2, 40], "D: each output has its own weight and its own derivative 2x")


@exercise("06.2")
def right_raises_or_wrong(answer) -> None:
    require(isinstance(answer, tuple | list) and len(answer) == 7, "seven answers are wanted")
    for name, given in zip("ABCDEFG", answer, strict=True):
        require(
            given in ("right", "raises", "wrong"),
            f'{name}: answer "right", "raises" or "wrong"',
        )
    wanted = {
        "A": ("wrong", "exp keeps its result; does anything count a change through .data?"),
        "B": ("raises", "exp keeps its result; what happens to its version here?"),
        "C": ("right", "does adding 1 need any number on the way back?"),
        "D": ("wrong", "how many ways lead from the product back to w, once item() was called?"),
        "E": ("raises", "what happens to the kept numbers after the first backward?"),
        "F": ("wrong", "what does the second backward find in w.grad?"),
        "G": ("right", "what does the second backward find in w.grad?"),
    }
    for (name, (want, hint)), given in zip(wanted.items(), answer, strict=True):
        require(given == want, f"{name}: {hint}")


@exercise("06.3")
def second_derivative(answer) -> None:
    cases = [
        ("exp(−x²)", lambda x: torch.exp(-x * x), lambda x: (4 * x * x - 2) * torch.exp(-x * x)),
        ("sin x", torch.sin, lambda x: -torch.sin(x)),
        ("x³", lambda x: x**3, lambda x: 6 * x),
        ("x²", lambda x: x**2, lambda x: torch.full_like(x, 2.0)),
        ("3x", lambda x: 3 * x, torch.zeros_like),
    ]
    for name, f, truth in cases:
        for asks in (False, True):
            x = torch.linspace(-1, 2, 6, dtype=torch.float64).reshape(2, 3).requires_grad_(asks)
            before = x.detach().clone()
            try:
                found = answer(f, x)
            except RuntimeError as error:
                said = str(error)
                require("scalar" not in said, "autograd wants one number: sum first")
                require(
                    "does not require grad" not in said and "does not have a grad_fn" not in said,
                    f"{name}: something in the chain has no record: did x ask for a gradient, is "
                    "the first derivative recorded, and does it depend on x at all?",
                )
                require(
                    "not to have been used" not in said and "unused" not in said,
                    f"{name}: the first derivative does not depend on x; its slope is then 0",
                )
                raise
            require(isinstance(found, torch.Tensor), "return a tensor: is there a `return`?")
            require(found.shape == x.shape, "the result should have the shape of x")
            found = values(found)
            require(torch.equal(x.detach(), before), "your function changed x")
            require(x.grad is None, "x has a gradient now: torch.autograd.grad stores none")
            require(x.requires_grad is asks, "x asks for a gradient now, and did not before")
            point = before.clone().requires_grad_()
            (slope,) = torch.autograd.grad(f(point).sum(), point)
            want = truth(before)
            require(not agree(found, slope), f"{name}: that is the first derivative")
            require(agree(found, want, rtol=1e-3, atol=1e-3), f"{name}: that is not f''")
            require(
                agree(found, want, rtol=1e-12, atol=1e-12),
                f"{name}: nearly; a quotient of differences has an error, automatic "
                "differentiation has none",
            )


@exercise("06.4")
def leaves(answer) -> None:
    a, b, c, unused = (torch.tensor(value, requires_grad=True) for value in (2.0, 3.0, 4.0, 5.0))
    fixed = torch.tensor(6.0)
    twin = torch.tensor(2.0, requires_grad=True)
    vectors = [torch.zeros(3, requires_grad=True), torch.ones(3, requires_grad=True)]
    deep = a * b
    for _ in range(2000):
        deep = deep + 1
    cases = [
        (a * b + c, [a, b, c], "a·b + c"),
        (a * a, [a], "a·a"),
        (vectors[0] @ vectors[1], vectors, "a dot product of two vectors"),
        (a * twin + a, [a, twin], "two leaves of equal value"),
        (fixed * b.exp(), [b], "a step with an input that asks for no gradient"),
        ((a * unused.detach()).sin() + b, [a, b], "a sum in which one tensor is detached"),
        (deep, [a, b], "2,000 steps in a row"),
    ]
    for y, wanted, name in cases:
        try:
            found = answer(y)
        except AttributeError as error:
            require(
                "NoneType" not in str(error),
                f"{name}: some links lead to None; what stands at such an input?",
            )
            require(False, f"{name}: {error}; only one kind of step has `variable`")
        except RecursionError:
            require(False, f"{name}: a function that calls itself gives up; use a list of work")
        except RuntimeError as error:
            require(
                "ambiguous" not in str(error),
                f"{name}: == compares values, and so does `in` with a list; is it the same tensor?",
            )
            raise
        require(isinstance(found, list | tuple | set), "return a list of tensors")
        found = list(found)
        require(
            all(isinstance(tensor, torch.Tensor) for tensor in found),
            "return the tensors, not the steps: AccumulateGrad knows its tensor",
        )
        identities = [id(tensor) for tensor in found]
        require(
            len(set(identities)) == len(identities),
            f"{name}: a leaf is listed twice; a leaf that is used twice is still one leaf",
        )
        missing = [tensor for tensor in wanted if id(tensor) not in identities]
        require(not missing, f"{name}: {len(missing)} of {len(wanted)} leaves are missing")
        require(len(found) == len(wanted), f"{name}: a tensor is listed that is no leaf of y")


@exercise("06.5")
def multiplications(answer) -> None:
    for sizes in ([3, 2, 5], [1000, 50, 50, 1], [1, 50, 50, 1000], [4, 7, 2, 9, 3], [5, 2]):
        shapes = list(zip(sizes[1:], sizes[:-1], strict=True))  # of the Jacobians, first step first
        forward = reverse = 0
        product = shapes[0]
        for shape in shapes[1:]:
            forward += shape[0] * shape[1] * product[1]
            product = (shape[0], product[1])
        product = shapes[-1]
        for shape in shapes[-2::-1]:
            reverse += product[0] * product[1] * shape[1]
            product = (product[0], shape[1])
        found = answer(list(sizes))
        require(isinstance(found, tuple | list) and len(found) == 2, "return (forward, reverse)")
        if len(sizes) == 2:
            require(
                tuple(found) == (0, 0),
                f"sizes {sizes}: there is one Jacobian, and nothing to multiply it with",
            )
            continue
        require(
            tuple(found) != (reverse, forward) or forward == reverse,
            f"sizes {sizes}: the two are exchanged; forward starts at the input",
        )
        extra = (sizes[0] * shapes[0][0] * sizes[0], sizes[-1] * sizes[-2] * sizes[-1])
        require(
            tuple(found) != (forward + extra[0], reverse + extra[1]),
            f"sizes {sizes}: one product too many; k Jacobians need k − 1",
        )
        for name, have, want in zip(("forward", "reverse"), found, (forward, reverse), strict=True):
            require(have != 2 * want, f"{name}: count multiplications only, no additions")
            require(
                have == want,
                f"sizes {sizes}: {name} is not {have}; write down the shapes of the Jacobians and "
                "multiply them in that order",
            )


@exercise("06.6")
def log_cosh(answer) -> None:
    forward, backward = answer
    made: Any = type(
        "Answer",
        (torch.autograd.Function,),
        {"forward": staticmethod(forward), "backward": staticmethod(backward)},
    )
    x = torch.linspace(-3, 3, 7, dtype=torch.float64, requires_grad=True)
    y = made.apply(x)
    require(isinstance(y, torch.Tensor) and y.shape == x.shape, "forward: one value for each entry")
    truth = torch.log(torch.cosh(x.detach()))
    require(
        not torch.allclose(y.detach(), truth + math.log(2)),
        "forward: off by log 2; cosh has a factor ½",
    )
    require(torch.allclose(y.detach(), truth), "forward: that is not log cosh x for |x| ≤ 3")
    weights = torch.linspace(1, 2, 7, dtype=torch.float64)
    (found,) = torch.autograd.grad(y, x, weights)
    tanh = torch.tanh(x.detach())
    require(not torch.allclose(found, tanh), "backward: the weights that arrive are forgotten")
    require(
        not torch.allclose(found, weights * (1 - tanh**2)),
        "backward: that is the derivative of tanh; the derivative of log cosh was wanted",
    )
    require(
        not torch.allclose(found, weights * y.detach()),
        "backward: you kept the result of forward; the derivative is a function of its input",
    )
    require(
        torch.allclose(found, weights * tanh),
        "backward: the gradient differs from weight times tanh x",
    )
    require(
        torch.autograd.gradcheck(made.apply, (x,), raise_exception=False),
        "gradcheck refuses it; is forward evaluated entry by entry, and only from x?",
    )
    far = torch.tensor([3.6, 10.0, 50.0, 750.0, 1000.0], dtype=torch.float64)
    far = torch.cat([-far, far]).requires_grad_()
    y = made.apply(far)
    truth = far.detach().abs() + torch.log1p(torch.exp(-2 * far.detach().abs())) - math.log(2)
    for at, have, want in zip(far.tolist(), values(y).tolist(), truth.tolist(), strict=True):
        require(
            math.isfinite(have),
            f"forward: at x = {at:g} it overflows; which exponential is never large?",
        )
        require(
            math.isclose(have, want, rel_tol=1e-10),
            f"forward: at x = {at:g} it gives {have:.8f}, and log cosh x is {want:.8f}",
        )
    (found,) = torch.autograd.grad(y.sum(), far)
    for at, have in zip(far.tolist(), found.tolist(), strict=True):
        require(
            math.isclose(have, math.tanh(at), rel_tol=1e-10),
            f"backward: at x = {at:g} the slope is {have:.8f} and should be {math.tanh(at):.8f}",
        )


@exercise("06.7")
def dual_numbers(answer) -> None:
    # What is asked, the hint when it is wrong, and the function.
    cases = [
        ("x + x", "a sum: the slopes add", lambda x: x + x),
        ("x + 2 and 2 + x", "the slope of a constant is 0", lambda x: (x + 2) + (2 + x)),
        ("x · x", "a product: two terms", lambda x: x * x),
        ("3 · x and x · 3", "a number is a Dual with slope 0", lambda x: (3 * x) + (x * 3)),
        ("-x", "value and slope both change sign", lambda x: -x),
        ("x − x·x", "a difference: the slopes subtract", lambda x: x - x * x),
        ("x − 2", "the slope of a constant is 0", lambda x: x - 2),
        ("2 − x", "Python calls __rsub__: self stands right of the minus", lambda x: 2 - x),
        ("x ** 3", "the power rule, times the slope of what is raised", lambda x: x**3),
        ("x ** -2", "the power rule holds for every k, at negative x too", lambda x: x**-2),
        ("(2x) ** -0.5", "the chain rule: the base has a slope, too", lambda x: (2 * x) ** -0.5),
        ("x / (x·x + 1)", "the quotient rule", lambda x: x / (x * x + 1)),
        ("x / 4", "dividing by a number", lambda x: x / 4),
        ("1 / x", "Python calls __rtruediv__: self stands below", lambda x: 1 / x),
        ("(x·x).exp()", "the chain rule: the inner slope is a factor", lambda x: (x * x).exp()),
        ("(3x).sin()", "the chain rule: the inner slope is a factor", lambda x: (3 * x).sin()),
        ("a mixture", "each operation alone is right; is an old Dual changed?", _mixture),
        (
            "Heron's rule, six rounds",
            "every operation alone is right; compare step by step",
            _heron,
        ),
    ]
    for name, hint, f in cases:
        # A root of a negative number is no number, and Heron's rule begins at a positive one.
        for at in (0.7, 1.9) if name.startswith(("(2x)", "Heron")) else (0.7, 1.9, -1.3):
            x = torch.tensor(at, dtype=torch.float64, requires_grad=True)
            wanted = f(x)
            wanted.backward()
            start = answer(at, 1.0)
            try:
                found = f(start)
            except (TypeError, AttributeError) as error:
                require(
                    False, f"{name}: {type(error).__name__}: {error}; is the method there? ({hint})"
                )
            except ValueError as error:
                require(False, f"{name}: at {at} it ends in a ValueError: {error}; {hint}")
            require(
                hasattr(found, "value") and hasattr(found, "slope"),
                f"{name}: return a Dual with value and slope",
            )
            require(
                (start.value, start.slope) == (at, 1.0),
                f"{name}: the operation changed x itself; return a new Dual",
            )
            value, slope = float(found.value), float(found.slope)
            require(
                math.isclose(value, wanted.item(), rel_tol=1e-9),
                f"{name}: the value at {at} is {value:.4g}; {hint}",
            )
            want = float(x.grad) if x.grad is not None else 0.0
            require(
                math.isclose(slope, want, rel_tol=1e-9, abs_tol=1e-12),
                f"{name}: the value at {at} is right, the slope {slope:.4g} is not; {hint}",
            )


def _mixture(x):
    y = x * x + 1
    z = y + x  # must leave y alone
    return (y / z - z.sin()) * (-x).exp() + 8 / y


def _heron(x):
    root = x
    for _ in range(6):
        root = (root + x / root) / 2
    return root
