"""The checks of chapter 21: configuration, checkpoints, resuming."""

import copy
import csv
import math
import os
import pickle
import random
import re
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

from .. import train
from .registry import Wrong, exercise, require

PARTS = ("net", "optimizer", "scheduler", "order", "dropout", "num_done")


class Crash(Exception):
    """Raised by the checks in the middle of an answer."""


class CtrlC(KeyboardInterrupt):
    """As if somebody had stopped the answer."""


CHANGES = {
    "process": (False, "the seed is the same there, and so is the rounding"),
    "threads": (True, "more threads may add the same numbers in another order"),
    "look": (False, "in evaluation mode no random number is drawn, and no weight changes"),
    "noise": (True, "from which generator does `torch.randn` draw, and from which dropout?"),
    "resume": (False, "with all six parts a resumed run is the same, bit for bit"),
    "version": (True, "another version may compute in another order"),
}


@exercise("21.1")
def hidden_order(answer) -> None:
    require(
        isinstance(answer, tuple | list) and len(answer) == 2,
        "a text and a set of names are wanted",
    )
    order, bits = answer
    require(
        isinstance(order, str) and order and set(order) <= set("ABC"),
        "(a): a text of the letters A, B and C is wanted",
    )
    lr = step = math.nan
    for cell in order:
        if cell == "A":
            lr = 1.0
            continue
        require(not math.isnan(lr), f"(a): {cell} needs an `lr`, and A did not run before it")
        if cell == "B":
            lr = lr / 10
        else:
            step = 2 * lr
    require(not math.isnan(step), "(a): without C there is no `step`")
    require(math.isclose(step, 0.02), f"(a): in the order {order} `step` is {step:g}")
    require(len(order) == 4, "(a): that gives 0.02, but there is a shorter order")
    require(
        not isinstance(bits, str) and hasattr(bits, "__iter__"), "(b): a set of names is wanted"
    )
    found = set(bits)
    unknown = [name for name in found if name not in CHANGES]
    require(not unknown, f"(b): there is no change {unknown[:1]}")
    for name, (matters, hint) in CHANGES.items():
        require(name in found or not matters, f"(b): a change is missing; {hint}")
        require(name not in found or matters, f"(b): {name!r} makes no other bits: {hint}")


@exercise("21.2")
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


MARK = 1_000_000_000 * 10**9  # ns since 1970: when a renamed file seems to have been written last


