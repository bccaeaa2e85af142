"""Right answers to the exercises of chapter 19, other than the solutions; each must be accepted."""

import copy

import numpy as np
import torch
from torch import nn


class RepairedBySequential(nn.Module):
    def __init__(self, sizes, p):
        super().__init__()
        layers = []
        for i in range(1, len(sizes)):
            layers += [nn.Linear(sizes[i - 1], sizes[i]), nn.ReLU(), nn.Dropout(p)]
        self.move = nn.Parameter(torch.zeros(1, sizes[0])[0])
        self.rest = nn.Sequential(*layers[:-2])

    def forward(self, X):
        return self.rest(self.move + X)


class RepairedByHand(nn.Module):
    """A mask of its own, before the ReLU, which makes no difference; a shift of shape (1, d)."""

    def __init__(self, sizes, p):
        super().__init__()
        self.p = p
        self.layers = nn.ModuleList()
        for i in range(len(sizes) - 1):
            self.layers.append(nn.Linear(sizes[i], sizes[i + 1]))
        self.shift = nn.Parameter(torch.zeros(1, sizes[0]))

    def forward(self, X):
        X = X + self.shift
        for layer in list(self.layers)[:-1]:
            X = layer(X)
            if self.training:
                kept = torch.rand_like(X) >= self.p
                X = X * kept / max(1 - self.p, 0.01)
            X = X.clamp(min=0)
        return self.layers[-1](X)


class CenterInPlace(nn.Module):
    def __init__(self, num_features, momentum=0.1):
        super().__init__()
        self.momentum = momentum
        self.register_buffer("mean", torch.zeros(num_features))

    def forward(self, X):
        n, d = X.shape  # a ValueError unless there are two
        if d != self.mean.numel():
            raise ValueError("columns")
        if self.training:
            center = X.sum(0) / len(X)
            with torch.no_grad():
                self.mean.lerp_(center, self.momentum)
        else:
            center = self.mean
        return X - center


class CenterByLoops(nn.Module):
    """Column by column, row by row."""

    def __init__(self, num_features, momentum=0.1):
        super().__init__()
        self.m = momentum
        self.register_buffer("mean", torch.zeros(num_features))

    def forward(self, X):
        if tuple(X.shape) != (len(X), len(self.mean)):
            raise ValueError(X.shape)
        if not self.training:
            return torch.stack([x - self.mean for x in X])
        means = torch.stack([column.mean() for column in X.T])
        self.mean += self.m * (means.data - self.mean)
        return X - means


def by_inference(net, x):
    modes = [(module, module.training) for module in net.modules()]
    leaves = {name: m for name, m in net.named_modules() if not any(True for _ in m.children())}
    outputs, handles = {}, []
    for name, module in leaves.items():
        hook = lambda module, inputs, output, name=name: outputs.update({name: output})  # noqa: E731
        handles.append(module.register_forward_hook(hook))
    try:
        with torch.inference_mode():
            net.train(False)(x[None])
    finally:
        [handle.remove() for handle in handles]
        for module, mode in modes:
            module.training = mode
    return {name: np.float64(output.numpy().mean()) for name, output in outputs.items()}


def on_a_copy(net, x):
    """Nothing need be put back when a copy is used; only hooks of others are called once."""
    names, means = {}, {}
    twin = copy.deepcopy(net)
    for name, module in twin.named_modules():
        names[module] = name

        def hook(module, inputs, output):
            if not list(module.children()):
                means[names[module]] = float(output.double().mean())

        module.register_forward_hook(hook)
    with torch.no_grad():
        twin.eval()(torch.stack([x]))
    return means


def tensor_by_tensor(net, file):
    """Without load_state_dict."""
    state, lacking, used = torch.load(file), [], set()
    ours = net.state_dict()
    for name, mine in sorted(ours.items()):
        theirs = state.get("module." + name)
        if theirs is None or theirs.shape != mine.shape:
            lacking.append(name)
        else:
            mine.copy_(theirs)
            used.add("module." + name)
    return [lacking, sorted(name[len("module.") :] for name in state if name not in used)]


class AverageByFormula(nn.Module):
    """By names, in new tensors; evaluation mode at every call."""

    def __init__(self, net, decay):
        super().__init__()
        self.decay = decay
        self.inner = copy.deepcopy(net)
        for param in self.inner.parameters():
            param.requires_grad = False

    def update(self, net):
        state, theirs = {}, net.state_dict()
        for name, mine in self.inner.state_dict().items():
            mixed = self.decay * mine + (1 - self.decay) * theirs[name]
            state[name] = mixed if mine.is_floating_point() else theirs[name].clone()
        self.inner.load_state_dict(state)

    def forward(self, X):
        with torch.inference_mode():
            return self.inner.eval()(X)


RIGHT = {
    "19.1": [
        [2320.0, torch.tensor(3), np.int64(9), 12 * 2320],
        (torch.tensor([2320]), 3.0, 9, 27840),
    ],
    "19.2": [RepairedBySequential, RepairedByHand],
    "19.3": [CenterInPlace, CenterByLoops],
    "19.4": [by_inference, on_a_copy],
    "19.5": [tensor_by_tensor],
    "19.6": [AverageByFormula],
}
