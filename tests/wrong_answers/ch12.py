"""Typical wrong answers to the exercises of chapter 12; each must be refused."""

import math

import d2lhelpers as d2l


def overflowing(a):
    sigma = 1 / (1 + math.exp(-a))
    return sigma, sigma * (1 - sigma)


def slope_as_if_linear(a):
    return 1 / (1 + math.exp(-a)), 1.0


def sign_lost(a):
    sigma = 1 / (1 + math.exp(-a))
    return sigma, -sigma * (1 - sigma)


def of_the_wrong_sign(a):
    sigma = 1 / (1 + math.exp(a))
    return sigma, sigma * (1 - sigma)


def rounded_to_zero(a):
    small = math.exp(-abs(a))
    sigma = 1 / (1 + small) if a >= 0 else small / (1 + small)
    return sigma, sigma * (1 - sigma)


def walked(result, start):
    if result is start:
        return 1
    return sum(walked(source, start) for source, _ in result.edges)


def edges(result, start):
    return sum(len(node.edges) for node in d2l.topological_order(result))


def shared_once(result, start):
    if result is start:
        return 1
    return sum(shared_once(source, start) for source in {source for source, _ in result.edges})


def by_backward(result, start):
    for node in d2l.topological_order(result):
        node.edges = tuple((source, 1.0) for source, _ in node.edges)
    result.backward()
    return start.grad


def sweep(seed=True, backward=True, add=True, in_place=False):
    def gradients(result):
        order = d2l.topological_order(result)
        found = dict.fromkeys(order, 0.0)
        if seed:
            found[result] = 1.0
        for node in reversed(order) if backward else order:
            for source, slope in node.edges:
                found[source] = found[source] * add + slope * found[node]
        if in_place:
            result.backward()
        return found

    return gradients


def nearest_first(result):
    nodes = [result]
    for node in nodes:
        nodes += [source for source, _ in node.edges if source not in nodes]
    found = dict.fromkeys(nodes, 0.0)
    found[result] = 1.0
    for node in nodes:
        for source, slope in node.edges:
            found[source] += slope * found[node]
    return found


def slopes(w, v, x, t):
    error = 2 * (v * w * x - t)
    return error * v * x, error * w * x


def v_first(w, v, x, t, lr, num_steps):
    for _ in range(num_steps):
        error = 2 * (v * w * x - t)
        v -= lr * error * w * x
        w -= lr * error * v * x
    return w, v


def w_first(w, v, x, t, lr, num_steps):
    for _ in range(num_steps):
        error = 2 * (v * w * x - t)
        w -= lr * error * v * x
        v -= lr * error * w * x
    return w, v


def one_after_the_other(w, v, x, t, lr, num_steps):
    for _ in range(num_steps):
        w -= lr * slopes(w, v, x, t)[0]
        v -= lr * slopes(w, v, x, t)[1]
    return w, v


def uphill(w, v, x, t, lr, num_steps):
    return v_and_w(w, v, x, t, -lr, num_steps)


def v_and_w(w, v, x, t, lr, num_steps):
    for _ in range(num_steps):
        by_w, by_v = slopes(w, v, x, t)
        w, v = w - lr * by_w, v - lr * by_v
    return w, v


def with_values(w, v, x, t, lr, num_steps, zeroed=True, stale=False):
    w, v = d2l.Value(w), d2l.Value(v)
    loss = (v * w * x - t) ** 2
    for _ in range(num_steps):
        if not stale:
            loss = (v * w * x - t) ** 2
        if zeroed:
            w.grad = v.grad = 0.0
        loss.backward()
        w.data -= lr * w.grad
        v.data -= lr * v.grad
    return w.data, v.data


def stale(*numbers):
    return with_values(*numbers, stale=True)


def stale_and_accumulating(*numbers):
    return with_values(*numbers, zeroed=False, stale=True)


def accumulating(*numbers):
    return with_values(*numbers, zeroed=False)


def one_step_only(w, v, x, t, lr, num_steps):
    return v_and_w(w, v, x, t, lr, min(num_steps, 1))


def straight_line(points, targets):
    w1, w2, b = d2l.Value(0.1), d2l.Value(-0.1), d2l.Value(0.0)
    for _ in range(30):
        outputs = [w1 * x1 + w2 * x2 + b for x1, x2 in points]
        pairs = zip(outputs, targets, strict=True)
        loss = sum((y - t) ** 2 for y, t in pairs) / len(points)
        for param in (w1, w2, b):
            param.grad = 0.0
        loss.backward()
        for param in (w1, w2, b):
            param.data -= 0.1 * param.grad
    return lambda point: (w1 * point[0] + w2 * point[1] + b).data


def by_heart(points, targets):
    known = dict(zip(points, targets, strict=True))
    return lambda point: known.get(point, 0.0)


WRONG = {
    "12.1": [15, (15, 3, 5), (15, 3, 3), (15, 1, 8), (15, 5, 8), (15, 3, 15), (11, 3, 8)],
    "12.2": [
        overflowing,
        slope_as_if_linear,
        sign_lost,
        of_the_wrong_sign,
        rounded_to_zero,
        lambda a: 1 / (1 + math.exp(-a)),
    ],
    "12.3": [walked, edges, shared_once, by_backward, lambda result, start: 2],
    "12.4": [
        sweep(seed=False, backward=False, add=False),
        sweep(seed=False),
        sweep(backward=False),
        sweep(add=False),
        sweep(in_place=True),
        nearest_first,
        lambda result: 1.0,
    ],
    "12.5": [
        v_first,
        w_first,
        one_after_the_other,
        uphill,
        stale,
        stale_and_accumulating,
        accumulating,
        one_step_only,
        lambda w, v, x, t, lr, num_steps: (w, v),
        lambda w, v, x, t, lr, num_steps: v_and_w(w, v, x, t, lr, num_steps)[::-1],
        lambda w, v, x, t, lr, num_steps: w,
    ],
    "12.6": [
        straight_line,
        by_heart,
        lambda points, targets: lambda point: math.hypot(*point) - 1,
        lambda points, targets: 0.9,
        lambda points, targets: lambda point: 1,
    ],
}
