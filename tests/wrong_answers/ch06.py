"""Typical wrong answers to the exercises of chapter 06; each must be refused."""

import math

import torch

# ---- 06.4 ----------------------------------------------------------------------------------------


def every_end(y):
    found, todo = [], [y.grad_fn]
    while todo:
        step = todo.pop()
        if hasattr(step, "variable"):
            found.append(step.variable)  # once for each way that leads there
        todo += [earlier for earlier, _ in step.next_functions if earlier is not None]
    return found


def ignores_none(y):
    found, todo = set(), [y.grad_fn]
    while todo:
        step = todo.pop()
        if hasattr(step, "variable"):
            found.add(step.variable)
        todo += [earlier for earlier, _ in step.next_functions]
    return list(found)


def the_steps(y):
    found, todo = set(), [y.grad_fn]
    while todo:
        step = todo.pop()
        if not step.next_functions:
            found.add(step)
        todo += [earlier for earlier, _ in step.next_functions if earlier is not None]
    return list(found)


def only_the_last_step(y):
    return [step.variable for step, _ in y.grad_fn.next_functions if hasattr(step, "variable")]


def asks_every_step(y):
    return [step.variable for step, _ in y.grad_fn.next_functions]


def looks_for_equal_ones(y):
    found, todo = [], [y.grad_fn]
    while todo:
        step = todo.pop()
        if hasattr(step, "variable") and step.variable not in found:
            found.append(step.variable)
        todo += [earlier for earlier, _ in step.next_functions if earlier is not None]
    return found


def looks_for_equal_values(y):
    found, todo = [], [y.grad_fn]
    while todo:
        step = todo.pop()
        if hasattr(step, "variable"):
            leaf = step.variable
            if not any(torch.equal(leaf, other) for other in found):
                found.append(leaf)
        todo += [earlier for earlier, _ in step.next_functions if earlier is not None]
    return found


def with_the_result(y):
    return [*set(every_end(y)), y]


def recursive(y):
    def walk(step):
        if hasattr(step, "variable"):
            return {step.variable}
        return set().union(*(walk(earlier) for earlier, _ in step.next_functions if earlier))

    return list(walk(y.grad_fn))


# ---- 06.5 ----------------------------------------------------------------------------------------


def count(sizes):
    steps = list(zip(sizes[1:], sizes[:-1], strict=True))
    forward = sum(after * before * sizes[0] for after, before in steps[1:])
    reverse = sum(sizes[-1] * after * before for after, before in steps[:-1])
    return forward, reverse


def one_product_too_many(sizes):
    steps = list(zip(sizes[1:], sizes[:-1], strict=True))
    work = sum(after * before for after, before in steps)
    return work * sizes[0], work * sizes[-1]


def adds_sizes(sizes):
    return sum(sizes) * sizes[0], sum(sizes) * sizes[-1]


def a_product_for_one_jacobian(sizes):
    return count(sizes) if len(sizes) > 2 else (sizes[0] * sizes[1],) * 2


def always_two_products(sizes):
    n, before, after, m = sizes[0], sizes[1], sizes[-2], sizes[-1]
    return after * before * n + m * after * n, m * after * before + m * before * n


# ---- 06.6 ----------------------------------------------------------------------------------------


def safe(ctx, x):
    ctx.save_for_backward(x)
    return x.abs() + torch.log1p(torch.exp(-2 * x.abs())) - math.log(2)


def naive(ctx, x):
    ctx.save_for_backward(x)
    return torch.log((torch.exp(x) + torch.exp(-x)) / 2)


def without_half(ctx, x):
    ctx.save_for_backward(x)
    return x.abs() + torch.log1p(torch.exp(-2 * x.abs()))


def one_exponential(ctx, x):
    ctx.save_for_backward(x)
    return x + torch.log1p(torch.exp(-2 * x)) - math.log(2)


def straight_beyond(limit):
    """The two straight lines that log cosh approaches, from |x| = limit on."""

    def forward(ctx, x):
        ctx.save_for_backward(x)
        near = torch.log(torch.cosh(x.clamp(-limit, limit)))
        return torch.where(x.abs() > limit, x.abs() - math.log(2), near)

    return forward


def slope_one_beyond(limit):
    return lambda x: torch.where(x.abs() > limit, x.sign(), torch.tanh(x))


def infinity_replaced(ctx, x):
    ctx.save_for_backward(x)
    return torch.nan_to_num(torch.log(torch.cosh(x)), posinf=1000 - math.log(2))


def shifted_by_the_mean(ctx, x):
    return safe(ctx, x) + x.mean()


def half_of_the_square(ctx, x):
    ctx.save_for_backward(x)
    return x * x / 2


def rounded(ctx, x):
    return safe(ctx, x.float()).double()


def summed(ctx, x):
    return safe(ctx, x).sum()


