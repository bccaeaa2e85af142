"""The checks of chapter 21: configuration, checkpoints, resuming."""

import copy
import io
import math
import os
import pickle
import random
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

from .registry import Wrong, exercise, require

PARTS = ("net", "optimizer", "scheduler", "order", "dropout", "num_done")


class Crash(Exception):
    """Raised by the checks in the middle of an answer."""


@exercise("21.1")
def needed_parts(answer) -> None:
    require(isinstance(answer, tuple | list) and len(answer) == 2, "two sets are wanted")
    hints = {
        "net": "without the net all that was learned is gone",
        "num_done": "without the number of epochs the loop trains too long",
        "optimizer": "what does the optimizer keep from one step to the next?",
        "scheduler": "a constant learning rate has no position",
        "order": "an order that is always the same draws no numbers",
        "dropout": "the global generator matters where something draws from it",
    }
    wanted = {"net", "num_done"}, {"net", "optimizer", "dropout", "num_done"}
    for case, found, want in zip("ab", answer, wanted, strict=True):
        require(
            not isinstance(found, str) and hasattr(found, "__iter__"),
            f"({case}): a set of names is wanted",
        )
        names = set(found)
        unknown = [name for name in names if name not in PARTS]
        require(not unknown, f"({case}): there is no part {unknown[:1]}")
        for name in PARTS:
            missing, too_much = name in want - names, name in names - want
            require(not missing, f"({case}): something is missing; {hints[name]}")
            require(not too_much, f"({case}): {name!r} can be left out; {hints[name]}")


