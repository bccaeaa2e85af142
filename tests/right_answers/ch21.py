"""Right answers to the exercises of chapter 21, other than the solutions; each must be accepted."""

import io
import math
import os
import pickle
import shutil
from os import fsync

import numpy as np
import torch
from torch import nn

from tests.wrong_answers.ch21 import (
    BITS,
    A,
    B,
    X,
    bring_back,
    loop,
    plan,
    whole_then,
    y,
)


def from_memory(path, write):
    """Into memory first; the names of os imported by themselves."""
    memory = io.BytesIO()
    write(memory)
    unfinished = path.parent / f".{path.name}.{os.getpid()}"
    with unfinished.open("wb", buffering=0) as file:
        file.write(memory.getvalue())
        fsync(file)
    unfinished.replace(path)


def synced_before_a_rename(path, write):
    """Closed, opened again and synced; removed on errors only."""
    unfinished = path.with_suffix(".part")
    try:
        with open(unfinished, "wb") as file:
            write(file)
        with open(unfinished, "rb+") as file:
            os.fsync(file.fileno())
    except BaseException:
        os.remove(unfinished)
        raise
    os.rename(unfinished, path) if os.name == "posix" else os.replace(unfinished, path)


def everything_synced(path, write):
    """`os.sync` brings all files to the disk (Windows has none)."""
    unfinished = path.with_name("unfinished")
    try:
        with unfinished.open("wb") as file:
            write(file)
            file.flush()
            if not hasattr(os, "sync"):
                os.fsync(file)
        if hasattr(os, "sync"):
            os.sync()
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def written_through(path, write):
    """Each writing goes to the disk at once, where the system knows how; then the folder, too."""
    unfinished = path.with_name("unfinished")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(unfinished, flags | getattr(os, "O_SYNC", 0)), "wb") as file:
            write(file)
            if not hasattr(os, "O_SYNC"):
                file.flush()
                os.fsync(file)
        os.replace(unfinished, path)
        if os.name == "posix":
            folder = os.open(path.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
    finally:
        unfinished.unlink(missing_ok=True)


class SlottedPlan:
    """Not a dataclass; its settings are properties."""

    def __init__(self, **values):
        known = {"epochs": 5, "lr": 0.1, "optimizer": "sgd", "flip": False}
        for name in values:
            if name not in known:
                raise ValueError(f"unknown setting {name}")
        known.update(values)
        if isinstance(known["epochs"], bool) or not isinstance(known["epochs"], int):
            raise TypeError("epochs must be a whole number")
        if known["epochs"] < 1:
            raise ValueError("epochs must be positive")
        if isinstance(known["lr"], bool) or not isinstance(known["lr"], int | float):
            raise TypeError("lr must be a number")
        if not math.isfinite(known["lr"]) or known["lr"] <= 0:
            raise ValueError("lr must be positive and finite")
        if known["optimizer"] not in {"sgd", "adamw"}:
            raise ValueError("optimizer must be sgd or adamw")
        if not isinstance(known["flip"], bool):
            raise TypeError("flip must be true or false")
        known["lr"] = float(known["lr"])
        object.__setattr__(self, "_values", known)

    def __getattr__(self, name):
        try:
            return self.__dict__["_values"][name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name, value):
        raise AttributeError(f"{name} is frozen")

    @staticmethod
    def from_dict(values):
        return SlottedPlan(**values)


def seeded_by_epoch(path, seed, num_epochs, after_epoch):
    """No generator is stored: each epoch has a seed of its own, made of seed and number."""
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(64, 20), nn.Tanh(), nn.Dropout(0.3), nn.Linear(20, 10))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.5)
    losses = []
    if path.exists():
        stored_seed, losses, *states = torch.load(path, weights_only=True)
        if stored_seed != seed:
            raise ValueError(f"{path} was trained from the seed {stored_seed}")
        net.load_state_dict(states[0])
        optimizer.load_state_dict(states[1])
    while len(losses) < num_epochs:
        torch.manual_seed(1000 * seed + len(losses))
        for batch in torch.randperm(len(y)).split(200):
            loss = nn.functional.cross_entropy(net(X[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
        unfinished = path.with_name("unfinished")
        with unfinished.open("wb") as file:
            torch.save([seed, losses, net.state_dict(), optimizer.state_dict()], file)
        os.replace(unfinished, path)
        after_epoch()
    return net.state_dict(), losses


def one_vector(path, seed, num_epochs, after_epoch):
    """Weights and momentum as two long rows; NumPy shuffles and makes the noise."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = nn.Sequential(nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 10))
    params, losses = list(net.parameters()), []
    momentum = torch.zeros(sum(p.numel() for p in params))
    if path.exists():
        state = torch.load(path, weights_only=True)
        if state["seed"] != seed:
            raise ValueError("another seed")
        nn.utils.vector_to_parameters(state["weights"], params)
        momentum, losses = state["momentum"], state["losses"]
        rng.bit_generator.state = state["rng"]
    while len(losses) < num_epochs:
        total = 0.0
        for batch in torch.as_tensor(rng.permutation(len(y))).split(100):
            noise = torch.as_tensor(rng.normal(0, 0.1, (len(batch), 64)), dtype=torch.float32)
            loss = nn.functional.cross_entropy(net(X[batch] + noise), y[batch])
            net.zero_grad()
            loss.backward()
            momentum = 0.9 * momentum + torch.cat([p.grad.flatten() for p in params])
            weights = nn.utils.parameters_to_vector(params).detach() - 0.05 * momentum
            nn.utils.vector_to_parameters(weights, params)
            total += loss.item()
        losses.append(total)
        state = {"seed": seed, "losses": losses, "rng": rng.bit_generator.state}
        unfinished = path.with_suffix(".part")
        torch.save(state | {"weights": weights, "momentum": momentum}, unfinished)
        unfinished.replace(path)
        after_epoch()
    return net.state_dict(), losses


def pickled_bytes(path, seed, num_epochs, after_epoch):
    """torch.save into memory, the bytes to the file by hand; losses as a tuple."""
    state, losses = loop()(path, seed, num_epochs, after_epoch)
    assert pickle.dumps(losses)
    return dict(state), tuple(losses)


RIGHT = {
    "21.1": [["ABBC", sorted(BITS)], ("ABBC", dict.fromkeys(BITS))],
    "21.2": [(sorted(A), tuple(B)), [frozenset(A), dict.fromkeys(B)]],
    "21.3": [
        from_memory,
        synced_before_a_rename,
        everything_synced,
        written_through,
        whole_then(lambda unfinished, path: unfinished.replace(path)),
        whole_then(shutil.move) if os.name == "posix" else from_memory,
    ],
    "21.4": [SlottedPlan, plan()],
    "21.5": [bring_back()],
    "21.6": [seeded_by_epoch, one_vector, pickled_bytes],
}
