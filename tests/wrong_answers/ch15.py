"""Typical wrong answers to the exercises of chapter 15; each must be refused."""

import math

import torch
from torch import nn
from torch.nn import functional

RIGHT_1 = (-0.98 * 0.0196, -0.98, 0.98**2 / 2, -math.log(0.02))


def naive(X):
    return (X.exp() / X.exp().sum(1, keepdim=True)).log()


def log_of_a_stable_softmax(X):
    return X.softmax(1).log()


def one_maximum_for_all(X):
    X = X - X.max()
    return X - X.exp().sum(1, keepdim=True).log()


def maximum_lost(X):
    top = X.max(1, keepdim=True).values
    return X - (X - top).exp().sum(1, keepdim=True).log()


def without_keepdim(X):
    X = X - X.max(1, keepdim=True).values
    return X - X.exp().sum(1).log()


def in_place(X):
    X -= X.max(1, keepdim=True).values
    return X - X.exp().sum(1, keepdim=True).log()


def minimum_subtracted(X):
    X = X - X.min(1, keepdim=True).values
    return X - X.exp().sum(1, keepdim=True).log()


def mean_subtracted(X):
    X = X - X.mean(1, keepdim=True)
    return X - X.exp().sum(1, keepdim=True).log()


def one_hot_only(Z, T):
    return (Z.softmax(1) - T) / len(Z)


def sums(Z, T):
    return T.sum(1, keepdim=True) * Z.softmax(1) - T


def soft_gradient_overflows(Z, T):
    return (T.sum(1, keepdim=True) * Z.exp() / Z.exp().sum(1, keepdim=True) - T) / len(Z)


def soft_gradient_by_autograd(Z, T):
    Z = Z.detach().requires_grad_()
    functional.cross_entropy(Z, T).backward()
    return Z.grad


def soft_gradient_in_place(Z, T):
    return sums(Z, T).div_(len(Z)) + T.sub_(T)


def sigmoid_cost(a, y):
    return -(y * a.log() + (1 - y) * (1 - a).log())


def quadratic(a, y):
    return (a - y) ** 2 / 2


def twice_too_large(a, y):
    return -(1 - y) * torch.log((1 - a) / 2) - (1 + y) * torch.log((1 + a) / 2)


def without_constant(a, y):
    return -(1 - y) / 2 * torch.log(1 - a) - (1 + y) / 2 * torch.log(1 + a)


def uphill(a, y):
    return (1 - y) / 2 * torch.log((1 - a) / 2) + (1 + y) / 2 * torch.log((1 + a) / 2)


def one_sided(a, y):
    return -torch.log((1 + a) / 2)


def without_xlogy(a, y):
    return -(1 - y) / 2 * torch.log((1 - a) / 2) - (1 + y) / 2 * torch.log((1 + a) / 2)


def summed(a, y):
    return twice_too_large(a, y).sum() / 2


def detached(a, y):
    return twice_too_large(a.detach(), y) / 2


def by_one_example(loss):
    value = loss(torch.zeros(1, 2), torch.tensor([0]))
    return "right" if abs(value - math.log(2)) < 1e-6 else "sign" if value < 0 else "twice"


def by_the_range(loss):
    logits = torch.randn(8, 10, generator=torch.Generator().manual_seed(0))
    value = loss(logits, torch.arange(8))
    return "twice" if 1.46 < value < 2.47 else "sign" if value < 0 else "right"


def sum_is_twice(loss):
    y = torch.tensor([0, 1])
    value = loss(torch.zeros(2, 2), y)
    return "sign" if value < 0 else "twice" if value > 1 else "right"


def all_but_softmax_seen(loss):
    value = loss(torch.zeros(2, 2), torch.tensor([0, 1]))
    return "sign" if value < 0 else "sum" if value > 1 else "right"


def sign_not_seen(loss):
    y = torch.tensor([0, 1])
    if loss(50 * torch.eye(2), y) > 0.1:
        return "twice"
    return "sum" if loss(torch.zeros(2, 2), y) > 1 else "right"


