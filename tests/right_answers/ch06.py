"""Right answers to the exercises of chapter 06, other than the solutions; each must be accepted."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional


def second_by_hessian(f, x):
    flat = x.detach().flatten()
    hessian = torch.autograd.functional.hessian(lambda z: f(z).sum(), flat)
    return hessian.diagonal().reshape(x.shape)


def second_one_by_one(f, x):
    found = torch.empty_like(x, requires_grad=False)
    for place in np.ndindex(*x.shape):
        point = x[place].item()
        z = torch.tensor(point, dtype=x.dtype, requires_grad=True)
        slope = torch.autograd.grad(f(z), z, create_graph=True)[0]
        if slope.grad_fn is not None:
            second = torch.autograd.grad(slope, z, allow_unused=True)[0]
            found[place] = 0 if second is None else second
        else:
            found[place] = 0
    return found


def second_forward_over_reverse(f, x):
    slope = torch.func.grad(lambda z: f(z).sum())
    return torch.func.jvp(slope, (x.detach(),), (torch.ones_like(x),))[1]


def leaves_by_number(y):
    found, seen, todo = {}, set(), [y.grad_fn]
    while todo:
        step = todo.pop()
        if step is None or step in seen:
            continue
        seen.add(step)
        if hasattr(step, "variable"):
            found[id(step.variable)] = step.variable
        todo.extend(earlier for earlier, _ in step.next_functions)
    return tuple(found.values())


def leaves_level_by_level(y):
    level, found = {y.grad_fn}, set()
    while level:
        found |= {step.variable for step in level if hasattr(step, "variable")}
        level = {earlier for step in level for earlier, _ in step.next_functions if earlier}
    return found


def leaves_by_identity(y):
    found, todo = [], [y.grad_fn]
    while todo:
        step = todo.pop(0)
        if hasattr(step, "variable") and all(step.variable is not leaf for leaf in found):
            found.append(step.variable)
        todo += [earlier for earlier, _ in step.next_functions if earlier is not None]
    return found


def multiplied_in_order(sizes):
    work = []
    for order in (1, -1):
        chain = sizes[::order]
        work.append(sum(chain[0] * chain[i] * chain[i + 1] for i in range(1, len(chain) - 1)))
    return work


def multiplied_as_tensor(sizes):
    return torch.tensor(multiplied_in_order(sizes)).unbind()


def by_logaddexp(ctx, x):
    ctx.save_for_backward(x)
    return torch.logaddexp(x, -x) - math.log(2)


def by_softplus(ctx, x):
    ctx.save_for_backward(torch.tanh(x))
    return functional.softplus(-2 * x.abs()) + x.abs() - torch.tensor(2.0, dtype=x.dtype).log()


def by_where(ctx, x):
    ctx.x = x
    larger, smaller = torch.maximum(x, -x), torch.minimum(x, -x)
    return larger + torch.log(0.5 + 0.5 * torch.exp(smaller - larger))


def back_with_kept_slope(ctx, grad_output):
    (slope,) = ctx.saved_tensors
    return slope * grad_output


def back_by_exponentials(ctx, grad_output):
    x = ctx.x if hasattr(ctx, "x") else ctx.saved_tensors[0]
    e = torch.exp(-2 * x.abs())
    return grad_output * x.sign() * (1 - e) / (1 + e)


@dataclass(frozen=True)
class Frozen:
    """Every operation by its own rule, in an object that cannot change."""

    value: float
    slope: float = 0.0

    @staticmethod
    def of(other):
        return other if isinstance(other, Frozen) else Frozen(other)

    def __add__(self, other):
        other = Frozen.of(other)
        return Frozen(self.value + other.value, self.slope + other.slope)

    def __radd__(self, other):
        return Frozen(other + self.value, self.slope)

    def __sub__(self, other):
        other = Frozen.of(other)
        return Frozen(self.value - other.value, self.slope - other.slope)

    def __rsub__(self, other):
        return Frozen(other - self.value, -self.slope)

    def __mul__(self, other):
        other = Frozen.of(other)
        slope = other.value * self.slope + other.slope * self.value
        return Frozen(other.value * self.value, slope)

    def __rmul__(self, other):
        return Frozen(other * self.value, other * self.slope)

    def __truediv__(self, other):
        other = Frozen.of(other)
        value = self.value / other.value
        return Frozen(value, (self.slope - value * other.slope) / other.value)

    def __rtruediv__(self, other):
        return Frozen(other / self.value, -other * self.slope / self.value**2)

    def __neg__(self):
        return Frozen(-self.value, -self.slope)

    def __pow__(self, k):
        return Frozen(self.value**k, self.slope * k * self.value ** (k - 1))

    def exp(self):
        value = np.exp(self.value)
        return Frozen(value, value * self.slope)

    def sin(self):
        return Frozen(np.sin(self.value), np.cos(self.value) * self.slope)


class InTensors:
    """Value and slope in one tensor of two float64 numbers."""

    def __init__(self, value, slope=0.0):
        self.pair = torch.tensor([float(value), float(slope)], dtype=torch.float64)

    @property
    def value(self):
        return self.pair[0]

    @property
    def slope(self):
        return self.pair[1]

    def _combine(self, other, operation):
        other = other if isinstance(other, InTensors) else InTensors(other)
        slopes = (self.slope, other.slope)
        value, slope = torch.func.jvp(operation, (self.value, other.value), slopes)
        return InTensors(value, slope)

    def __add__(self, other):
        return self._combine(other, torch.add)

    def __sub__(self, other):
        return self._combine(other, torch.sub)

    def __rsub__(self, other):
        return InTensors(other) - self

    def __mul__(self, other):
        return self._combine(other, torch.mul)

    def __truediv__(self, other):
        return self._combine(other, torch.div)

    def __rtruediv__(self, other):
        return InTensors(other) / self

    def __neg__(self):
        return 0 - self

    def __pow__(self, k):
        return self._combine(0.0, lambda base, _: base**k)

    def exp(self):
        return self._combine(0.0, lambda x, _: torch.exp(x))

    def sin(self):
        return self._combine(0.0, lambda x, _: torch.sin(x))

    __radd__, __rmul__ = __add__, __mul__


RIGHT = {
    "06.1": [
        (33.0, 3.0, 9.0, torch.tensor([2.0, 40.0])),
        (torch.tensor([33.0]), torch.tensor(3), np.float64(9), (2, torch.tensor(40.0))),
        (33, 3, 9.0, np.array([2, 40])),
    ],
    "06.2": [["wrong", "raises", "right", "wrong", "raises", "wrong", "right"]],
    "06.3": [second_by_hessian, second_one_by_one, second_forward_over_reverse],
    "06.4": [leaves_by_number, leaves_level_by_level, leaves_by_identity],
    "06.5": [multiplied_in_order, multiplied_as_tensor],
    "06.6": [
        (by_logaddexp, back_by_exponentials),
        [by_softplus, back_with_kept_slope],
        (by_where, back_by_exponentials),
    ],
    "06.7": [Frozen, InTensors],
}
