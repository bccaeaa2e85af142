"""Right answers to chapter 12 that differ from its solutions."""

import math

import d2lhelpers as d2l


def a_list_by_another_formula(a):
    slope = 1 / (2 * math.cosh(a / 2)) ** 2 if abs(a) < 700 else 0.0
    return [(1 + math.tanh(a / 2)) / 2 if a > -30 else math.exp(a), slope]


def by_formula(w, v, x, t, lr, num_steps):
    for _ in range(num_steps):
        error = 2 * (v * w * x - t)
        w, v = w - lr * error * v * x, v - lr * error * w * x
    return [w, v]


def by_values_that_stay(w, v, x, t, lr, num_steps):
    w, v = d2l.Value(w), d2l.Value(v)
    for _ in range(num_steps):
        loss = (v * w * x - t) ** 2
        w.grad = v.grad = 0.0
        loss.backward()
        w.data -= lr * w.grad
        v.data -= lr * v.grad
    return w, v


RIGHT = {
    "12.1": [[15, 3, 8], (15.0, 3.0, 8.0)],
    "12.2": [a_list_by_another_formula],
    "12.5": [by_formula, by_values_that_stay],
}
