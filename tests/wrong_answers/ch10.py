"""Typical wrong answers to the exercises of chapter 10; each must be refused."""

import statistics
import time

import torch

import d2lhelpers as d2l


def timed(function):
    timer = d2l.Timer()
    function()
    return timer.stop()


def compared(times_f, times_g, average=statistics.median, winner=lambda a, b: a < b):
    won = [winner(a, b) for a, b in zip(times_f, times_g, strict=True)]
    return average(times_f), average(times_g), sum(won) / len(won)


def compare_one_after_the_other(f, g, repeats):
    f(), g()
    return compared([timed(f) for _ in range(repeats)], [timed(g) for _ in range(repeats)])


def compare_without_warm_up(f, g, repeats):
    rounds = [(timed(f), timed(g)) for _ in range(repeats)]
    return compared(*zip(*rounds, strict=True))


def compare_always_f_first(f, g, repeats):
    f(), g()
    rounds = [(timed(f), timed(g)) for _ in range(repeats)]
    return compared(*zip(*rounds, strict=True))


def compare_changing_order_once(f, g, repeats):
    f(), g()
    times_g, times_f = [timed(g)], [timed(f)]
    for _ in range(repeats - 1):
        times_f.append(timed(f))
        times_g.append(timed(g))
    return compared(times_f, times_g)


def in_turns(f, g, repeats):
    f(), g()
    times_f, times_g = [], []
    for k in range(repeats):
        if k % 2:
            times_g.append(timed(g))
            times_f.append(timed(f))
        else:
            times_f.append(timed(f))
            times_g.append(timed(g))
    return times_f, times_g


def compare_by_means(f, g, repeats):
    return compared(*in_turns(f, g, repeats), average=statistics.mean)


def compare_with_share_of_g(f, g, repeats):
    return compared(*in_turns(f, g, repeats), winner=lambda a, b: a > b)


def compare_once(f, g, repeats):
    begin = time.perf_counter()
    f()
    middle = time.perf_counter()
    g()
    return middle - begin, time.perf_counter() - middle, 1.0


def line(sizes, seconds):
    """Overhead and seconds an example."""
    c = (seconds[-1] - seconds[0]) / (sizes[-1] - sizes[0])
    return seconds[0] - c * sizes[0], c


def knee_upside_down(sizes, seconds):
    a, c = line(sizes, seconds)
    return c / a


def knee_without_offset(sizes, seconds):
    return seconds[0] * (sizes[1] - sizes[0]) / (seconds[1] - seconds[0])


def knee_by_mean_cost(sizes, seconds):
    return seconds[0] / (seconds[-1] / sizes[-1])


def by_hand(divide=lambda X, batch_size: batch_size, bias=True, copy=True, factor=1.0):
    def fast_train(features, labels, w, b, lr, batch_size, num_epochs):
        if copy:
            w, b = w.clone(), b.clone()
        for _ in range(num_epochs):
            for X, y in d2l.data_iter(batch_size, features, labels):
                error = X @ w + b - y
                step = factor * lr / divide(X, batch_size)
                w -= step * X.T @ error
                if bias:
                    b -= step * error.sum(0)
        return w, b

    return fast_train


def same_batches_every_epoch(features, labels, w, b, lr, batch_size, num_epochs):
    batches = list(d2l.data_iter(batch_size, features, labels))
    w, b = w.clone(), b.clone()
    for _ in range(num_epochs):
        for X, y in batches:
            error = X @ w + b - y
            w -= lr / batch_size * X.T @ error
            b -= lr / batch_size * error.sum(0)
    return w, b


def as_slow_as_before(features, labels, w, b, lr, batch_size, num_epochs):
    w, b = (start.clone().requires_grad_() for start in (w, b))
    for _ in range(num_epochs):
        for X, y in d2l.data_iter(batch_size, features, labels):
            d2l.squared_loss(d2l.linreg(X, w, b), y).sum().backward()
            d2l.sgd([w, b], lr, batch_size)
    return w.detach(), b.detach()


def closed_form(features, labels, *_):
    columns = torch.cat([features, torch.ones(len(features), 1)], dim=1)
    solution = torch.linalg.lstsq(columns, labels).solution
    return solution[:-1], solution[-1]


WRONG = {
    "10.1": [0.000228, 0.000114, 0.000114**2, 0.000052, "half"],
    "10.2": [
        lambda lr, batch_size: lr,
        lambda lr, batch_size: lr / 2,
        lambda lr, batch_size: lr / batch_size,
        lambda lr, batch_size: 2 * lr / batch_size,
        lambda lr, batch_size: 2 * lr * batch_size,
        lambda lr, batch_size: 0.0015,
    ],
    "10.3": [
        lambda old, new: statistics.mean(old) / statistics.mean(new),
        lambda old, new: statistics.median(new) / statistics.median(old),
        lambda old, new: min(old) / min(new),
        lambda old, new: sorted(old)[len(old) // 2] / sorted(new)[len(new) // 2],
        lambda old, new: old[len(old) // 2] / new[len(new) // 2],
        lambda old, new: statistics.median(old) - statistics.median(new),
    ],
    "10.4": [
        compare_one_after_the_other,
        compare_without_warm_up,
        compare_always_f_first,
        compare_changing_order_once,
        compare_by_means,
        compare_with_share_of_g,
        compare_once,
        lambda f, g, repeats: compared(*in_turns(f, g, repeats))[:2],
    ],
    "10.5": [
        knee_upside_down,
        lambda sizes, seconds: line(sizes, seconds)[0],
        lambda sizes, seconds: line(sizes, seconds)[1],
        knee_without_offset,
        knee_by_mean_cost,
        lambda sizes, seconds: sizes[-1],
    ],
    "10.6": [
        by_hand(divide=lambda X, batch_size: len(X)),
        by_hand(divide=lambda X, batch_size: 1),
        by_hand(factor=2.0),
        by_hand(bias=False),
        by_hand(copy=False),
        same_batches_every_epoch,
        as_slow_as_before,
        closed_form,
        lambda X, y, w, b, *_: w,
    ],
}
