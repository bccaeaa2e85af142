"""Typical wrong answers to the exercises of chapter 21; each must be refused."""

import csv
import io
import json
import math
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn, save
from torch.nn import functional

from d2lhelpers import load_digits, train

digits = load_digits()
X, y = digits.train.images.flatten(1) / 255, digits.train.labels


# ---- 21.3 ----------------------------------------------------------------------------------------


def naive(path, write):
    with path.open("wb") as file:
        write(file)


def atomic(sync=True, flush=True, close=True, folder=None, clean=True, swallow=False, delete=False):
    """The solution with one thing changed."""

    def replace_file(path, write):
        if delete:
            path.unlink(missing_ok=True)
        parent = Path(folder) if folder else path.parent
        unfinished = parent / (path.name + ".tmp")
        file = unfinished.open("wb")
        try:
            write(file)
            if flush:
                file.flush()
            if sync:
                os.fsync(file.fileno())
            if close:
                file.close()
            os.replace(unfinished, path)
        except Exception:
            if not swallow:
                raise
        finally:
            file.close()
            if clean:
                unfinished.unlink(missing_ok=True)

    return replace_file


def synced_too_late(path, write):
    unfinished = path.with_suffix(".tmp")
    try:
        with unfinished.open("wb") as file:
            write(file)
        unfinished.replace(path)
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    finally:
        unfinished.unlink(missing_ok=True)


def twice(path, write):
    """A rehearsal first."""
    with tempfile.TemporaryFile() as file:
        write(file)
    atomic()(path, write)


def backup(path, write):
    """The old file is kept under another name."""
    old = path.with_suffix(".old")
    if path.exists():
        os.rename(path, old)
    naive(path, write)


def whole_then(finish):
    """A whole file on the disk beside the old one, and a wrong last step."""

    def replace_file(path, write):
        unfinished = path.with_name(path.name + ".tmp")
        try:
            with unfinished.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            finish(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)

    return replace_file


def delete_then_rename(unfinished, path):
    path.unlink(missing_ok=True)
    unfinished.rename(path)


def aside_then_rename(unfinished, path):
    aside = path.with_name("aside")
    if path.exists():
        os.replace(path, aside)
    os.replace(unfinished, path)
    aside.unlink(missing_ok=True)


def rename_then_write(unfinished, path):
    os.replace(unfinished, path)
    path.write_bytes(path.read_bytes())


def for_errors_only(path, write):
    """Ctrl-C leaves the unfinished file."""
    unfinished = path.with_name(path.name + ".tmp")
    try:
        with unfinished.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
    except Exception:
        unfinished.unlink()
        raise
    os.replace(unfinished, path)


# ---- 21.4 ----------------------------------------------------------------------------------------


def plan(ints=True, bools=True, finite=True, choice=True, names=True, flags=True, frozen=True,
         text=False, fractions=True):  # fmt: skip
    """The solution with one thing changed."""

    @dataclass(frozen=frozen, kw_only=True)
    class Plan:
        epochs: int = 5
        lr: float = 0.1
        optimizer: str = "sgd"
        flip: bool = False

        def __post_init__(self):
            kinds = (int,) if ints else (int, float)
            epochs = isinstance(self.epochs, kinds) if not bools else type(self.epochs) in kinds
            rates = (int, float) if fractions else (float,)
            fits = {
                "epochs": epochs and self.epochs >= 1,
                "lr": type(self.lr) in rates
                and (0 < self.lr < math.inf if finite else not self.lr <= 0),
                "optimizer": self.optimizer in ("sgd", "adamw") or not choice,
                "flip": type(self.flip) is bool or not flags,
            }
            for name, fit in fits.items():
                if not fit:
                    raise ValueError("nonsense" if text else f"{name}: {getattr(self, name)!r}")

        @classmethod
        def from_dict(cls, values):
            if not names:
                values = {name: values[name] for name in values if name in cls.__annotations__}
            return cls(**values)

    return Plan


@dataclass(frozen=True, kw_only=True)
class Unchecked:
    epochs: int = 5
    lr: float = 0.1
    optimizer: str = "sgd"
    flip: bool = False

    @classmethod
    def from_dict(cls, values):
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class Asserting(Unchecked):
    def __post_init__(self):
        assert self.epochs >= 1


class WithoutFromDict:
    pass


@dataclass(frozen=True, kw_only=True)
class NamingAll(Unchecked):
    """One message for whatever is wrong."""

    def __post_init__(self):
        epochs = type(self.epochs) is int and self.epochs >= 1
        lr = type(self.lr) in (int, float) and 0 < self.lr < math.inf
        optimizer = self.optimizer in ("sgd", "adamw")
        if not (epochs and lr and optimizer and type(self.flip) is bool):
            raise ValueError("one of epochs, lr, optimizer, flip is wrong")