def keeps_result(ctx, x):
    y = x.abs() + torch.log1p(torch.exp(-2 * x.abs())) - math.log(2)
    ctx.save_for_backward(y)
    return y


def way_back(derivative):
    def backward(ctx, grad_output):
        (kept,) = ctx.saved_tensors
        return grad_output * derivative(kept)

    return backward


def forgets_the_weights(ctx, grad_output):
    (x,) = ctx.saved_tensors
    return torch.tanh(x)


def overflows(x):
    return (x.exp() - (-x).exp()) / (x.exp() + (-x).exp())


# ---- 06.7 ----------------------------------------------------------------------------------------


class Right:
    """Right as it stands; the wrong answers below change one method each."""

    def __init__(self, value, slope=0.0):
        self.value, self.slope = value, slope

    def lift(self, other):
        return other if isinstance(other, Right) else type(self)(other)

    def __add__(self, other):
        other = self.lift(other)
        return type(self)(self.value + other.value, self.slope + other.slope)

    def __mul__(self, other):
        other = self.lift(other)
        slope = self.slope * other.value + self.value * other.slope
        return type(self)(self.value * other.value, slope)

    def __pow__(self, k):
        return type(self)(self.value**k, k * self.value ** (k - 1) * self.slope)

    def exp(self):
        return type(self)(math.exp(self.value), math.exp(self.value) * self.slope)

    def sin(self):
        return type(self)(math.sin(self.value), math.cos(self.value) * self.slope)

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + self.lift(other) * -1

    def __rsub__(self, other):
        return -self + other

    def __truediv__(self, other):
        return self * self.lift(other) ** -1

    def __rtruediv__(self, other):
        return self**-1 * other

    def __radd__(self, other):
        return self + other

    def __rmul__(self, other):
        return self * other


class ProductOfSlopes(Right):
    def __mul__(self, other):
        other = self.lift(other)
        return Right(self.value * other.value, self.slope * other.slope)


class ConstantsMove(Right):
    def lift(self, other):
        return other if isinstance(other, Right) else type(self)(other, 1.0)


class ReversedDifference(Right):
    def __rsub__(self, other):
        return self - other


class ReversedQuotient(Right):
    def __rtruediv__(self, other):
        return self / other


class NoNumberOnTheLeft(Right):
    __radd__ = None


class PowerWithoutInnerSlope(Right):
    def __pow__(self, k):
        return Right(self.value**k, k * self.value ** (k - 1))


class PowerThroughLogarithm(Right):
    def __pow__(self, k):
        value = math.exp(k * math.log(self.value))
        return Right(value, k * value / self.value * self.slope)


class PowerOfTheAbsoluteValue(Right):
    def __pow__(self, k):
        size = abs(self.value)
        return Right(size**k, k * size ** (k - 1) * self.slope)


class SlopeOfAbsolutePower(Right):
    def __pow__(self, k):
        return Right(self.value**k, k * abs(self.value) ** (k - 1) * self.slope)


class SineWithoutInnerSlope(Right):
    def sin(self):
        return Right(math.sin(self.value), math.cos(self.value))


class ExpWithoutExp(Right):
    def exp(self):
        return Right(math.exp(self.value), self.slope)


class CosineWithWrongSign(Right):
    def sin(self):
        return Right(math.sin(self.value), -math.cos(self.value) * self.slope)


class QuotientWithPlus(Right):
    def __truediv__(self, other):
        other = self.lift(other)
        slope = (self.slope * other.value + self.value * other.slope) / other.value**2
        return Right(self.value / other.value, slope)


class ChangesItself(Right):
    def __add__(self, other):
        other = self.lift(other)
        self.slope += other.slope
        self.value += other.value
        return self


class ReturnsNumbers(Right):
    def __add__(self, other):
        return self.value + self.lift(other).value


def first_derivative(f, x):
    twin = x.detach().clone().requires_grad_()
    return torch.autograd.grad(f(twin).sum(), twin)[0]


def without_record(f, x):
    twin = x.detach().clone().requires_grad_()
    (first,) = torch.autograd.grad(f(twin).sum(), twin)
    return torch.autograd.grad(first.sum(), twin)[0]


def stores_in_x(f, x):
    x.requires_grad_()
    (first,) = torch.autograd.grad(f(x).sum(), x, create_graph=True)
    (first + 0 * x).sum().backward()
    return x.grad


def asks_in_x(f, x):
    x.requires_grad_()
    (first,) = torch.autograd.grad(f(x).sum(), x, create_graph=True)
    return torch.autograd.grad((first + 0 * x).sum(), x)[0]


def forgets_straight_lines(f, x):
    twin = x.detach().clone().requires_grad_()
    (first,) = torch.autograd.grad(f(twin).sum(), twin, create_graph=True)
    return torch.autograd.grad(first.sum(), twin)[0]


def quotient_of_values(f, x, h=1e-4):
    x = x.detach()
    return (f(x + h) - 2 * f(x) + f(x - h)) / h**2


