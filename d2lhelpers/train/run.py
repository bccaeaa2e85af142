"""A whole run: epochs, checkpoints, the log, and the model that is kept."""

import contextlib
import json
import os
import platform
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

from ..data import ImageDataset
from . import checkpoint
from .checkpoint import CheckpointError
from .config import Config
from .datasets import load_data
from .hardware import choose_device
from .learner import Interrupted, Learner, TrainingError
from .models import build_model
from .processes import Processes, from_environment, joined
from .results import Epoch, Result, draw_curves, write_json, write_log
from .stopping import StopRequest, stop_requests
from .trained import Trained

__all__ = ["CHECKPOINT", "TrainingError", "run", "stored_config"]

KIND = "run in progress"
CHECKPOINT, SETTINGS, BEST = "checkpoint.pt", "config.json", "best.pt"
LOG, CURVES, RESULT = "log.csv", "curves.svg", "result.json"
FILES = (
    CHECKPOINT,
    checkpoint.previous(Path(CHECKPOINT)).name,
    SETTINGS,
    BEST,
    LOG,
    CURVES,
    RESULT,
)
SAVE_AFTER = 600.0  # seconds, in the middle of an epoch
REDRAW_AFTER = 20.0  # seconds; a picture costs as much as a short epoch


def run(
    config: Config,
    *,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    device: str = "auto",
    test: bool = True,
    progress: bool = True,
    on_start: Callable[[], object] | None = None,
    on_epoch: Callable[[Epoch], object] | None = None,
) -> Result:
    """Train a model, validate it after each epoch, and keep the best.

    In the folder `out` there are afterwards `checkpoint.pt` (all that is needed to go on) and
    `checkpoint.previous.pt` (the one before), `best.pt` (the kept model, for `load`), `log.csv`,
    `curves.svg`, `config.json` and `result.json`. Each is replaced as a whole, the checkpoint
    first, after each epoch and, in a process that trains alone, every ten minutes and when it is
    asked to stop: a run that is killed loses what came after that and nothing else. Started by
    torchrun, all processes train one model and number 0 alone writes.

    Args:
        config: the settings.
        out: the folder to write to; None writes nothing.
        resume: go on with the run in `out`; where there is none yet, start it.
        device: auto, cpu, cuda, cuda:1 or mps.
        test: whether the kept model meets the test images, once, at the end.
        progress: whether a progress bar is shown.
        on_start: called once, when all settings fit and the training begins.
        on_epoch: called after each epoch, in process number 0.

    Returns:
        What came out. A run that is asked to stop (Ctrl-C, SIGTERM) ends after its step and returns
        what its finished epochs gave, without a look at the test images.

    Raises:
        FileExistsError: when `out` holds a run and `resume` is False.
        CheckpointError: when its checkpoint is damaged, or of another run.
        KeyboardInterrupt: when it is asked to stop before any epoch is finished, or twice.
        TrainingError: when a number is no longer finite, or another process trains there.
        ValueError: when the settings do not fit the data or this machine.
    """
    processes = from_environment()
    where = choose_device(device, processes.local_rank)
    gpus = [where.index or 0] if where.type == "cuda" else []
    with (
        joined(processes, where),
        _occupied(Path(out) if out is not None and processes.leads else None) as folder,
        torch.random.fork_rng(gpus),
    ):
        stored = None if out is None else _stored(Path(out), config, resume)
        dataset = load_data(config.data, config.validation)
        session = _Session(config, dataset, Learner(config, dataset, where, processes), folder)
        if stored is not None:
            session.restore(stored)
        if folder is not None:
            session.begin(folder)
        if on_start is not None:
            on_start()
        with stop_requests() as request:
            finished = session.train(progress, on_epoch, request)
            return session.finish(test=test and finished)


def stored_config(out: str | os.PathLike[str]) -> Config | None:
    """The settings of the run in a folder, which may not have come to its first checkpoint.

    Returns None where no run was begun.

    Raises:
        CheckpointError: when the checkpoint is damaged.
    """
    path, settings = Path(out) / CHECKPOINT, Path(out) / SETTINGS
    if path.exists():
        return _config_in(path, checkpoint.load(path, KIND)["config"])
    if settings.exists():
        return _config_in(settings, json.loads(settings.read_text(encoding="utf-8")))
    return None


def _config_in(path: Path, values: Any) -> Config:
    try:
        return Config.from_dict(values)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} has settings that this trainer has not: {error}") from None


