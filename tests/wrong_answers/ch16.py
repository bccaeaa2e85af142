"""Typical wrong answers to the exercises of chapter 16; each must be refused."""

import torch
from torch import nn
from torch.nn import functional


def l1(penalty, sign=-1.0):
    def l1_step(w, grad, lr, lam, n):
        return w + sign * lr * (grad + penalty(w, lam, n))

    return l1_step


def without_learning_rate(w, grad, lr, lam, n):
    return w - lr * grad - lam / n * w.sign()


def sign_where_zero_is_positive(w, grad, lr, lam, n):
    return w - lr * (grad + lam / n * torch.where(w >= 0, 1.0, -1.0))


def in_place(w, grad, lr, lam, n):
    w -= lr * (grad + lam / n * w.sign())
    return w


def shifted_by(move, repeat):
    def five_times(images, labels):
        moves = [(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)]
        pictures = torch.cat([move(images, down, right) for down, right in moves])
        return pictures, repeat(labels)

    return five_times


def rolled(images, down, right):
    return images.roll((down, right), (1, 2))


def sliced(images, down, right):
    height, width = images.shape[1:]
    padded = functional.pad(images, (1, 1, 1, 1))
    return padded[:, 1 - down : 1 - down + height, 1 - right : 1 - right + width]


def only_down_and_right(images, down, right):
    return sliced(images, abs(down), abs(right))


def drop(mask=torch.rand_like, kept=1.0, used=lambda p: 1 - p, in_use=False):
    """Dropout without inverted scaling, with one thing wrong."""

    def drop(H, p, training):
        if training or in_use:
            return H * (mask(H) >= p) * (kept if kept == 1.0 else 1 / (1 - p))
        return H * used(p)

    return drop


def drop_in_place(H, p, training):
    H *= (torch.rand_like(H) >= p) if training else 1 - p
    return H


def same_draw_each_time(H):
    return torch.rand(H.shape, generator=torch.Generator().manual_seed(0))


def trained(
    dropout=0.0, evaluate=True, num_epochs=80, lr=0.4, scores=True, with_validation=False, last=1.0
):
    def robust(train, validation):
        X, y = train
        if with_validation:
            X, y = torch.cat([X, validation[0]]), torch.cat([y, validation[1]])
        net = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Dropout(dropout), nn.Linear(100, 10))
        optimizer = torch.optim.SGD(net.parameters(), lr=lr)
        for _ in range(num_epochs):
            for rows in torch.randperm(len(X)).split(20):
                optimizer.zero_grad()
                functional.cross_entropy(net(X[rows]), y[rows]).backward()
                optimizer.step()
        if evaluate:
            net.eval()
        if not scores:
            return lambda images: net(images).argmax(1)
        return net if last == 1.0 else lambda images: net(images) * last

    return robust


WRONG = {
    "16.1": [
        8,
        (8, 7, 4),
        (9, 5, 4),
        (8, 5, 3),
        (8, 5, 5),
        (4, 3, 4),
        (10, 9, 4),
        (7, 5, 4),
    ],
    "16.2": [
        l1(lambda w, lam, n: 0),
        l1(lambda w, lam, n: lam / n * w),
        l1(lambda w, lam, n: lam * w.sign()),
        l1(lambda w, lam, n: -lam / n * w.sign()),
        l1(lambda w, lam, n: lam / n),
        l1(lambda w, lam, n: lam / n * w.abs()),
        l1(lambda w, lam, n: lam / n * w.sign(), sign=1.0),
        without_learning_rate,
        sign_where_zero_is_positive,
        in_place,
        lambda w, grad, lr, lam, n: 0.5,
    ],
    "16.3": [
        (501, 1.5, 0.5),
        (500**0.5, 1.5**0.5, 0.5**0.5),
        (1001**0.5, 1.5**0.5, 0.5**0.5),
        (500**0.5 + 1, 1.5**0.5, 0.5**0.5),
        (501**0.5, 2**0.5, 0.5**0.5),
        (501**0.5, 0.5**0.5, 0.5**0.5),
        (501**0.5, 1.5**0.5, 1.0),
        (501**0.5, 1.5**0.5, 0.5),
        501**0.5,
    ],
    "16.4": [
        drop(mask=lambda H: torch.rand(H.shape[1])),
        drop(mask=lambda H: torch.rand(len(H), 1)),
        drop(mask=same_draw_each_time),
        drop(mask=torch.ones_like),
        drop(kept=0.0),
        drop(kept=0.0, used=lambda p: 1.0),
        drop(used=lambda p: 1.0),
        drop(used=lambda p: 1 / (1 - p)),
        drop(used=lambda p: p),
        drop(in_use=True),
        drop_in_place,
        lambda H, p, training: H * (torch.rand_like(H) < p) if training else H * p,
        lambda H, p, training: H[0],
    ],
    "16.5": [
        shifted_by(rolled, lambda labels: labels.repeat(5)),
        shifted_by(sliced, lambda labels: labels.repeat_interleave(5)),
        shifted_by(sliced, lambda labels: labels),
        shifted_by(only_down_and_right, lambda labels: labels.repeat(5)),
        lambda images, labels: (images.repeat(5, 1, 1), labels.repeat(5)),
        lambda images, labels: images,
        lambda images, labels: (functional.pad(images, (1, 1, 1, 1)), labels),
    ],
    "16.6": [
        trained(),
        trained(with_validation=True),
        trained(last=float("nan")),
        trained(dropout=0.6, evaluate=False),
        trained(num_epochs=1, lr=0.001),
        trained(scores=False),
        lambda train, validation: 0.9,
    ],
}
