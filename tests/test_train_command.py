"""The command line of the trainer."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from torch import nn

from d2lhelpers.train import RECIPES, Config, TrainingError, __main__, datasets, models
from d2lhelpers.train.__main__ import main
from d2lhelpers.train.processes import is_lost_connection

from .test_train_run import explode
from .tiny_runs import NET, net, tiny

ROOT = Path(__file__).resolve().parent.parent
TINY = ["--model", NET, "--data", "tiny", "--batch-size", "20", "--lr", "0.05", "--no-progress"]
TINY += ["--device", "cpu", "--epochs", "2"]


@pytest.fixture(autouse=True)
def tiny_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(datasets.DATA, "tiny", tiny)


def status_of(arguments: list[str]) -> int:
    """The exit status, returned or raised."""
    try:
        return main(arguments)
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else 1


def test_a_run_prints_a_line_an_epoch_and_the_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of([*TINY, "--out", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines[:2]] == ["epoch 1/2", "epoch 2/2"]
    assert lines[2].startswith("tiny digits, 1,") and "test" in lines[2]
    assert (tmp_path / "result.json").exists()


def test_underscores_do_as_well(tmp_path: Path) -> None:
    arguments = [word.replace("batch-size", "batch_size") for word in TINY]
    assert status_of([*arguments, "--no-test", "--augment.shift", "1"]) == 0


def test_resuming_takes_the_settings_of_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", str(tmp_path)]
    assert status_of([*TINY, *out]) == 0
    capsys.readouterr()
    # The model is not one of the trainer's: a file alone does not make it import that.
    assert status_of([*out, "--resume", "--device", "cpu"]) == 2
    assert "which is none of the trainer's; if you trust it" in capsys.readouterr().err
    out += ["--model", NET]
    assert status_of([*out, "--resume", "--device", "cpu"]) == 0
    assert capsys.readouterr().out.startswith("tiny digits")
    assert status_of([*TINY, *out, "--resume"]) == 0
    assert status_of([*out, "--resume", "--lr", "0.3"]) == 1
    assert "lr: 0.05, not 0.3" in capsys.readouterr().err
    # A value that differs from the run's is refused, even where it is the trainer's default.
    assert status_of([*out, "--resume", "--lr", str(Config().lr)]) == 1
    assert status_of([*TINY, *out]) == 2
    assert "holds a run already" in capsys.readouterr().err


def test_the_settings_of_one_run_are_the_file_of_another(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert status_of([*TINY, "--out", str(first)]) == 0
    again = ["--config-file", str(first / "config.json"), "--device", "cpu", "--no-progress"]
    assert status_of(again) == 2
    again += ["--model", NET]
    assert status_of([*again, "--out", str(second), "--seed", "5"]) == 0
    configs = [
        Config.from_dict(json.loads((out / "config.json").read_text())) for out in (first, second)
    ]
    assert configs[0].differences(configs[1]) == ["seed: 0, not 5"]


def test_recipes_are_starting_points(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = Config(model=NET, data="tiny", epochs=1, batch_size=25, lr=0.05)
    monkeypatch.setitem(RECIPES, "quick", recipe)
    arguments = ["--recipe", "quick", "--device", "cpu", "--no-progress"]
    assert status_of(arguments) == 0
    assert "epoch 1/1" in capsys.readouterr().out
    assert status_of([*arguments, "--epochs", "2"]) == 0
    assert "epoch 2/2" in capsys.readouterr().out


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_names_what_there_is(name: str) -> None:
    recipe = RECIPES[name]
    assert recipe.model in models.MODELS
    assert recipe.data in datasets.DATA


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--lr", "fast"], "--lr"),
        (["--learning-rate", "0.1"], "Unrecognized options: --learning-rate"),
        (["--optimizer", "adam"], "invalid choice 'adam'"),
        (["--epochs", "0"], "epochs must be at least 1, got 0"),
        (["--augment.shift", "-1"], "augment.shift must be at least 0"),
        (["--recipe", "unknown"], "no recipe is called 'unknown'"),
        (["--recipe", "x", "--config-file", "y"], "both name settings"),
        (["--config-file", "/nowhere.json"], "holds no settings"),
        (["--resume"], "--resume needs --out"),
        (["--model", "unknown"], "no model is called 'unknown'"),
        (["--data", "unknown"], "no data set is called 'unknown'"),
        (["--device", "cuda:99"], "has no device 'cuda:99'"),
    ],
)
def test_wrong_use_has_status_2_and_says_what_is_wrong(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(arguments) == 2
    assert words in capsys.readouterr().err


def test_a_file_that_holds_no_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, text in enumerate(["{", "[1]", '{"lr": "x"}', '{"rate": 1}']):
        file = tmp_path / f"{number}.json"
        file.write_text(text)
        assert status_of(["--config-file", str(file)]) == 2
        assert "holds no settings" in capsys.readouterr().err


def test_failed_runs_have_status_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(models.MODELS, "explode", explode)
    assert status_of([*TINY, "--model", "explode"]) == 1
    assert "no longer a finite number" in capsys.readouterr().err
    (tmp_path / "checkpoint.pt").write_bytes(b"no checkpoint")
    assert status_of(["--out", str(tmp_path), "--resume"]) == 1
    assert "is no checkpoint" in capsys.readouterr().err


def test_being_stopped_has_status_130_and_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(__main__, "run", stopped)
    assert status_of([*TINY, "--out", "somewhere"]) == 130
    assert "with --resume goes on" in capsys.readouterr().err
    assert status_of(TINY) == 130
    assert "Without --out nothing was kept" in capsys.readouterr().err


def test_there_must_be_a_run_to_resume(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(["--out", str(tmp_path / "typo"), "--resume"]) == 2
    assert "there is no run to resume in" in capsys.readouterr().err
    assert not (tmp_path / "typo").exists()
    # With settings it may be the first start of a command that is always the same.
    assert status_of([*TINY, "--out", str(tmp_path / "new"), "--resume"]) == 0
    # Killed before its first checkpoint, a run is known by its settings.
    for path in (tmp_path / "new").glob("checkpoint*"):
        path.unlink()
    capsys.readouterr()
    assert status_of(["--out", str(tmp_path / "new"), "--resume", "--model", NET]) == 0
    assert "epoch 2/2" in capsys.readouterr().out


def broken(shape: tuple[int, int, int], num_classes: int) -> nn.Module:
    """A model that fails in its third step, with an error as from a wrong setting."""
    model = net(shape, num_classes)
    calls: list[int] = []

    def fail(*given: object) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise ValueError("a mistake in the model")

    model.register_forward_pre_hook(fail)
    return model


def test_errors_of_a_model_in_training_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(models.MODELS, "broken", broken)
    with pytest.raises(ValueError, match="a mistake in the model"):
        main([*TINY, "--model", "broken"])
    monkeypatch.setenv("RANK", "0")
    lost = RuntimeError("[gloo/transport/tcp/pair.cc:561] Connection closed by peer")
    assert is_lost_connection(lost)
    assert not is_lost_connection(RuntimeError("shapes do not match"))


def test_errors_of_the_program_itself_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*arguments: object, **options: object) -> None:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(__main__, "run", failing)
    with pytest.raises(RuntimeError, match="a mistake"):
        main(TINY)
    assert issubclass(TrainingError, RuntimeError)


def test_the_module_is_a_program() -> None:
    command = [sys.executable, "-m", "d2lhelpers.train", "--models"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "models: " in done.stdout and "small" in done.stdout
    assert "recipes: mnist-mlp, " in done.stdout and "cifar10-tutorial" in done.stdout