class Watched:
    """What an answer does to the file at `path` while it runs.

    Each file that gets this name by a rename is given a time of last writing long ago, which any
    later writing changes.
    """

    def __init__(self, answer: Any, path: Path) -> None:
        self.answer, self.path = answer, path
        self.synced = 0  # bytes of the largest file that was brought to the disk
        self.through = False  # whether a file was opened so that each writing goes to the disk
        self.renamed: list[tuple[Path, int, int]] = []  # from where, its size, bytes synced before
        self.before: list[bytes | None] = []  # what the name stood for at each of these moments
        self.moved_away = False

    def __enter__(self) -> "Watched":
        self.stack = ExitStack()
        watchers = {
            "fsync": self._sync,
            "fdatasync": self._sync,
            "sync": self._sync_all,
            "open": self._open,
            "replace": self._rename,
            "rename": self._rename,
        }
        for name, watcher in watchers.items():
            if hasattr(os, name):
                self.watch(os, name, watcher(getattr(os, name)))
        return self

    def watch(self, module: Any, name: str, watching: Callable[..., Any]) -> None:
        """Put `watching` in the place of a function, also where the notebook imported it."""
        original = getattr(module, name)
        self.stack.enter_context(mock.patch.object(module, name, watching))
        known = getattr(self.answer, "__globals__", {})
        # `from os import fsync` in the notebook
        aliases = {alias: watching for alias, value in known.items() if value is original}
        if aliases:
            self.stack.enter_context(mock.patch.dict(known, aliases))

    def __exit__(self, *error: object) -> None:
        self.stack.close()

    def untouched(self) -> bool:
        """Whether what lies at `path` came there by a rename and was not written to since."""
        return self.path.exists() and self.path.stat().st_mtime_ns == MARK

    def _sync(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def sync(file: Any) -> Any:
            found = os.fstat(file if isinstance(file, int) else file.fileno())
            if stat.S_ISREG(found.st_mode):  # a folder can be synced, too
                self.synced = max(self.synced, found.st_size)
            return original(file)

        return sync

    def _sync_all(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def sync() -> Any:
            sizes = [other.stat().st_size for other in self.path.parent.iterdir()]
            self.synced = max([self.synced, *sizes])
            return original()

        return sync

    def _open(self, original: Callable[..., Any]) -> Callable[..., Any]:
        flags_wanted = getattr(os, "O_SYNC", 0) | getattr(os, "O_DSYNC", 0)

        def open_file(path: Any, flags: int, *arguments: Any, **options: Any) -> Any:
            self.through = self.through or bool(flags & flags_wanted)
            return original(path, flags, *arguments, **options)

        return open_file

    def _rename(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def rename(source: Any, target: Any, **options: Any) -> Any:
            source, target = Path(os.fsdecode(source)), Path(os.fsdecode(target))
            if os.path.realpath(source) == os.path.realpath(self.path):
                self.moved_away = True
            if os.path.realpath(target) != os.path.realpath(self.path):
                return original(source, target, **options)
            size = source.stat().st_size
            self.renamed.append((source, size, size if self.through else self.synced))
            self.before.append(read(self.path))
            original(source, target, **options)
            os.utime(self.path, ns=(MARK, MARK))
            return None

        return rename


@exercise("21.3")
def whole_files(answer) -> None:
    require(callable(answer), "answer with the function itself")
    for old in (b"the old contents", None):
        with tempfile.TemporaryDirectory() as name:
            check_writing(answer, Path(name) / "data.bin", old)
        with tempfile.TemporaryDirectory() as name:
            check_failing(answer, Path(name) / "data.bin", old, Crash)
        with tempfile.TemporaryDirectory() as name:
            check_failing(answer, Path(name) / "data.bin", old, CtrlC)


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

    with Watched(answer, path) as watched:
        answer(path, write)
    require(len(during) == 1, f"`write` was called {len(during)} times, it should be once")
    require(read(path) == new, "afterwards the file does not hold what `write` wrote")
    require(
        during[0] == old,
        "while `write` runs, the old file is gone already: let it write to another file",
    )
    require(watched.renamed, "nothing was renamed: how does the new file get its name at once?")
    require(
        not watched.moved_away and watched.before == [old],
        "for a moment the old file is gone and the new one has not its name yet: leave the old one "
        "where it is, and let one call of `os.replace` take its place",
    )
    source, size, synced = watched.renamed[-1]
    require(
        os.path.realpath(source.parent) == os.path.realpath(path.parent),
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
    require(
        watched.untouched(),
        "the file is written to once more after it has its name; a crash would leave half of it",
    )
    left = sorted(other.name for other in path.parent.iterdir() if other != path)
    require(not left, f"something is left in the folder: {', '.join(left)}")


def check_failing(
    answer: Any, path: Path, old: bytes | None, kind: type[Crash] | type[CtrlC]
) -> None:
    """Require that an error in the middle leaves everything as it was."""
    when = "when `write` raises an error" if kind is Crash else "when Ctrl-C stops `write`"
    if old is not None:
        path.write_bytes(old)

    def write(file: Any) -> None:
        file.write(b"half")
        raise kind

    try:
        answer(path, write)
    except kind:
        pass
    else:
        require(False, f"{when}, it must go on to the caller")
    require(read(path) == old, f"{when}, the old file must stay")
    left = sorted(other.name for other in path.parent.iterdir() if other != path)
    require(not left, f"{when}, something is left: {', '.join(left)}")


DEFAULTS = {"epochs": 5, "lr": 0.1, "optimizer": "sgd", "flip": False}


@exercise("21.4")
def plan(answer) -> None:
    require(isinstance(answer, type), "answer with the class itself, not with an object of it")
    require(hasattr(answer, "from_dict"), "`Plan.from_dict` is missing")
    for values in ({}, {"epochs": 1, "lr": 2, "optimizer": "adamw", "flip": True}, {"lr": 1e-9}):
        for how, make in (("Plan", lambda v: answer(**v)), ("Plan.from_dict", answer.from_dict)):
            try:
                made = make(dict(values))
            except (TypeError, ValueError) as error:
                raise Wrong(f"{how} refuses {values}, which is right: {error}") from None
            require(made is not None, f"{how} returns nothing")
            for name, value in (DEFAULTS | values).items():
                require(hasattr(made, name), f"a plan has no attribute {name}")
                require(
                    getattr(made, name) == value, f"{how} of {values}: {name} should be {value}"
                )
    check_frozen(answer)
    nonsense: list[dict[str, Any]] = [
        *({"epochs": value} for value in (0, -1, 2.0, math.nan, "3", True, None)),
        *({"lr": value} for value in (0, -0.1, math.inf, -math.inf, math.nan, "0.1", True, None)),
        *({"optimizer": value} for value in ("adam", "SGD", "", 1, None)),
        *({"flip": value} for value in (1, 0, "no", None)),
        *({name: 3} for name in ("epoch", "learning_rate", "Flip")),
        {"epochs": 0, "lr": math.nan},
        {"optimizer": "adam", "flip": 1},
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
    """Require a TypeError or ValueError that names a wrong setting, and no right one."""
    try:
        make(dict(values))
    except (TypeError, ValueError) as error:
        said = set(re.findall(r"\w+", str(error)))
    except AssertionError:
        raise Wrong(
            "an `assert` is skipped by `python -O`: raise a TypeError or a ValueError"
        ) from None
    else:
        raise Wrong(f"{how} takes {values}")
    names = " or ".join(map(repr, values))
    require(said & set(values), f"{how} of {values}: the error should name {names}")
    if set(values) <= set(DEFAULTS):  # for a misspelled name Python itself may propose a right one
        others = sorted(said & (set(DEFAULTS) - set(values)))
        require(not others, f"{how} of {values}: the error names {others[:1]}, which is right")


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


@exercise("21.5")
def brought_back(answer) -> None:
    require(callable(answer), "answer with the function itself")
    # Seed 21: of two equal accuracies the first is kept, and a later epoch has the smallest loss.
    # Seed 23: of two equal accuracies the first is kept, and the second is the last epoch's. The
    # wrong answers in the tests see to it that it stays so.
    for crash, seed in ((2, 21), (3, 23)):
        with tempfile.TemporaryDirectory() as name:
            config = train.Config(
                model="mlp", epochs=5, batch_size=100, schedule="constant", lr=0.5, seed=seed
            )
            check_bringing_back(answer, Path(name), config, crash)


def check_bringing_back(answer: Any, place: Path, config: train.Config, crash: int) -> None:
    """Let a run of the trainer crash; require that the answer goes on with it."""

    def crashing(epoch: train.Epoch) -> None:
        if epoch.epoch == crash:
            raise Crash

    whole, folder = place / "whole", place / "crashed"
    wanted = train.run(config, out=whole, device="cpu", progress=False)
    with suppress(Crash):
        train.run(config, out=folder, device="cpu", progress=False, on_epoch=crashing)
    begun = log_of(folder)
    try:
        found = answer(folder)
    except FileExistsError:
        raise Wrong("the trainer does not overwrite a run: tell it to resume this one") from None
    except ValueError as error:
        said = str(error).replace(str(place), "")
        raise Wrong(f"the trainer refuses; did you take the run's own settings? {said}") from None
    require(isinstance(found, tuple | list) and len(found) == 2, "return two numbers")
    log = log_of(folder) if (folder / "log.csv").exists() else []
    require(
        (folder / "result.json").exists() and len(log) == config.epochs,
        f"the run in the folder has {len(log)} of its {config.epochs} epochs",
    )
    require(
        log[:crash] == begun,  # with the seconds that they took
        "epochs that were finished were trained again: go on with the run, do not begin anew",
    )
    require(
        [row | {"seconds": ""} for row in log] == [row | {"seconds": ""} for row in log_of(whole)],
        "the numbers are not those of a run that nobody disturbed",
    )
    before, kept = found
    require(before != config.epochs, "read how many epochs were finished before you resume")
    require(before == crash, f"{crash} epochs were finished before, not {before}")
    require(
        kept == wanted.chosen,
        f"epoch {wanted.chosen} is kept, not {kept}: the best validation accuracy, and of equal "
        "ones the smaller validation loss; epochs are counted from 1",
    )


def log_of(folder: Path) -> list[dict[str, str]]:
    """The lines of a run's log."""
    with (folder / "log.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def seed_all(seed: int) -> None:
    """Other random numbers in all global generators, as in a new process."""
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - an answer may use it
    random.seed(seed)


@exercise("21.6")
def resumable(answer) -> None:
    require(callable(answer), "answer with the function itself")
    with tempfile.TemporaryDirectory() as name:
        check_resumable(answer, Path(name))


def check_resumable(answer: Any, folder: Path) -> None:
    """Crash a loop in many ways; require that nothing is different."""
    whole_path, twin_path, other_path, path, half_path, watched_path = places = [
        folder / name / "run.pt"
        for name in ("whole", "twin", "other", "crashed", "half", "watched")
    ]
    for place in places:
        place.parent.mkdir()
    seed_all(1)
    whole, calls = run(answer, whole_path)
    losses = whole[1]
    require(len(losses) == 4, f"four epochs have four losses, not {len(losses)}")
    require(calls == 4, f"`after_epoch` was called {calls} times in four epochs")
    require(losses[-1] < losses[0], "the losses do not fall: is anything learned?")
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
    require_weights(path, resumed[0])
    require_momentum(path, resumed[0])
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
    check_an_epoch(answer, watched_path)


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

    with Watched(answer, path) as watched, suppress(Crash):
        watched.watch(torch, "save", dying)
        run(answer, path)
    require(path.exists(), "after a crash in torch.save there is no file at `path` any more")
    require_readable(path, "after a crash in torch.save the checkpoint")
    resumed, _ = run(answer, path)
    require_equal(resumed, whole, "after a crash in torch.save")


def numbers_in(value: Any) -> Iterator[torch.Tensor]:
    """All numbers in nested structures, as rows in float64."""
    if isinstance(value, torch.Tensor):
        if not value.is_complex():
            yield value.detach().cpu().flatten().to(torch.float64)
    elif isinstance(value, dict):
        for inner in value.values():
            yield from numbers_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from numbers_in(inner)
    elif isinstance(value, bool | int | float):
        yield torch.tensor([float(value)], dtype=torch.float64)


def require_weights(path: Path, state: dict[str, Any]) -> None:
    """Require that the last checkpoint holds the weights that were returned, in whatever form."""
    stored = [*numbers_in(torch.load(path, weights_only=True))]
    wanted = [*numbers_in(state)]
    require(wanted, "the state_dict holds no tensors")
    held = bool(stored) and bool(torch.isin(torch.cat(wanted), torch.cat(stored)).all())
    require(held, "the weights are not in the file: is all trained again from the beginning?")


def count_fractions(value: Any) -> int:
    """How many floating-point numbers are in nested structures."""
    if isinstance(value, torch.Tensor):
        return value.numel() if value.is_floating_point() else 0
    if isinstance(value, dict):
        return sum(map(count_fractions, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(count_fractions, value))
    return int(isinstance(value, float))


def require_momentum(path: Path, state: dict[str, Any]) -> None:
    """Require that the last checkpoint holds clearly more than the weights: their momentum, too."""
    stored = count_fractions(torch.load(path, weights_only=True))
    require(
        stored > 1.3 * count_fractions(dict(state)),
        "the file holds hardly more than the weights: where is the momentum?",
    )


def check_an_epoch(answer: Any, path: Path) -> None:
    """Require that files come by a rename, and that something is drawn in an epoch."""
    draws = [0]
    at_epoch: list[tuple[int, Any]] = []

    def counting(original: Callable[..., Any]) -> Callable[..., Any]:
        def draw(*arguments: Any, **options: Any) -> Any:
            draws[0] += 1
            return original(*arguments, **options)

        return draw

    def after_epoch() -> None:
        require(
            watched.untouched(),
            "the file is written under its own name: a crash leaves half of it; write to another "
            "file, then rename that",
        )
        state = torch.get_rng_state(), random.getstate(), np.random.get_state()  # noqa: NPY002
        at_epoch.append((draws[0], state))

    with Watched(answer, path) as watched:
        for name in ("randperm", "randint", "rand", "randn", "bernoulli", "multinomial"):
            watched.watch(torch, name, counting(getattr(torch, name)))
        watched.watch(np.random, "default_rng", counting(np.random.default_rng))
        answer(path, 7, 2, after_epoch)
    require(
        not watched.moved_away and None not in watched.before[1:],
        "for a moment there is no file at `path`: leave the old one where it is, and let one call "
        "of `os.replace` take its place",
    )
    require(len(at_epoch) == 2, "two epochs must call `after_epoch` twice")
    (drawn, state), (drawn_later, later) = at_epoch
    stored = torch.load(path, weights_only=True)
    own_generator = holds_generator(stored)
    require(
        drawn != drawn_later or not same(state, later) or own_generator,
        "nothing is drawn in an epoch: shuffle the images anew in each",
    )


def holds_generator(value: Any) -> bool:
    """Whether a checkpoint holds the state of a generator: bytes, or NumPy's dictionary."""
    if isinstance(value, torch.Tensor):
        return value.dtype == torch.uint8
    if isinstance(value, dict):
        return "bit_generator" in value or any(map(holds_generator, value.values()))
    return isinstance(value, list | tuple) and any(map(holds_generator, value))
