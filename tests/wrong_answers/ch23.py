"""Typical wrong answers to the exercises of chapter 23; each must be refused."""

import math

import torch


def layer(height=16, parameters=1216, products=307_200, kept=786_432, pooled=5):
    """The solution with one thing changed."""
    return height, parameters, products, kept, pooled


def colors(blue=2, middle=(1, 1), weight=1 / 3, all_places=False, source=(1, 0), swap=False):
    """The solution with one thing changed."""
    K = torch.zeros(3, 3, 3, 3)
    K[0, blue, middle[0], middle[1]] = 1
    K[1, :, 1, 1] = weight
    if all_places:
        K[1] = weight
    K[2, 0, source[0], source[1]] = 1
    return K.transpose(0, 1) if swap else K


def padding(
    round_up=True,
    kernel=True,
    dilated=True,
    not_negative=True,
    extra_right=True,
    spare=0,
    even=True,
):
    """The solution with one thing changed."""

    def same_padding(n, k, s, d):
        outputs = -(-n // s) if round_up else max(n // s, 1)
        reach = (d if dilated else 1) * (k - 1) + (1 if kernel else 0)
        total = (outputs - 1) * s + reach - n + spare
        total = max(total, 0) if not_negative else total
        less, more = total // 2, total - total // 2
        if not even:
            return 0, total
        return (less, more) if extra_right else (more, less)

    return same_padding


def backward(
    ties="first", step="s", add=True, ones=False, start=None, average=None, l2="slope", modes=True
):
    """The solution with one thing changed."""

    def slopes_of(window, mode):
        k = len(window)
        if mode == "avg" and modes:
            return torch.full_like(window, average or 1 / k**2)
        if mode == "l2" and modes:
            length = window.norm() if l2 == "nan" else window.norm().clamp(min=1e-30)
            top = {"square": 2 * window, "abs": window.abs(), "power": window * length}
            return top.get(l2, window) / length
        slopes = torch.zeros(k * k, dtype=window.dtype)
        largest = window.max() if start is None else window.max().clamp(min=start)
        top = (window == largest).flatten().nonzero().flatten()
        chosen = {"first": top[:1], "last": top[-1:]}.get(ties, top)
        slopes[chosen] = 1 / len(top) if ties == "shared" else 1
        return slopes.reshape(k, k)

    def pool_backward(X, dY, k, s, mode):
        move = s if step == "s" else k
        dX = torch.zeros_like(X)
        for i in range(dY.shape[0]):
            for j in range(dY.shape[1]):
                part = (slice(i * move, i * move + k), slice(j * move, j * move + k))
                slopes = slopes_of(X[part], mode)
                new = slopes if ones else slopes * dY[i, j]
                dX[part] = dX[part] + new if add else torch.where(slopes != 0, new, dX[part])
        return dX

    return pool_backward


def change_and_return(X, dY, k, s, mode):
    result = backward()(X, dY, k, s, mode)
    X[:] = result
    return X


def network_costs(
    bias=True,
    channels=True,
    linear_bias=True,
    batch=False,
    both=False,
    pool_work=False,
    refuse_size=True,
    refuse_flat=True,
    refuse_padding=True,
    round_up=False,
    bias_work=False,
    swap=False,
):
    """The solution with one thing changed."""

    def costs(layers, shape):
        found = []
        for kind, *numbers in layers:
            parameters = products = 0
            if refuse_flat and (kind == "linear") != (len(shape) == 1):
                raise ValueError("does not fit")
            if kind == "linear":
                parameters = numbers[0] * (shape[0] + (1 if linear_bias else 0))
                products = numbers[0] * shape[0]
                shape = (numbers[0],)
            elif kind == "flatten":
                shape = (math.prod(shape),)
            elif kind == "global":
                shape = (shape[0], 1, 1)
            elif len(shape) == 3:
                k, p, s = numbers[-3:]
                c_in, *sizes = shape
                c_out = numbers[0] if kind == "conv" else c_in
                up = s - 1 if round_up else 0
                high, wide = ((n + 2 * p - k + up) // s + 1 for n in sizes)
                if refuse_size and min(high, wide) < 1:
                    raise ValueError("does not fit")
                if refuse_padding and kind == "max" and 2 * p > k:
                    raise ValueError("too much padding")
                if kind == "conv":
                    weights = (c_in if channels else 1) * k * k
                    parameters = c_out * (weights + (1 if bias else 0))
                    products = c_out * high * wide * (weights + (1 if bias_work else 0))
                    products *= 2 if both else 1
                elif pool_work:
                    products = c_out * high * wide * k * k
                shape = (c_out, wide, high) if swap else (c_out, high, wide)
            found.append(((1, *shape) if batch else shape, parameters, products))
        return found

    return costs


FRAGILE = [0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0]

WRONG = {
    "23.1": [
        layer(height=14),
        layer(height=15),
        layer(height=32),
        layer(height=17),
        layer(height=15.5),
        layer(parameters=1200),
        layer(parameters=416),
        layer(parameters=1203),
        layer(parameters=1217),
        layer(products=1_228_800),
        layer(products=102_400),
        layer(products=19_200),
        layer(products=311_296),
        layer(products=614_400),
        layer(products=64 * 307_200),
        layer(kept=1_048_576),
        layer(kept=786_432 + 1_048_576),
        layer(kept=786_432 + 4 * 1216),
        layer(kept=196_608),
        layer(kept=12_288),
        layer(kept=262_144),
        layer(kept=64 * 4 * 3 * 36 * 36),
        layer(kept=2 * 786_432),
        layer(pooled=14),
        layer(pooled=6),
        layer(pooled=math.nan),
        layer(products=math.inf),
        layer()[:4],
        layer(height="16"),
        torch.tensor(layer(height=14)),
        torch.tensor(16),
        16,
    ],
    "23.2": [
        colors(blue=0),
        colors(blue=1),
        colors(middle=(0, 0)),
        colors(weight=1.0),
        colors(weight=1 / 27, all_places=True),
        colors(weight=1 / 3, all_places=True),
        colors(weight=1 / 9),
        colors(weight=0.33),
        colors(source=(1, 2)),
        colors(source=(0, 1)),
        colors(source=(1, 1)),
        colors(swap=True),
        torch.zeros(3, 3, 3, 3),
        torch.full((3, 3, 3, 3), math.nan),
        colors()[0],
        colors().tolist()[:2],
        "a kernel",
    ],
    "23.3": [
        ([0, 1, 0] * 4, [0, 1, 0] + 9 * [0]),
        ([0, 0, 1] * 4, [0, 1, 0] + 9 * [0]),
        ([1, 0, 0, 0, 0, 0] * 2, [0, 1, 0] + 9 * [0]),
        ([0, 0, 1] + 9 * [0], [0, 1, 0] + 9 * [0]),
        (FRAGILE, [0, 1, 0] * 4),
        (FRAGILE, 12 * [0]),
        (FRAGILE, [1, 0, 0] + 9 * [0]),
        (FRAGILE, [0, 0, 1] + 9 * [0]),
        (FRAGILE, FRAGILE),
        (FRAGILE, [0, 1, 0]),
        (FRAGILE, [0, 2, 0] + 9 * [0]),
        (FRAGILE, [0, math.nan, 0] + 9 * [0]),
        (FRAGILE, "010000000000"),
        torch.tensor([FRAGILE, FRAGILE]),
        torch.tensor(FRAGILE),
        FRAGILE,
    ],
    "23.4": [
        padding(round_up=False),
        padding(kernel=False),
        padding(dilated=False),
        padding(not_negative=False),
        padding(extra_right=False),
        padding(spare=1),
        padding(spare=2),
        padding(even=False),
        lambda n, k, s, d: (k // 2, k // 2),
        lambda n, k, s, d: (d * (k - 1) // 2, d * (k - 1) - d * (k - 1) // 2),
        lambda n, k, s, d: d * (k - 1) // 2,
        lambda n, k, s, d: torch.tensor(d * (k - 1)),
        lambda n, k, s, d: (d * (k - 1) / 2, d * (k - 1) / 2),
        lambda n, k, s, d: (math.nan, math.nan),
    ],
    "23.5": [
        backward(ties="last"),
        backward(ties="shared"),
        backward(ties="all"),
        backward(step="k"),
        backward(add=False),
        backward(ones=True),
        backward(start=0),
        backward(average=1),
        backward(average=1 / 2),
        backward(l2="square"),
        backward(l2="abs"),
        backward(l2="power"),
        backward(l2="nan"),
        backward(modes=False),
        lambda X, dY, k, s, mode: torch.zeros_like(dY),
        change_and_return,
        lambda X, dY, k, s, mode: torch.full_like(X, math.nan),
        lambda X, dY, k, s, mode: dY.repeat_interleave(s, 0).repeat_interleave(s, 1),
    ],
    "23.6": [
        network_costs(bias=False),
        network_costs(channels=False),
        network_costs(linear_bias=False),
        network_costs(batch=True),
        network_costs(both=True),
        network_costs(pool_work=True),
        network_costs(refuse_size=False),
        network_costs(refuse_flat=False),
        network_costs(refuse_padding=False),
        network_costs(round_up=True),
        network_costs(bias_work=True),
        network_costs(swap=True),
        lambda layers, shape: network_costs()(layers, shape)[-1],
        lambda layers, shape: [row[:2] for row in network_costs()(layers, shape)],
        lambda layers, shape: [(math.prod(s), p, m) for s, p, m in network_costs()(layers, shape)],
        lambda layers, shape: [None] * len(layers),
    ],
}