class Watched:
    """The calls of os.fsync, os.replace and os.rename while an answer runs, in order."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.synced = 0  # bytes of the largest file that was brought to the disk
        self.renamed: list[tuple[Path, int, int]] = []  # from where, its size, bytes synced before

    def __enter__(self) -> "Watched":
        self.stack = ExitStack()
        known = getattr(self.answer, "__globals__", {})
        for name in ("fsync", "fdatasync", "replace", "rename"):
            original = getattr(os, name, None)
            if original is None:
                continue
            watching = self._sync(original) if "sync" in name else self._rename(original)
            self.stack.enter_context(mock.patch.object(os, name, watching))
            # `from os import fsync` in the notebook
            aliases = {alias: watching for alias, value in known.items() if value is original}
            self.stack.enter_context(mock.patch.dict(known, aliases))
        return self

    def __exit__(self, *error: object) -> None:
        self.stack.close()

    def _sync(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def sync(file: Any) -> Any:
            number = file if isinstance(file, int) else file.fileno()
            self.synced = max(self.synced, os.fstat(number).st_size)
            return original(file)

        return sync

    def _rename(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def rename(source: Any, target: Any, **options: Any) -> Any:
            self.renamed.append((Path(source), os.path.getsize(source), self.synced))
            return original(source, target, **options)

        return rename


@exercise("21.2")
def whole_files(answer) -> None:
    require(callable(answer), "answer with the function itself")
    for old in (b"the old contents", None):
        with tempfile.TemporaryDirectory() as name:
            check_writing(answer, Path(name) / "data.bin", old)
        with tempfile.TemporaryDirectory() as name:
            check_failing(answer, Path(name) / "data.bin", old)


def read(path: Path) -> bytes | None:
    """What a file holds; None where there is none."""
    return path.read_bytes() if path.exists() else None


def check_writing(answer: Any, path: Path, old: bytes | None) -> None:
    """Require that a file is replaced as a whole, after its bytes are on the disk."""
    new, during = bytes(range(256)) * 9, []
    if old is not None:
        path.write_bytes(old)

    def write(file: Any) -> None:
        file.write(new[:1000])
        file.write(new[1000:])  # less than a buffer: it stays in Python until flush
        during.append(read(path))

    with Watched(answer) as watched:
        answer(path, write)
    require(len(during) == 1, f"`write` was called {len(during)} times, it should be once")
    require(read(path) == new, "afterwards the file does not hold what `write` wrote")
    require(
        during[0] == old,
        "while `write` runs, the old file is gone already: let it write to another file",
    )
    require(watched.renamed, "nothing was renamed: how does the new file get its name at once?")
    source, size, synced = watched.renamed[-1]
    require(
        source.absolute().parent == path.parent,
        "the unfinished file is in another folder; that may be another disk",
    )
    require(
        size == len(new),
        "the file was renamed before all its bytes were written: close it, or flush",
    )
    require(synced, "a power failure could leave an empty file: bring the bytes to the disk before")
    require(
        synced == len(new),
        f"when fsync was called, the file had {synced} of its {len(new):,} bytes; the others "
        "were still in Python",
    )
    left = sorted(other.name for other in path.parent.iterdir() if other != path)
    require(not left, f"something is left in the folder: {', '.join(left)}")


def check_failing(answer: Any, path: Path, old: bytes | None) -> None:
    """Require that an error in the middle leaves everything as it was."""
    if old is not None:
        path.write_bytes(old)

    def write(file: Any) -> None:
        file.write(b"half")
        raise Crash

    try:
        answer(path, write)
    except Crash:
        pass
    else:
        require(False, "when `write` raises an error, it must go on to the caller")
    require(read(path) == old, "when `write` raises an error, the old file must stay")
    left = sorted(other.name for other in path.parent.iterdir() if other != path)
    require(not left, f"when `write` raises an error, something is left: {', '.join(left)}")


@exercise("21.3")
def plan(answer) -> None:
    require(isinstance(answer, type), "answer with the class itself, not with an object of it")
    require(hasattr(answer, "from_dict"), "`Plan.from_dict` is missing")
    defaults = {"epochs": 5, "lr": 0.1, "optimizer": "sgd", "flip": False}
    for values in ({}, {"epochs": 1, "lr": 2, "optimizer": "adamw", "flip": True}, {"lr": 1e-9}):
        for how, make in (("Plan", lambda v: answer(**v)), ("Plan.from_dict", answer.from_dict)):
            try:
                made = make(dict(values))
            except (TypeError, ValueError) as error:
                raise Wrong(f"{how} refuses {values}, which is right: {error}") from None
            require(made is not None, f"{how} returns nothing")
            for name, value in (defaults | values).items():
                require(hasattr(made, name), f"a plan has no attribute {name}")
                require(
                    getattr(made, name) == value, f"{how} of {values}: {name} should be {value}"
                )
    check_frozen(answer)
    nonsense: list[dict[str, Any]] = [
        *({"epochs": value} for value in (0, -1, 2.0, "3", True, None)),
        *({"lr": value} for value in (0, -0.1, math.inf, math.nan, "0.1", True, None)),
        *({"optimizer": value} for value in ("adam", "SGD", "", 1, None, ["sgd"])),
        *({"flip": value} for value in (1, 0, "no", None)),
        *({name: 3} for name in ("epoch", "learning_rate", "Flip")),
    ]
    for values in nonsense:
        for how, make in (("Plan", lambda v: answer(**v)), ("Plan.from_dict", answer.from_dict)):
            check_refusal(how, make, values)


def check_frozen(answer: Any) -> None:
    """Require that a plan cannot be changed."""
    made = answer()
    for name in ("epochs", "learning_rate"):
        try:
            setattr(made, name, 7)
        except (AttributeError, TypeError):
            continue
        require(False, f"a plan is frozen: `plan.{name} = 7` should be refused")


def check_refusal(how: str, make: Callable[[Any], Any], values: dict[str, Any]) -> None:
    """Require a TypeError or ValueError that names the setting."""
    (name,) = values
    try:
        make(dict(values))
    except (TypeError, ValueError) as error:
        require(name in str(error), f"{how} of {values}: the error should name {name!r}")
    else:
        require(False, f"{how} takes {values}")


def same(first: Any, second: Any) -> bool:
    """Whether two nested structures of tensors, arrays and plain values are equal bit by bit."""
    if isinstance(first, torch.Tensor) or isinstance(second, torch.Tensor):
        return (
            isinstance(first, torch.Tensor)
            and isinstance(second, torch.Tensor)
            and first.dtype == second.dtype
            and torch.equal(first.cpu(), second.cpu())
        )
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(same(first[k], second[k]) for k in first)
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(np.array_equal(first, second))


def seed_all(seed: int) -> None:
    """Other random numbers in all global generators, as in a new process."""
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - an answer may use it
    random.seed(seed)


def parts_of(training: Any) -> dict[str, tuple[Any, str]]:
    """All that changes in a Faithful, and what to say where it is not as before."""
    return {
        "net": (training.net.state_dict(), "the weights are not those that were saved"),
        "num_done": (training.num_done, "the number of epochs done is another"),
        "optimizer": (training.optimizer.state_dict(), "the next step begins without momentum"),
        "average": (training.average.state_dict(), "the moving average begins anew"),
        "best": (training.best, "the best loss so far is forgotten"),
        "rng": (training.rng.bit_generator.state, "the next epoch has the order of another one"),
        "noise": (torch.get_rng_state(), "the noise comes from other random numbers"),
    }


def snapshot(training: Any) -> dict[str, Any]:
    """A copy of all that changes, by name."""
    return copy.deepcopy({name: part for name, (part, _) in parts_of(training).items()})


@exercise("21.4")
def faithful(answer) -> None:
    require(isinstance(answer, type), "answer with the class itself, not with an object of it")
    for name in ("state", "restore", "train_epoch"):
        require(callable(getattr(answer, name, None)), f"the class has no method {name}")
    whole = answer(1)
    for _ in range(4):
        whole.train_epoch()
    end = snapshot(whole)
    stopped, file = answer(1), io.BytesIO()
    for _ in range(2):
        stopped.train_epoch()
    state = stopped.state()
    require(state is not None, "`state` returns nothing")
    saved = snapshot(stopped)
    torch.save(state, file)
    file.seek(0)
    try:
        loaded = torch.load(file, weights_only=True)
    except pickle.UnpicklingError:
        raise Wrong("the state does not load with weights_only=True: plain values only") from None
    stopped.train_epoch()
    file.seek(0)
    require(
        same(state, torch.load(file, weights_only=True)),
        "the state changed while the training went on: it shares memory with it",
    )
    again = answer(1)
    seed_all(999)  # as in a new process
    again.restore(loaded)
    for name, (part, hint) in parts_of(again).items():
        require(same(part, saved[name]), f"after `restore` {hint}")
    for _ in range(2):
        again.train_epoch()
    require(
        same(snapshot(again), end),
        "two more epochs end elsewhere than in the run that nobody stopped",
    )


@exercise("21.5")
def resumable(answer) -> None:
    require(callable(answer), "answer with the function itself")
    with tempfile.TemporaryDirectory() as name:
        check_resumable(answer, Path(name))


def check_resumable(answer: Any, folder: Path) -> None:
    """Crash a loop in many ways; require that nothing is different."""
    whole_path, twin_path, other_path, path, half_path = places = [
        folder / name / "run.pt" for name in ("whole", "twin", "other", "crashed", "half")
    ]
    for place in places:
        place.parent.mkdir()
    seed_all(1)
    whole, calls = run(answer, whole_path)
    losses = whole[1]
    require(len(losses) == 4, f"four epochs have four losses, not {len(losses)}")
    require(calls == 4, f"`after_epoch` was called {calls} times in four epochs")
    seed_all(2)
    twin, _ = run(answer, twin_path)
    require(
        same(twin, whole),
        "two runs with one seed differ even without a crash: what is drawn before you seed?",
    )
    other, _ = run(answer, other_path, seed=5)
    require(not same(other, whole), "two seeds give the same run: use the seed")

    for k, crash in enumerate((1, 2), start=3):
        seed_all(k)
        crashed(answer, path, crash)
    seed_all(6)
    resumed, calls = run(answer, path)
    require_equal(resumed, whole, "after crashes behind epochs 1 and 3")
    require(calls == 1, f"one epoch was left, and `after_epoch` was called {calls} times")
    resumed, calls = run(answer, path)
    require(calls == 0, "a finished run trains on when it is started again")
    require_equal(resumed, whole, "when a finished run is started again")
    try:
        run(answer, path, seed=8)
    except ValueError:
        pass
    else:
        require(False, "a checkpoint of another seed must be refused with a ValueError")
    check_half_a_file(answer, half_path, whole)


def run(answer: Any, path: Path, seed: int = 7) -> tuple[tuple[Any, Any], int]:
    """State (a copy) and losses of four epochs, and how often after_epoch was called."""
    calls: list[None] = []
    found = answer(path, seed, 4, lambda: calls.append(None))
    require(
        isinstance(found, tuple | list) and len(found) == 2,
        "return a pair: the model's state_dict and the list of losses",
    )
    require(isinstance(found[0], dict) and found[0], "the first result must be a state_dict")
    require(isinstance(found[1], list | tuple), "the second result must be the list of losses")
    return (copy.deepcopy(dict(found[0])), [float(loss) for loss in found[1]]), len(calls)


def crashed(answer: Any, path: Path, after: int) -> None:
    """Start or resume a run that crashes in its `after`-th call of after_epoch."""
    calls: list[None] = []

    def after_epoch() -> None:
        calls.append(None)
        if len(calls) == after:
            raise Crash

    try:
        answer(path, 7, 4, after_epoch)
    except Crash:
        pass
    else:
        require(False, "the error that `after_epoch` raises must go on to the caller")
    require(path.exists(), "when `after_epoch` is called, there should be a file at `path`")
    require_readable(path, "the checkpoint")


def require_readable(path: Path, what: str) -> None:
    try:
        torch.load(path, weights_only=True)
    except pickle.UnpicklingError as error:
        if "weights_only" not in str(error).lower().replace("weights only", "weights_only"):
            raise Wrong(f"{what} cannot be read: is it half a file?") from None
        raise Wrong(f"{what} does not load with weights_only=True: plain values only") from None
    except Exception:  # half a file may raise nearly everything
        raise Wrong(f"{what} cannot be read: is it half a file?") from None


def require_equal(found: tuple[Any, Any], wanted: tuple[Any, Any], when: str) -> None:
    """Require the same losses and the same weights, bit for bit."""
    require(
        len(found[1]) == len(wanted[1]),
        f"{when} there are {len(found[1])} losses for {len(wanted[1])} epochs",
    )
    for epoch, (loss, other) in enumerate(zip(found[1], wanted[1], strict=True), start=1):
        require(
            loss == other,
            f"{when} the loss of epoch {epoch} differs by {abs(loss - other):.1g} from the run "
            "without a crash: what changes in training and is not in the file?",
        )
    require(same(found[0], wanted[0]), f"{when} the losses agree, but the model's state differs")


def check_half_a_file(answer: Any, path: Path, whole: tuple[Any, Any]) -> None:
    """Crash in the middle of the third torch.save; the second file must still be there."""
    count, save = [0], torch.save

    def dying(contents: Any, file: Any, *args: Any, **options: Any) -> None:
        count[0] += 1
        if count[0] < 3:
            save(contents, file, *args, **options)
            return
        if hasattr(file, "write"):
            file.write(b"half")
        else:
            Path(file).write_bytes(b"half")
        raise Crash

    with mock.patch.object(torch, "save", dying), suppress(Crash):
        run(answer, path)
    require(path.exists(), "after a crash in torch.save there is no file at `path` any more")
    require_readable(path, "after a crash in torch.save the checkpoint")
    resumed, _ = run(answer, path)
    require_equal(resumed, whole, "after a crash in torch.save")
