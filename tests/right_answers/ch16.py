"""Right answers to the exercises of chapter 16, other than the solutions; each must be accepted."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional


def l1_by_autograd(w, grad, lr, lam, n):
    leaf = w.clone().requires_grad_()
    (lam / n * leaf.abs().sum()).backward()
    return w - lr * (grad + leaf.grad)


def l1_in_numpy(w, grad, lr, lam, n):
    return w.numpy() - lr * (grad.numpy() + lam / n * np.sign(w.numpy()))


def drop_by_bernoulli(H, p, training):
    kept = torch.full(H.shape, 1 - p)
    return (H.double() * (kept.bernoulli() if training else kept)).numpy()


def drop_by_nn(H, p, training):
    return (1 - p) * functional.dropout(H, p, training)


def one_after_another(images, labels):
    n, height, width = images.shape
    result = torch.zeros(n, 5, height, width)
    result[:, 0] = images
    result[:, 1, :-1] = images[:, 1:]
    result[:, 2, 1:] = images[:, :-1]
    result[:, 3, :, :-1] = images[:, :, 1:]
    result[:, 4, :, 1:] = images[:, :, :-1]
    return result.flatten(0, 1), labels.repeat_interleave(5)


def in_double(images, labels):
    pictures, names = one_after_another(images, labels)
    return [pictures.double().numpy(), names.tolist()]


def stopped_by_accuracy(train, validation):
    """Five networks of other sizes, each kept where its validation accuracy was best."""
    (X, y), (X_val, y_val) = train, validation
    nets = []
    for _ in range(5):
        net = nn.Sequential(nn.Linear(64, 200), nn.ReLU(), nn.Dropout(0.7), nn.Linear(200, 10))
        optimizer = torch.optim.SGD(net.parameters(), lr=0.3)
        best, state = 0.0, {}
        for _ in range(50):
            for rows in torch.randperm(len(X)).split(20):
                optimizer.zero_grad()
                functional.cross_entropy(net(X[rows]), y[rows]).backward()
                optimizer.step()
            net.eval()
            right = (net(X_val).argmax(1) == y_val).double().mean().item()
            if right > best:
                best, state = right, {k: v.clone() for k, v in net.state_dict().items()}
            net.train()
        net.load_state_dict(state)
        nets.append(net.eval())
    return lambda images: torch.stack([net(images).softmax(1) for net in nets]).mean(0)


def in_numpy(robust):
    """The same, with scores as an array."""

    def as_array(train, validation):
        scorer = robust(train, validation)
        return lambda images: scorer(images).detach().numpy()

    return as_array


RIGHT = {
    "16.1": [[8, 5, 4], (8.0, np.int64(5), torch.tensor(4))],
    "16.2": [l1_by_autograd, l1_in_numpy],
    "16.3": [
        [22.383, 1.2247, 0.70711],
        torch.tensor([501.0, 1.5, 0.5]).sqrt().tolist(),
        (22.38, 1.22, 0.71),
        (np.sqrt(501), np.float32(1.5) ** 0.5, torch.tensor(0.5).sqrt()),
    ],
    "16.4": [drop_by_bernoulli, drop_by_nn],
    "16.5": [one_after_another, in_double],
    "16.6": [in_numpy(stopped_by_accuracy), stopped_by_accuracy],
}