# ---- 21.5 ----------------------------------------------------------------------------------------


def lines(folder):
    with (folder / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def bring_back(late=False, own=True, resume=True, anew=False, kept=None, only=False):
    """The solution with one thing changed."""

    def answer(folder):
        before = len(lines(folder))
        stored = json.loads((folder / "config.json").read_text())
        if anew:
            shutil.rmtree(folder)
        config = train.Config.from_dict(stored if own else {})
        result = train.run(config, out=folder, resume=resume, device="cpu", progress=False)
        before = len(lines(folder)) if late else before
        chosen = result.chosen if kept is None else kept(result)
        return before if only else (before, chosen)

    return answer


def best_of(choose, column):
    """The first epoch with the best value of one column."""

    def kept(result):
        values = [getattr(epoch, column) for epoch in result.history]
        return 1 + values.index(choose(values))

    return kept


def last_of_the_best(result):
    """Of equal accuracies the later one."""
    accuracies = [epoch.validation_accuracy for epoch in result.history]
    return max(e for e, a in enumerate(accuracies, start=1) if a == max(accuracies))


def elsewhere(folder):
    """The folder that was asked for stays as it is."""
    with tempfile.TemporaryDirectory() as name:
        copied = Path(name) / "copy"
        shutil.copytree(folder, copied)
        return bring_back()(copied)


# ---- 21.6 ----------------------------------------------------------------------------------------


def loop(left_out=(), safe=True, checked=True, seeded=True, plain=True, late=False, again=False,
         losses=True, swallow=False, use_seed=True, calls=1, momentum=0.9):  # fmt: skip
    """A right answer with one thing changed."""

    def fit(path, seed, num_epochs, after_epoch):
        if seeded:
            torch.manual_seed(seed if use_seed else 0)
        net = nn.Sequential(nn.Linear(64, 20), nn.ReLU(), nn.Dropout(0.2), nn.Linear(20, 10))
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=momentum)
        order = torch.Generator().manual_seed(seed if use_seed else 0)
        done, found = 0, []
        if path.exists():
            state = torch.load(path, weights_only=plain)
            if checked and state["seed"] != seed:
                raise ValueError("another seed")
            if "net" not in left_out:
                net.load_state_dict(state["net"])
            if "optimizer" not in left_out:
                optimizer.load_state_dict(state["optimizer"])
            if "order" not in left_out:
                order.set_state(state["order"])
            if "dropout" not in left_out:
                torch.set_rng_state(state["dropout"])
            found = state["losses"] if losses else []
            done = state["done"] if "done" not in left_out else 0
        for _ in range(done, num_epochs + again):
            total = 0.0
            for batch in torch.randperm(len(y), generator=order).split(133):
                loss = functional.cross_entropy(net(X[batch]), y[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += loss.item()
            done += 1
            found.append(total)
            state = {
                "net": net.state_dict(), "optimizer": optimizer.state_dict(), "losses": found,
                "order": order.get_state(), "dropout": torch.get_rng_state(), "done": done,
                "seed": seed if plain else np.array([seed]),
            }  # fmt: skip
            if late:
                for _ in range(calls):
                    after_epoch()
            unfinished = path.with_suffix(".tmp") if safe else path
            torch.save(state, unfinished)
            os.replace(unfinished, path)
            if not late:
                try:
                    for _ in range(calls):
                        after_epoch()
                except Exception:
                    if not swallow:
                        raise
        return net.state_dict(), found

    return fit


def saved_by(store):
    """The loop, which writes its file by another function."""

    def fit(path, seed, num_epochs, after_epoch):
        def epoch_done():
            store(torch.load(hidden, weights_only=True), path)
            after_epoch()

        hidden = path.with_name("hidden.pt")
        return loop()(hidden, seed, num_epochs, epoch_done)

    return fit


def through_memory(contents, path):
    memory = io.BytesIO()
    torch.save(contents, memory)
    path.write_bytes(memory.getvalue())


def by_another_name(contents, path):
    save(contents, path)


def deleted_first(contents, path):
    unfinished = path.with_name("unfinished")
    torch.save(contents, unfinished)
    path.unlink(missing_ok=True)
    unfinished.rename(path)


def replaying(path, seed, num_epochs, after_epoch):
    """Only the number of epochs is stored; all of them are trained again."""
    done = 0
    if path.exists():
        state = torch.load(path, weights_only=True)
        if state["seed"] != seed:
            raise ValueError("another seed")
        done = state["done"]

    def epoch_done():
        epochs.append(None)
        if len(epochs) > done:
            unfinished = path.with_name("unfinished")
            torch.save({"seed": seed, "done": len(epochs)}, unfinished)
            os.replace(unfinished, path)
            after_epoch()

    epochs = []
    with tempfile.TemporaryDirectory() as name:
        return loop()(Path(name) / "run.pt", seed, max(num_epochs, done), epoch_done)


def without_chance(falling):
    """No data, no momentum, nothing drawn."""

    def fit(path, seed, num_epochs, after_epoch):
        weight, losses = torch.tensor(float(seed)), []
        if path.exists():
            state = torch.load(path, weights_only=True)
            if state["seed"] != seed:
                raise ValueError("another seed")
            weight, losses = state["weight"], state["losses"]
        while len(losses) < num_epochs:
            weight = 1.5 * weight
            losses.append(1.0 / (1 + len(losses)) if falling else 1.0)
            unfinished = path.with_name("unfinished")
            torch.save({"seed": seed, "weight": weight, "losses": losses}, unfinished)
            os.replace(unfinished, path)
            after_epoch()
        return {"weight": weight}, losses

    return fit


def net_only(path, seed, num_epochs, after_epoch):
    """Half of the results."""
    return loop()(path, seed, num_epochs, after_epoch)[0]


def without_file(path, seed, num_epochs, after_epoch):
    return loop()(path.with_name("mine.pt"), seed, num_epochs, after_epoch)


ALL = {"net", "optimizer", "scheduler", "order", "dropout", "num_done"}
A, B = {"net", "num_done"}, {"net", "optimizer", "dropout", "num_done"}

BITS = {"threads", "noise", "version"}

WRONG = {
    "21.1": [
        ("ABC", BITS),
        ("BC", BITS),
        ("ABB", BITS),
        ("ABBCC", BITS),
        ("abbc", BITS),
        (3, BITS),
        ("ABBC", BITS - {"threads"}),
        ("ABBC", BITS - {"noise"}),
        ("ABBC", BITS - {"version"}),
        ("ABBC", BITS | {"look"}),
        ("ABBC", BITS | {"process"}),
        ("ABBC", BITS | {"resume"}),
        ("ABBC", BITS | {"seed"}),
        ("ABBC", "noise"),
        "ABBC",
    ],
    "21.2": [
        ({"net"}, B),
        (A | {"optimizer"}, B),
        (A | {"order"}, B),
        (A, B - {"dropout"}),
        (A, B - {"optimizer"}),
        (A, B | {"scheduler"}),
        (A, ALL),
        (A, {"net", "momentum", "num_done"}),
        (ALL, ALL),
        (A,),
        ("net", "net"),
        (1, 2),
        3,
    ],
    "21.3": [
        naive,
        atomic(sync=False),
        atomic(flush=False),
        atomic(flush=False, sync=False, close=False),
        atomic(folder=tempfile.gettempdir()),
        atomic(clean=False),
        atomic(swallow=True),
        atomic(delete=True),
        synced_too_late,
        twice,
        backup,
        whole_then(delete_then_rename),
        whole_then(aside_then_rename),
        whole_then(rename_then_write),
        for_errors_only,
        lambda path, write: write(io.BytesIO()),
        "replace",
    ],
    "21.4": [
        plan(ints=False),
        plan(bools=False),
        plan(finite=False),
        plan(choice=False),
        plan(names=False),
        plan(flags=False),
        plan(frozen=False),
        plan(text=True),
        plan(fractions=False),
        Unchecked,
        Asserting,
        WithoutFromDict,
        NamingAll,
        plan()(),
        5,
    ],
    "21.5": [
        bring_back(late=True),
        bring_back(own=False),
        bring_back(resume=False),
        bring_back(anew=True),
        bring_back(kept=lambda result: 0),
        bring_back(kept=lambda result: result.chosen - 1),
        bring_back(kept=lambda result: result.validation_accuracy),
        bring_back(kept=lambda result: len(result.history)),
        bring_back(kept=best_of(min, "validation_loss")),
        bring_back(kept=best_of(min, "train_loss")),
        bring_back(kept=best_of(max, "train_accuracy")),
        bring_back(kept=best_of(max, "validation_accuracy")),
        bring_back(kept=last_of_the_best),
        bring_back(only=True),
        elsewhere,
        lambda folder: (len(lines(folder)), 1),
        2,
    ],
    "21.6": [
        *(loop((name,)) for name in ("net", "optimizer", "order", "dropout", "done")),
        loop(safe=False),
        loop(checked=False),
        loop(seeded=False),
        loop(plain=False),
        loop(late=True),
        loop(again=True),
        loop(losses=False),
        loop(swallow=True),
        loop(use_seed=False),
        loop(calls=2),
        loop(momentum=0.0),
        saved_by(through_memory),
        saved_by(by_another_name),
        saved_by(deleted_first),
        replaying,
        without_chance(falling=False),
        without_chance(falling=True),
        net_only,
        without_file,
        0.5,
    ],
}