def quotient_of_slopes(f, x, h=1e-6):
    return (first_derivative(f, x + h) - first_derivative(f, x - h)) / (2 * h)


def only_the_second_link(f, x):
    """Asks again with x itself for the first derivative, which may not depend on it."""
    twin = x.detach().clone().requires_grad_()
    (first,) = torch.autograd.grad(f(twin).sum(), twin, create_graph=True)
    return torch.autograd.grad((first + 0 * twin.clone().requires_grad_()).sum(), first)[0]


def unused_link(f, x):
    twin = x.detach().clone().requires_grad_()
    other = twin.detach().clone().requires_grad_()
    (first,) = torch.autograd.grad(f(twin).sum(), twin, create_graph=True)
    return torch.autograd.grad((first + other).sum(), twin)[0]


def flattened(f, x):
    twin = x.detach().flatten().requires_grad_()
    (first,) = torch.autograd.grad(f(twin).sum(), twin, create_graph=True)
    return torch.autograd.grad((first + 0 * twin).sum(), twin)[0]


def steps_from_x(f, x):
    found = quotient_of_slopes(f, x)
    x.data += 1
    return found


def without_sum(f, x):
    twin = x.detach().clone().requires_grad_()
    return torch.autograd.grad(f(twin), twin)[0]


SEVEN = ("wrong", "raises", "right", "wrong", "raises", "wrong", "right")


def one_other(place, word):
    return tuple(word if i == place else right for i, right in enumerate(SEVEN))


WRONG = {
    "06.1": [
        33,
        (27, 3, 9, [2, 40]),
        (6, 3, 9, [2, 40]),
        (162, 3, 9, [2, 40]),
        (33, 6, 9, [2, 40]),
        (33, 0, 9, [2, 40]),
        (33, 3, 27, [2, 40]),
        (33, 3, 0, [2, 40]),
        (33, 3, 9, 42),
        (33, 3, 9, [2, 4]),
        (33, 3, 9, [1, 40]),
        ([6, 27], 3, 9, [2, 40]),
    ],
    "06.2": [
        *(
            one_other(i, word)
            for i in range(7)
            for word in ("right", "raises", "wrong")
            if word != SEVEN[i]
        ),
        SEVEN[:6],
        one_other(0, True),
    ],
    "06.3": [
        first_derivative,
        without_record,
        stores_in_x,
        asks_in_x,
        forgets_straight_lines,
        quotient_of_values,
        quotient_of_slopes,
        only_the_second_link,
        unused_link,
        flattened,
        steps_from_x,
        without_sum,
        lambda f, x: f(x).sum().item(),
    ],
    "06.4": [
        every_end,
        ignores_none,
        the_steps,
        only_the_last_step,
        asks_every_step,
        recursive,
        looks_for_equal_ones,
        looks_for_equal_values,
        with_the_result,
        lambda y: y.grad_fn,
        lambda y: [],
    ],
    "06.5": [
        lambda sizes: count(sizes)[::-1],
        lambda sizes: count(sizes)[0],
        lambda sizes: tuple(2 * work for work in count(sizes)),
        lambda sizes: (count(sizes)[0],) * 2,
        one_product_too_many,
        adds_sizes,
        always_two_products,
        a_product_for_one_jacobian,
    ],
    "06.6": [
        (naive, way_back(torch.tanh)),
        (without_half, way_back(torch.tanh)),
        (one_exponential, way_back(torch.tanh)),
        (straight_beyond(3.3), way_back(torch.tanh)),
        (straight_beyond(7.0), way_back(torch.tanh)),
        (infinity_replaced, way_back(torch.tanh)),
        (half_of_the_square, way_back(torch.tanh)),
        (shifted_by_the_mean, way_back(torch.tanh)),
        (rounded, way_back(lambda x: torch.tanh(x).double())),
        (safe, way_back(slope_one_beyond(3.3))),
        (safe, way_back(slope_one_beyond(7.0))),
        (summed, way_back(torch.tanh)),
        (keeps_result, way_back(lambda y: y)),
        (keeps_result, way_back(torch.tanh)),
        (safe, forgets_the_weights),
        (safe, way_back(overflows)),
        (safe, way_back(lambda x: 1 - torch.tanh(x) ** 2)),
        (safe, way_back(torch.sigmoid)),
    ],
    "06.7": [
        ProductOfSlopes,
        ConstantsMove,
        ReversedDifference,
        ReversedQuotient,
        NoNumberOnTheLeft,
        PowerWithoutInnerSlope,
        PowerThroughLogarithm,
        PowerOfTheAbsoluteValue,
        SlopeOfAbsolutePower,
        SineWithoutInnerSlope,
        ExpWithoutExp,
        CosineWithWrongSign,
        QuotientWithPlus,
        ChangesItself,
        ReturnsNumbers,
    ],
}