def _stored(folder: Path, config: Config, resume: bool) -> dict[str, Any] | None:
    """The checkpoint in a folder, checked to be of this run; None where there is none."""
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    if not resume:
        raise FileExistsError(
            f"{folder} holds a run already: resume it, or choose another folder for a new one"
        )
    record = checkpoint.load(path, KIND)
    differences = _config_in(path, record["config"]).differences(config)
    if differences:
        raise CheckpointError(
            f"{path} belongs to a run with other settings ({'; '.join(differences)}); "
            "resume it with its own, or choose another folder"
        )
    return record


@contextlib.contextmanager
def _occupied(folder: Path | None) -> Iterator[Path | None]:
    """The folder, made and locked; the system unlocks it when this process ends in any way."""
    if folder is None:
        yield None
        return
    import filelock

    folder.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(folder / "run.lock", timeout=0):
            yield folder
    except filelock.Timeout:
        raise TrainingError(f"another process is training in {folder}") from None


class _Session:
    """A learner, its history, and the folder that it is written to."""

    def __init__(
        self, config: Config, dataset: ImageDataset, learner: Learner, folder: Path | None
    ) -> None:
        self.config, self.dataset, self.learner, self.folder = config, dataset, learner, folder
        self.history: list[Epoch] = []
        self.best: dict[str, Any] | None = None  # epoch and parameters
        self.earlier: list[dict[str, Any]] = []  # environments of parts of the run
        self._drawn = float("-inf")  # when the curves were drawn
        self._saved = time.monotonic()  # when the checkpoint was written
        self._data = _fingerprint(dataset)

    @property
    def processes(self) -> Processes:
        return self.learner.processes

    def begin(self, folder: Path) -> None:
        """Clear away what a killed process left, and say which run this is."""
        for name in FILES:
            checkpoint.remove_unfinished(folder / name)
        write_json(folder / SETTINGS, self.config.as_dict())

    def train(
        self, progress: bool, on_epoch: Callable[[Epoch], object] | None, request: StopRequest
    ) -> bool:
        """Train the epochs that are left; False when it was asked to stop before the end.

        Raises:
            KeyboardInterrupt: when it was asked to stop before any epoch was finished.
        """
        left = self.config.epochs - len(self.history)
        bar = tqdm(
            total=left * self.learner.steps,
            unit="step",
            leave=False,
            delay=1,
            disable=None if progress and self.processes.leads else True,  # None: on a terminal
        )

        def go_on() -> bool:
            bar.update()
            overdue = time.monotonic() - self._saved > SAVE_AFTER
            # Several processes would have to agree on the step after which they stop.
            return not request.made and (not overdue or self.processes.together)

        with bar:
            while len(self.history) < self.config.epochs:
                bar.set_description(f"epoch {len(self.history) + 1}/{self.config.epochs}")
                try:
                    self._epoch(go_on)
                except Interrupted:
                    if not self.processes.together:
                        self._save()
                    if not request.made:
                        continue
                    if not self.history:
                        raise KeyboardInterrupt from None
                    return False
                self._save()
                self._show()
                if on_epoch is not None and self.processes.leads:
                    with bar.external_write_mode():
                        on_epoch(self.history[-1])
                if request.made and len(self.history) < self.config.epochs:
                    return False
        return True

    def _epoch(self, go_on: Callable[[], bool]) -> None:
        learner = self.learner
        loss, accuracy, seconds = learner.train_epoch(go_on)
        validation: tuple[float | None, float | None] = (None, None)
        if len(self.dataset.validation):
            validation = learner.evaluate(learner.validation)
        epoch = Epoch(
            epoch=len(self.history) + 1,
            lr=learner.learning_rate,
            train_loss=loss,
            train_accuracy=accuracy,
            validation_loss=validation[0],
            validation_accuracy=validation[1],
            seconds=seconds,
        )
        if self._is_best(epoch):
            self.best = {"epoch": epoch.epoch, "model": learner.kept_parameters()}
        self.history.append(epoch)

    def _is_best(self, epoch: Epoch) -> bool:
        """More right than all before; as many right, at a smaller loss. Or merely the last."""
        if self.best is None or self.config.keep == "last" or epoch.validation_accuracy is None:
            return True
        before = self.history[self.best["epoch"] - 1]
        return (epoch.validation_accuracy, -(epoch.validation_loss or 0)) > (
            before.validation_accuracy,
            -(before.validation_loss or 0),
        )

    def _save(self) -> None:
        """Write the checkpoint; the one before it stays as well."""
        state = self.learner.state()  # in all processes
        self._saved = time.monotonic()
        if self.folder is None:
            return
        record = {
            "config": self.config.as_dict(),
            "data": self._data,
            "environment": self._environment(),
            "earlier": self.earlier,
            "history": [asdict(epoch) for epoch in self.history],
            "best": self.best,
            **state,
        }
        checkpoint.keep_previous(self.folder / CHECKPOINT)
        checkpoint.save(self.folder / CHECKPOINT, KIND, record)

    def _show(self, curves: bool = False) -> None:
        """Write what can be made from the checkpoint again; failing at it does not stop a run."""
        if self.folder is None or self.best is None:
            return
        curves = curves or time.monotonic() - self._drawn > REDRAW_AFTER
        try:
            write_log(self.folder / LOG, self.history)
            self._trained().save(self.folder / BEST)
            if curves:
                draw_curves(self.folder / CURVES, self.history)
                self._drawn = time.monotonic()
        except OSError as error:
            warnings.warn(f"the checkpoint is written, but not all else: {error}", stacklevel=2)

    def restore(self, record: dict[str, Any]) -> None:
        """Go on from a checkpoint of this run, in the number format in which it was begun."""
        if record["data"] != self._data:
            raise CheckpointError(
                f"the run was trained on other data: {record['data']}, now there is {self._data}"
            )
        self.learner.restore(record)
        self.learner.precision = record["environment"]["precision"]
        self.history = [Epoch(**epoch) for epoch in record["history"]]
        self.best = record["best"]
        before, now = record["environment"], self._environment()
        self.earlier = record["earlier"]
        changed = [f"{k} {before[k]}, now {now[k]}" for k in now if before.get(k) != now[k]]
        if changed:
            self.earlier = [*self.earlier, before]
            warnings.warn(
                f"the run goes on in another environment ({'; '.join(changed)}): its numbers may "
                "differ in the last digits from those of an undisturbed run",
                stacklevel=2,
            )
        self._show()

    def finish(self, test: bool) -> Result:
        """Put the kept parameters in place, test them, and write the result."""
        assert self.best is not None
        self.learner.kept.load_state_dict(self.best["model"])
        test_accuracy = None
        if test and len(self.dataset.test):
            test_accuracy = self.learner.evaluate(self.dataset.test)[1]
        trained = self._trained()
        result = Result(
            config=self.config,
            data=self.dataset.name,
            history=self.history,
            chosen=self.best["epoch"],
            test_accuracy=test_accuracy,
            parameters=sum(p.numel() for p in trained.model.parameters()),
            seconds=sum(epoch.seconds for epoch in self.history),
            environment=self._environment(),
            earlier_environments=self.earlier,
            trained=trained,
        )
        self._show(curves=True)
        if self.folder is not None and len(self.history) == self.config.epochs:
            write_json(self.folder / RESULT, result.as_dict())
        return result

    def _trained(self) -> Trained:
        """A model of its own with the kept parameters, on the CPU."""
        assert self.best is not None
        channels, height, width = self.dataset.shape
        shape = (channels, height, width)
        with torch.random.fork_rng([]):  # its first parameters are drawn in vain
            model = build_model(self.config.model, shape, len(self.dataset.classes))
        model.load_state_dict(self.best["model"])
        mean, std = (tuple(v.flatten().tolist()) for v in (self.learner.mean, self.learner.std))
        return Trained(model.eval(), self.config.model, shape, self.dataset.classes, mean, std)

    def _environment(self) -> dict[str, Any]:
        device = self.learner.device
        return {
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
            "precision": self.learner.precision,
            "processes": self.processes.size,
            "threads": torch.get_num_threads(),
            "torch": str(torch.__version__),
            "python": platform.python_version(),
        }


def _fingerprint(dataset: ImageDataset) -> dict[str, Any]:
    """What a checkpoint remembers of the data, so that a run is not resumed on other data."""
    checksum = 0
    for split in (dataset.train, dataset.validation, dataset.test):
        for tensor in (split.images, split.labels):
            checksum = zlib.crc32(tensor.numpy().tobytes(), checksum)
    return {"name": dataset.name, "train": len(dataset.train), "checksum": f"{checksum:08x}"}