def sum_not_seen(loss):
    y = torch.tensor([0, 1])
    if loss(50 * torch.eye(2), y) > 0.1:
        return "twice"
    return "sign" if loss(torch.zeros(2, 2), y) < 0 else "right"


def two_networks(kind, steps=1500, target="both"):
    """Trained on pairs, with what is asked for gone wrong."""

    def find_both(train):
        X, y = train
        generator = torch.Generator().manual_seed(0)
        net = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))
        optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
        for _ in range(steps):
            left, right = torch.randint(len(X), (2, 64), generator=generator)
            images = torch.cat([X[left].reshape(-1, 8, 8), X[right].reshape(-1, 8, 8)], 2)
            z = net(images.flatten(1))
            Y = functional.one_hot(y[left], 10).float()
            if target == "both":
                Y = (Y + functional.one_hot(y[right], 10)).clamp(max=1)
            if kind == "softmax":
                loss = -(Y * z.log_softmax(1)).sum(1).mean()
            else:
                loss = functional.binary_cross_entropy_with_logits(z, Y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if kind == "logits":
            return lambda pictures: net(pictures).detach()
        last = torch.sigmoid if kind == "sigmoid" else lambda z: z.softmax(1)
        return lambda pictures: last(net(pictures)).detach()

    return find_both


WRONG = {
    "15.1": [
        -0.98,
        (*RIGHT_1[:1], RIGHT_1[0], *RIGHT_1[2:]),
        (RIGHT_1[1], *RIGHT_1[1:]),
        (0.98 * 0.0196, 0.98, *RIGHT_1[2:]),
        (-0.98 * 0.98, *RIGHT_1[1:]),
        (-0.02, *RIGHT_1[1:]),
        (*RIGHT_1[:2], 0.98**2, RIGHT_1[3]),
        (*RIGHT_1[:2], 0.98, RIGHT_1[3]),
        (*RIGHT_1[:3], math.log(0.02)),
        (*RIGHT_1[:3], -math.log(0.98)),
        (*RIGHT_1[:3], -math.log10(0.02)),
        (*RIGHT_1[:3], 1.0),
        ("small", "large", 0.48, 3.9),
    ],
    "15.2": [
        naive,
        log_of_a_stable_softmax,
        one_maximum_for_all,
        maximum_lost,
        without_keepdim,
        minimum_subtracted,
        mean_subtracted,
        in_place,
        lambda X: X.softmax(1),
        lambda X: -X.log_softmax(1),
        lambda X: X.log_softmax(0),
        lambda X: X.log_softmax(1).sum(1),
        lambda X: (X.softmax(1) + 1e-12).log(),
        lambda X: 0.0,
    ],
    "15.3": [
        one_hot_only,
        sums,
        soft_gradient_overflows,
        soft_gradient_by_autograd,
        soft_gradient_in_place,
        lambda Z, T: -sums(Z, T) / len(Z),
        lambda Z, T: sums(Z, T) / Z.numel(),
        lambda Z, T: Z.softmax(1) - T,
        lambda Z, T: (T.sum() * Z.softmax(1) - T) / len(Z),
        lambda Z, T: sums(Z, T).mean(0),
        lambda Z, T: -T / Z.softmax(1) / len(Z),
    ],
    "15.4": [
        sigmoid_cost,
        quadratic,
        twice_too_large,
        without_constant,
        without_xlogy,
        uphill,
        one_sided,
        summed,
        detached,
        lambda a, y: 0.0,
    ],
    "15.5": [
        by_one_example,
        by_the_range,
        sum_is_twice,
        all_but_softmax_seen,
        sign_not_seen,
        sum_not_seen,
        lambda loss: "right",
        lambda loss: "softmax twice",
        lambda loss: ["right"],
        "twice",
    ],
    "15.6": [
        two_networks("softmax", steps=300),
        two_networks("logits", steps=300),
        two_networks("sigmoid", steps=50),
        two_networks("sigmoid", steps=1000),
        two_networks("sigmoid", steps=600, target="left"),
        lambda train: lambda pictures: torch.full((len(pictures), 10), 0.2),
        lambda train: lambda pictures: torch.ones(len(pictures), 10),
        lambda train: lambda pictures: pictures,
        lambda train: 0.9,
    ],
}
