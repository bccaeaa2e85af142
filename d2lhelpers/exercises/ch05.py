"""Checks of chapter 05, Derivatives and gradients."""

import math
from typing import Any

import torch

from .compare import agree, values
from .registry import Wrong, exercise, require


def _number(found: Any) -> float:
    """An answer that is one number, of Python, NumPy, SymPy or PyTorch."""
    require(not isinstance(found, str), f"write {found} without quotation marks: it is a number")
    try:
        return float(found)
    except (TypeError, ValueError, RuntimeError):
        raise Wrong(f"a number is wanted, not {type(found).__name__}") from None


def _numbers(answer, wanted: int) -> list[float]:
    """The numbers of a tuple or list, refused when there are not as many as wanted."""
    words = {2: "two", 3: "three", 4: "four"}[wanted]
    require(
        isinstance(answer, tuple | list),
        f"{words} answers are wanted, separated by commas; this is one {type(answer).__name__}",
    )
    require(len(answer) == wanted, f"{words} answers are wanted; these are {len(answer)}")
    return [_number(number) for number in answer]


@exercise("05.1")
def slope_of_a_parabola(answer) -> None:
    slope, flat = _numbers(answer, 2)
    require(slope != 11, "that is the height f(2); the slope is the derivative at 2")
    require(slope != 15, "a constant has no slope: the 7 drops out of the derivative")
    require(slope != 12, "the derivative of −4w is missing from the slope")
    require(slope == 8, "differentiate term by term with the table, then put in w = 2")
    require(abs(flat - 4 / 3) > 1e-6, "there f(w) − 7 is zero; where is the derivative zero?")
    require(
        abs(flat - 2 / 3) < 4e-3,
        "set the derivative to zero and solve for w; two decimals, or a fraction, will do",
    )


@exercise("05.2")
def leaky_relu(answer) -> None:
    smallest, largest, central = _numbers(answer, 3)
    require(smallest <= largest, "the smallest subgradient comes first")
    require(
        smallest != 0 and smallest != -1,
        f"a line of slope {smallest:g} through the tip is above the curve on the left: "
        "the left arm rises, too",
    )
    require(abs(smallest - 0.1) < 1e-6, "how steep is the left arm?")
    require(abs(largest - 1) < 1e-6, "how steep is the right arm?")
    require(central != 0, "that holds for |x|, whose arms mirror each other; these do not")
    require(
        abs(central - 0.45) > 1e-6,
        "the value at −h is −0.1h, and minus that is plus: watch the signs",
    )
    require(
        abs(central - 0.55) < 1e-6,
        "put f(h) and f(−h) into the central quotient; the h cancels",
    )


@exercise("05.3")
def one_step(answer) -> None:
    lr, p, q, divided = _numbers(answer, 4)
    require(lr > 0, "the minus sign is in the step already: the learning rate is above zero")
    require(abs(lr - 0.2) > 1e-6, "the slope is not 5(w − 3): differentiate the square")
    require(
        abs(lr - 10) > 1e-6,
        "10 is the second derivative, how much the slope changes per kilogram; one step of 10 "
        "times the slope goes much too far",
    )
    require(
        abs(lr - 0.1) < 1e-6,
        "what is the slope at w? The step, lr times the slope, must be w − 3",
    )
    require(
        (p, q) != (-2, 1), "that is the unit of the second derivative; write down lr · €/kg = kg"
    )
    require((p, q) != (0, 1), "that unit belongs to the learning rate that is divided by the slope")
    require((p, q) == (2, -1), "the unit of lr, times €/kg, must be kg")
    require(divided > 0, "the slope at 0 is below zero, and so is lr / slope; the step turns it")
    require(
        abs(divided - 45) > 1e-6,
        "45 is f(0). But how far does that step come? Divide by the slope at 0",
    )
    require(abs(divided - 90) < 1e-6, "from 0 the step must be 3 long; how steep is it at 0?")


@exercise("05.4")
def forward_quotient(answer) -> None:
    right, left, p, q = _numbers(answer, 4)
    require(right != 2, "2 belongs to the central quotient; here the 6h does not cancel")
    require(abs(right - 1) < 0.1, "on the right the error is about 6h: which power of h is that?")
    require(left != 1, "on the left the error grows when h shrinks")
    require(abs(left + 1) < 0.15, "on the left the error is about ε/h: which power of h is that?")
    require(abs(p - 1 / 3) > 0.01, "a third belongs to the central quotient, where h³ was about ε")
    require(
        abs(p - 1 / 2) < 0.01,
        "where the derivative of 6h + cε/h is zero, ε is in proportion to a power of h: which?",
    )
    require(q != 1, "ε is the error of the stored numbers; the quotient divides it by h")
    require(abs(q - 1 / 2) < 0.01, "put the best step into 6h, the truncation error")


