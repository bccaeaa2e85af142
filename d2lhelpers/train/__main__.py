"""The command line: `python -m d2lhelpers.train --model small --data mnist --out runs/first`."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from ..data import DamagedDataError, DataNotFoundError
from .config import Config
from .datasets import DATA
from .models import MODELS, require_trusted
from .processes import from_environment, is_lost_connection
from .recipes import RECIPES
from .results import Epoch
from .run import CheckpointError, TrainingError, run, stored_config

PROGRAM = "python -m d2lhelpers.train"


@dataclass(frozen=True, kw_only=True)
class Command:
    """Train an image classifier; validate it after each epoch; keep the best; test it once.

    The folder --out then holds a checkpoint, the kept model, a log, curves and the result. A run
    that was stopped, or killed, goes on with `--out FOLDER --resume`: bit by bit as if nothing had
    happened, on a CPU. `torchrun --nproc-per-node 2 -m d2lhelpers.train ...` shares each batch
    among two processes.

    Args:
        out: folder to write to; nothing is written without one.
        resume: go on with the run in --out, with its own settings.
        recipe: take the settings of a named recipe; other options change them.
        config_file: take the settings from a JSON file, such as the config.json of another run.
        device: auto, cpu, cuda, cuda:1 or mps.
        test: look at the test images, once, at the end.
        progress: show a progress bar.
        models: list the models, data sets and recipes, and end.
        settings: of the training.
    """

    out: Path | None = None
    resume: bool = False
    recipe: str | None = None
    config_file: Path | None = None
    device: str = "auto"
    test: bool = True
    progress: bool = True
    models: bool = False
    settings: Annotated[Config, tyro.conf.arg(name="")] = field(default_factory=Config)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status: 0, 1 failed, 2 wrong use, 130 stopped."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    begun: list[bool] = []
    try:
        command = _parse(arguments)
        if command.models:
            print(_lists())
            return 0
        result = run(
            command.settings,
            out=command.out,
            resume=command.resume,
            device=command.device,
            test=command.test,
            progress=command.progress,
            on_start=lambda: begun.append(True),
            on_epoch=lambda epoch: print(_line(epoch, command.settings.epochs), flush=True),
        )
    except (TypeError, ValueError, FileExistsError, DataNotFoundError) as error:
        if begun:  # not a matter of settings: a mistake in a model, say
            raise
        wrong_data = isinstance(error, CheckpointError | DamagedDataError | DataNotFoundError)
        return _say(error, 1 if wrong_data else 2)
    except TrainingError as error:
        return _say(error, 1)
    except RuntimeError as error:
        if not is_lost_connection(error):
            raise
        return _say(f"the processes lost each other: {error}\n{_advice(arguments)}", 1)
    except KeyboardInterrupt:
        return _say(f"stopped before the first epoch was finished. {_advice(arguments)}", 130)
    if len(result.history) < command.settings.epochs:
        done = f"stopped after {len(result.history)} of {command.settings.epochs} epochs"
        return _say(f"{done}. {_advice(arguments)}", 130)
    if from_environment().leads:
        tested = "" if result.test_accuracy is None else f", test {result.test_accuracy:.2%}"
        validated = result.validation_accuracy
        print(
            f"{result.data}, {result.parameters:,} parameters, {result.seconds:.1f} s of training: "
            f"epoch {result.chosen}"
            + ("" if validated is None else f", validation {validated:.2%}")
            + tested
        )
    return 0


def _parse(arguments: Sequence[str]) -> Command:
    """The command; its settings start from the checkpoint, the file or the recipe that is named."""
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    first.add_argument("--out", type=Path)
    first.add_argument("--resume", action="store_true")
    first.add_argument("--recipe")
    first.add_argument("--model")
    first.add_argument("--config-file", "--config_file", type=Path)
    try:
        named, _ = first.parse_known_args(arguments)
    except argparse.ArgumentError:
        named = first.parse_args([])  # tyro explains it better
    base = _base(named)
    # tyro stops the program with status 2 where an option is wrong.
    command = tyro.cli(Command, prog=PROGRAM, args=list(arguments), default=Command(settings=base))
    if named.resume and command.settings == Config() and stored_config(named.out) is None:
        raise ValueError(f"there is no run to resume in {named.out}")
    return command


def _base(named: argparse.Namespace) -> Config:
    """The settings that the command line changes."""
    if named.recipe is not None and named.config_file is not None:
        raise ValueError("--recipe and --config-file both name settings; give one of them")
    if named.resume and named.out is None:
        raise ValueError("--resume needs --out, the folder of the run")
    if named.recipe is not None:
        if named.recipe not in RECIPES:
            raise ValueError(
                f"no recipe is called {named.recipe!r}; there are {', '.join(RECIPES)}"
            )
        return RECIPES[named.recipe]
    base = None
    if named.config_file is not None:
        try:
            base = Config.from_dict(json.loads(named.config_file.read_text(encoding="utf-8")))
        except (OSError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"{named.config_file} holds no settings: {error}") from None
    elif named.resume:
        base = stored_config(named.out)
    if base is None:
        return Config()
    # A file may be somebody else's, and importing the model that it names would run his code.
    if base.model not in MODELS and named.model is None:
        require_trusted(base.model, None)
    return base


def _lists() -> str:
    return "\n".join(
        f"{what}: {', '.join(names)}"
        for what, names in (("models", MODELS), ("data", DATA), ("recipes", RECIPES))
    )


def _line(epoch: Epoch, epochs: int) -> str:
    """An epoch in one line of text."""
    validation = (
        f", validation {epoch.validation_accuracy:.2%}"
        if epoch.validation_accuracy is not None
        else ""
    )
    return (
        f"epoch {epoch.epoch}/{epochs}: loss {epoch.train_loss:.4f}, "
        f"accuracy {epoch.train_accuracy:.2%}{validation}, {epoch.seconds:.1f} s"
    )


def _say(message: object, status: int) -> int:
    """Print an error, in the first process only, and return the exit status."""
    if from_environment().leads or status == 1:
        print(f"d2lhelpers.train: {message}", file=sys.stderr, flush=True)
    return status


def _advice(arguments: Sequence[str]) -> str:
    if "--out" not in " ".join(arguments):
        return "Without --out nothing was kept."
    return "The finished epochs are kept: the same command with --resume goes on."


if __name__ == "__main__":
    sys.exit(main())