@exercise("05.5")
def downhill(answer) -> None:
    generator = torch.Generator().manual_seed(4)
    for _ in range(6):
        x, y, w, b = torch.randn(4, generator=generator, dtype=torch.float64)
        point = torch.stack([w, b]).requires_grad_()
        loss = (torch.sigmoid(point[0] * x + point[1]) - y) ** 2 / 2
        (gradient,) = torch.autograd.grad(loss, point)
        length = torch.linalg.vector_norm(gradient)
        wanted = -gradient / length
        found = answer(x, y, w, b)
        require(
            isinstance(found, tuple | list),
            f"return two things, direction and slope; this is one {type(found).__name__}",
        )
        require(len(found) == 2, f"return two things, direction and slope; these are {len(found)}")
        require(
            isinstance(found[0], torch.Tensor) and found[0].shape == (2,),
            "the direction is a tensor of shape (2,); torch.stack joins two numbers",
        )
        direction, slope = values(found[0]), _number(found[1])
        size = float(torch.linalg.vector_norm(direction))
        require(
            abs(size - 1) < 1e-6, f"the direction has length {size:.3g}; divide it by its length"
        )
        require(not agree(direction, -wanted), "that is the way up; the loss should fall")
        require(
            not agree(direction, wanted.flip(0)),
            "first the entry of w, then that of b, please",
        )
        require(
            not agree(direction[0].abs(), direction[1].abs()),
            "both entries have one size: by how much does wx + b change for each unit of w?",
        )
        require(
            agree(direction, wanted),
            "the direction is another one: measure the gradient with d2l.numerical_gradient, and "
            "compare the ratio of its entries with yours, and their signs",
        )
        require(slope < 0, "the slope in a direction of descent is below zero")
        sigma = torch.sigmoid(w * x + b)
        require(
            not agree(slope * sigma * (1 - sigma), -length),
            "one link of the chain is missing from the slope: the sigmoid's own",
        )
        require(
            not agree(slope, -2 * length),
            "the slope is twice too steep: the loss is half the squared error",
        )
        require(
            agree(slope, -length),
            "the direction is right, the slope along it is not: what is the cosine of the angle "
            "between it and the gradient?",
        )
    # Here the sigmoid is 1e-11, and two losses nearby differ only in their last digits.
    x, y, w, b = torch.tensor([1.7, 0.9, -14.0, -1.5], dtype=torch.float64)
    sigma = torch.sigmoid(w * x + b)
    gradient = (sigma - y) * sigma * (1 - sigma) * torch.stack([x, torch.ones_like(x)])
    length = torch.linalg.vector_norm(gradient)
    direction, slope = answer(x, y, w, b)
    require(
        agree(direction, -gradient / length) and agree(_number(slope), -length, atol=0),
        "right where the loss is steep. Where it is nearly flat, at (w, b) = (−14, −1.5), the "
        "slope has too few digits, as measured ones have there: use the chain rule",
    )


@exercise("05.6")
def precise_derivative(answer) -> None:
    cases = [
        (math.sin, math.cos, (-1.1, 0.2, 0.9, 2.5)),
        (math.exp, math.exp, (-0.8, 0.3, 1.3)),
        (lambda x: x**5, lambda x: 5 * x**4, (1.1, 1.9)),
        (
            lambda x: 1 / (1 + math.exp(-x)),
            lambda x: math.exp(-x) / (1 + math.exp(-x)) ** 2,
            (-1.0, 0.4, 2.0),
        ),
    ]
    worst = 0.0
    for f, slope, places in cases:
        for x in places:
            calls: list[float] = []

            def counted(value, f=f, calls=calls):
                calls.append(value)
                return f(value)

            found = _number(answer(counted, x))
            require(len(calls) > 0, "your function never calls f")
            require(len(calls) <= 8, f"f was called {len(calls)} times; eight were allowed")
            error = abs(found / slope(x) - 1)
            require(
                error < 0.5,
                f"for one test the result is {found:.6g} instead of {slope(x):.6g}: do the factors "
                "in front of the quotients add up to 1?",
            )
            worst = max(worst, error)
    require(
        worst < 1e-8,
        f"the largest relative error is {worst:.0e}, more than one central quotient has at its "
        "best: does c cancel, and is the step a sensible one?",
    )
    require(
        worst < 3e-12,
        f"the largest relative error is {worst:.0e}, and one central quotient has about 1e-10. If "
        "c cancels, the truncation error is about h⁴: for which h does that balance ε/h?",
    )
