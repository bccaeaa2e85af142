"""Whole runs: what they learn, what they leave in their folder, and how they go on."""

import csv
import json
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from d2lhelpers import load_digits
from d2lhelpers.data import ImageDataset
from d2lhelpers.train import (
    Augmentation,
    CheckpointError,
    Config,
    Epoch,
    Result,
    TrainingError,
    checkpoint,
    load,
    models,
    run,
)
from d2lhelpers.train import datasets as registry
from d2lhelpers.train.hardware import choose_device, choose_precision, has_bfloat16
from d2lhelpers.train.run import KIND

from .tiny_runs import ALL_CHANGES, NET, STILL, config, net, same, tiny


@pytest.fixture(autouse=True)
def tiny_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.DATA, "tiny", tiny)


def train(settings: Config, **options: Any) -> Result:
    return run(settings, device="cpu", progress=False, **options)


class Killed(BaseException):
    """As if the process had ended here."""


def killed_after(settings: Config, out: Path, epochs: int) -> None:
    """Train until so many epochs are finished and nothing after them is."""

    def kill(epoch: Epoch) -> None:
        if epoch.epoch == epochs:
            raise Killed

    with pytest.raises(Killed):
        train(settings, out=out, on_epoch=kill)


def contents(out: Path) -> dict[str, Any]:
    """The checkpoint without what differs between equal runs: seconds."""
    record = checkpoint.load(out / "checkpoint.pt", KIND)
    for epoch in record["history"]:
        del epoch["seconds"]
    return record


def test_the_default_learns_the_digits() -> None:
    result = train(Config())
    assert result.data == "digits"
    assert result.test_accuracy is not None and result.test_accuracy > 0.9
    assert result.validation_accuracy == max(e.validation_accuracy or 0 for e in result.history)
    assert [epoch.epoch for epoch in result.history] == [1, 2, 3, 4, 5]
    assert result.history[-1].train_loss < 0.3 < result.history[0].train_loss
    assert result.parameters == sum(p.numel() for p in result.trained.model.parameters())
    test = load_digits().test
    right = (result.trained.predict(test.images) == test.labels).float().mean()
    assert float(right) == pytest.approx(result.test_accuracy)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": "adamw", "lr": 0.01, "ema": 0.9},
        {"augment": ALL_CHANGES, "schedule": "step", "step_every": 1},
        {"augment": Augmentation(shift=2), "precision": "bfloat16", "channels_last": True},
        {"model": "small", "keep": "last", "schedule": "constant", "label_smoothing": 0.1},
        {"validation": 0, "ema": 0.5, "model": "small"},
    ],
    ids=["sgd", "adamw-ema", "step", "bfloat16", "batch-norm", "no-validation"],
)
def test_a_resumed_run_is_the_same_bit_by_bit(settings: dict[str, Any], tmp_path: Path) -> None:
    chosen = config(**settings)
    whole = train(chosen, out=tmp_path / "whole")
    wanted = contents(tmp_path / "whole")
    for epochs in (1, 2):
        out = tmp_path / f"killed after {epochs}"
        killed_after(chosen, out, epochs)
        resumed = train(chosen, out=out, resume=True)
        assert same(contents(out), wanted)
        assert resumed.test_accuracy == whole.test_accuracy
        assert resumed.chosen == whole.chosen
        assert same(resumed.trained.model.state_dict(), whole.trained.model.state_dict())


def test_another_seed_gives_another_run(tmp_path: Path) -> None:
    first = train(config(seed=0))
    assert first.history[0].train_loss == train(config(seed=0)).history[0].train_loss
    assert first.history[0].train_loss != train(config(seed=1)).history[0].train_loss


def test_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    train(config())
    assert torch.equal(torch.get_rng_state(), before)


def test_the_folder_holds_the_run(tmp_path: Path) -> None:
    result = train(config(), out=tmp_path)
    names = ["best.pt", "checkpoint.previous.pt", "checkpoint.pt", "config.json", "curves.svg"]
    names += ["log.csv", "result.json"]
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "run.lock") == names
    assert Config.from_dict(json.loads((tmp_path / "config.json").read_text())) == config()
    with (tmp_path / "log.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [int(line["epoch"]) for line in lines] == [1, 2, 3]
    assert float(lines[1]["train_loss"]) == result.history[1].train_loss
    stored = json.loads((tmp_path / "result.json").read_text())
    assert stored["test_accuracy"] == result.test_accuracy
    assert stored["data"] == "tiny digits"
    assert stored["environment"]["torch"] == torch.__version__
    assert (tmp_path / "curves.svg").read_text().count("<svg") == 1


def test_the_kept_model_is_loaded_with_all_that_it_needs(tmp_path: Path) -> None:
    result = train(config(ema=0.9), out=tmp_path)
    with pytest.raises(CheckpointError, match="none of the trainer's; if you trust it"):
        load(tmp_path)
    with pytest.raises(CheckpointError, match="holds the model .*net', not 'mlp'"):
        load(tmp_path, model="mlp")
    trained = load(tmp_path, model=NET)
    images = tiny().test.images
    assert torch.equal(trained.logits(images), result.trained.logits(images))
    assert torch.equal(trained.logits(images, batch_size=7).argmax(1), trained.predict(images))
    assert trained.classes == tiny().classes
    assert trained.predict(images[:0]).shape == (0,)
    with pytest.raises(TypeError, match="images must be uint8"):
        trained.predict(images.float())
    with pytest.raises(ValueError, match=r"wanted \(n, 1, 8, 8\)"):
        trained.predict(images[:, :, 1:])
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        load(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match="'run in progress', not 'trained model'"):
        load(tmp_path / "checkpoint.pt")


def test_best_is_the_best_on_the_validation_images() -> None:
    # A step so large that the last epochs are worse than the ones before.
    result = train(config(epochs=12, lr=0.3, schedule="constant", model=STILL, seed=3))
    accuracies = [epoch.validation_accuracy or 0 for epoch in result.history]
    assert accuracies[-1] < max(accuracies) == accuracies[result.chosen - 1]
    last = train(config(epochs=12, lr=0.3, schedule="constant", model=STILL, seed=3, keep="last"))
    assert last.chosen == 12
    assert last.validation_accuracy == accuracies[-1]


def test_the_moving_average_is_what_is_validated_and_kept() -> None:
    plain, averaged = train(config(keep="last")), train(config(keep="last", ema=0.999))
    assert averaged.history[-1].train_loss == plain.history[-1].train_loss
    assert averaged.history[-1].validation_loss != plain.history[-1].validation_loss
    # An average that forgets at once is the model itself.
    forgetful = train(config(keep="last", ema=1e-9))
    assert forgetful.history[-1].validation_loss == pytest.approx(
        plain.history[-1].validation_loss, rel=1e-4
    )


def test_a_used_folder_is_not_overwritten(tmp_path: Path) -> None:
    train(config(), out=tmp_path)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(FileExistsError, match="holds a run already: resume it"):
        train(config(), out=tmp_path)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lr": 0.2}, r"lr: 0\.05, not 0\.2"),
        ({"model": "mlp"}, "model: .*net', not 'mlp'"),
        ({"epochs": 4}, "epochs: 3, not 4"),
    ],
)
def test_a_run_with_other_settings_is_not_resumed(
    change: dict[str, Any], words: str, tmp_path: Path
) -> None:
    killed_after(config(), tmp_path, 1)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(CheckpointError, match=words):
        train(config(**change), out=tmp_path, resume=True)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_a_model_that_changed_its_code_is_not_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_after(config(model="mlp"), tmp_path, 1)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    wider = lambda shape, classes: nn.Sequential(nn.Flatten(), nn.Linear(64, classes))  # noqa: E731
    monkeypatch.setitem(models.MODELS, "mlp", wider)
    with pytest.raises(CheckpointError, match="does not fit this model"):
        train(config(model="mlp"), out=tmp_path, resume=True)
    with pytest.raises(CheckpointError, match="does not fit its model"):
        load(tmp_path)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_a_run_is_not_resumed_on_other_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_after(config(), tmp_path, 1)
    monkeypatch.setitem(registry.DATA, "tiny", load_digits)
    with pytest.raises(CheckpointError, match="trained on other data.*'tiny digits'.*now"):
        train(config(), out=tmp_path, resume=True)

    def relabeled(*, validation: int = 40) -> ImageDataset:
        data = tiny(validation=validation)
        data.train.labels[3] = 9 - data.train.labels[3]
        return data

    monkeypatch.setitem(registry.DATA, "tiny", relabeled)
    with pytest.raises(CheckpointError, match="trained on other data"):
        train(config(), out=tmp_path, resume=True)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_truncated_checkpoint_is_refused_and_kept(share: float, tmp_path: Path) -> None:
    killed_after(config(), tmp_path, 1)
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match="its end is missing"):
        train(config(), out=tmp_path, resume=True)
    assert path.read_bytes() == before


def test_resuming_where_nothing_is_starts(tmp_path: Path) -> None:
    result = train(config(), out=tmp_path / "new" / "folder", resume=True)
    assert len(result.history) == 3


def test_a_finished_run_is_resumed_without_another_step(tmp_path: Path) -> None:
    first = train(config(), out=tmp_path)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    (tmp_path / "result.json").unlink()  # killed just before the end
    again = train(config(), out=tmp_path, resume=True)
    assert again.history == first.history
    assert again.test_accuracy == first.test_accuracy
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
    assert (tmp_path / "result.json").exists()


def test_two_runs_in_one_folder_are_refused(tmp_path: Path) -> None:
    def second(epoch: Epoch) -> None:
        with pytest.raises(TrainingError, match="another process is training in"):
            train(config(), out=tmp_path, resume=True)

    train(config(epochs=1), out=tmp_path, on_epoch=second)


def test_what_a_killed_process_left_half_written_is_removed(tmp_path: Path) -> None:
    killed_after(config(), tmp_path, 1)
    for name in ("checkpoint.pt", "log.csv", "best.pt"):
        (tmp_path / f"{name}.77.88.tmp").write_bytes(b"half")
    (tmp_path / "thesis.txt").write_text("mine")
    (tmp_path / "thesis.txt.monday.tmp").write_text("mine, too")
    with pytest.raises(FileExistsError):
        train(config(), out=tmp_path)
    assert len(list(tmp_path.glob("*.tmp"))) == 4
    train(config(), out=tmp_path, resume=True)
    assert [path.name for path in tmp_path.glob("*.tmp")] == ["thesis.txt.monday.tmp"]


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX systems")
def test_asked_to_stop_a_run_keeps_its_finished_epochs(
    asked: signal.Signals, tmp_path: Path
) -> None:
    def ask(epoch: Epoch) -> None:
        if epoch.epoch == 2:
            os.kill(os.getpid(), asked)

    before = signal.getsignal(asked)
    result = train(config(), out=tmp_path, on_epoch=ask)
    assert signal.getsignal(asked) is before
    assert len(result.history) == 2
    assert result.test_accuracy is None
    assert not (tmp_path / "result.json").exists()
    whole = train(config(), out=tmp_path / "whole")
    assert len(train(config(), out=tmp_path, resume=True).history) == 3
    assert same(contents(tmp_path), contents(tmp_path / "whole"))
    assert whole.chosen in (1, 2, 3)


def asks_in_step(number: int) -> Any:
    """A builder of networks that ask for an end in this forward pass of training."""

    def build(shape: tuple[int, int, int], num_classes: int) -> nn.Module:
        model = net(shape, num_classes)
        passes: list[int] = []

        def ask(module: nn.Module, given: object) -> None:
            passes.extend([1] * module.training)
            if len(passes) == number and module.training:
                os.kill(os.getpid(), signal.SIGTERM)

        model.register_forward_pre_hook(ask)
        return model

    return build


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX systems")
@pytest.mark.parametrize("step", [2, 5, 8, 14])
def test_stopped_within_an_epoch_it_goes_on_with_the_next_step(
    step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = config(model="asking", augment=ALL_CHANGES, ema=0.9)  # five steps an epoch
    monkeypatch.setitem(models.MODELS, "asking", net)
    train(settings, out=tmp_path / "whole")
    monkeypatch.setitem(models.MODELS, "asking", asks_in_step(step))
    out = tmp_path / "stopped"
    if step < 5:
        with pytest.raises(KeyboardInterrupt):
            train(settings, out=out)
    else:
        assert len(train(settings, out=out).history) == step // 5
    part = contents(out)["part"]
    assert (None if part is None else part["steps"]) == (step % 5 or None)
    monkeypatch.setitem(models.MODELS, "asking", net)
    train(settings, out=out, resume=True)
    assert same(contents(out), contents(tmp_path / "whole"))


def test_long_epochs_are_saved_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(config(), out=tmp_path / "whole")
    steps: list[int] = []
    save = checkpoint.save

    def noting(path: Path, kind: str, record: dict[str, Any]) -> None:
        steps.append(record["part"]["steps"] if record.get("part") else 0)
        save(path, kind, record)

    monkeypatch.setattr(checkpoint, "save", noting)
    # (The package has a function of the same name.)
    monkeypatch.setattr(sys.modules["d2lhelpers.train.run"], "SAVE_AFTER", 0.0)
    train(config(), out=tmp_path / "often")
    assert steps.count(3) == 3  # the third step of each of three epochs
    assert same(contents(tmp_path / "often"), contents(tmp_path / "whole"))


def test_the_checkpoint_before_the_last_is_there_as_well(tmp_path: Path) -> None:
    train(config(), out=tmp_path)
    before = checkpoint.load(tmp_path / "checkpoint.previous.pt", KIND)
    assert len(before["history"]) == 2
    path = tmp_path / "checkpoint.pt"
    wanted = contents(tmp_path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=r"checkpoint\.previous\.pt beside it .* rename it"):
        train(config(), out=tmp_path, resume=True)
    (tmp_path / "checkpoint.previous.pt").rename(path)
    train(config(), out=tmp_path, resume=True)
    assert same(contents(tmp_path), wanted)


def test_spoiled_weights_are_never_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed_after(config(), tmp_path, 1)
    before = (tmp_path / "checkpoint.pt").read_bytes()

    def spoiling(shape: tuple[int, int, int], num_classes: int) -> nn.Module:
        model = net(shape, num_classes)
        passes: list[int] = []

        def spoil(module: nn.Module, given: object, out: object) -> None:
            passes.append(1)
            if len(passes) == 5:  # the last step of the epoch: no later loss shows it
                with torch.no_grad():
                    module[0].bias[0] = float("nan")  # type: ignore[index]

        model.register_forward_hook(spoil)
        return model

    monkeypatch.setattr("d2lhelpers.train.learner.build_model", lambda name, *a: spoiling(*a))
    with pytest.raises(TrainingError, match="the loss or a weight is no longer a finite number"):
        train(config(), out=tmp_path, resume=True)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_another_environment_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = config(precision="auto")
    monkeypatch.setattr("d2lhelpers.train.hardware.has_bfloat16", lambda device: True)
    killed_after(settings, tmp_path, 1)
    monkeypatch.setattr("d2lhelpers.train.hardware.has_bfloat16", lambda device: False)
    monkeypatch.setattr("platform.python_version", lambda: "3.99")
    with pytest.warns(UserWarning, match="another environment.*now 3.99"):
        result = train(settings, out=tmp_path, resume=True)
    assert result.environment["precision"] == "bfloat16"  # as the run was begun
    assert [before["python"] != "3.99" for before in result.earlier_environments] == [True]


def test_what_is_made_from_the_checkpoint_may_fail(tmp_path: Path) -> None:
    (tmp_path / "log.csv").mkdir(parents=True)
    with pytest.warns(UserWarning, match="the checkpoint is written, but not all else"):
        result = train(config(), out=tmp_path)
    assert len(result.history) == 3
    (tmp_path / "log.csv").rmdir()
    train(config(), out=tmp_path, resume=True)
    assert (tmp_path / "log.csv").is_file()


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX systems")
def test_asked_before_the_first_epoch_or_twice_it_raises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asking(shape: tuple[int, int, int], num_classes: int) -> nn.Module:
        model = net(shape, num_classes)
        model.register_forward_pre_hook(lambda *given: os.kill(os.getpid(), signal.SIGINT))
        return model

    monkeypatch.setitem(models.MODELS, "asking", asking)
    with pytest.raises(KeyboardInterrupt):
        train(config(model="asking"), out=tmp_path)
    assert contents(tmp_path)["history"] == []
    tmp_path = tmp_path / "twice"

    def twice(epoch: Epoch) -> None:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(config(), out=tmp_path, on_epoch=twice)
    assert (tmp_path / "checkpoint.pt").exists()


def test_other_threads_train_as_well(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        elsewhere = pool.submit(train, config()).result()
    assert elsewhere.history[-1].train_loss == train(config()).history[-1].train_loss


def explode(shape: tuple[int, int, int], num_classes: int) -> nn.Module:
    """A model whose loss is not finite from the start."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(shape[1] * shape[2], num_classes))
    nn.init.constant_(model[1].weight, float("inf"))
    return model


def test_a_loss_that_is_not_finite_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(models.MODELS, "explode", explode)
    with pytest.raises(TrainingError, match="no longer a finite number.*try a smaller lr"):
        train(config(model="explode"), out=tmp_path)
    assert not (tmp_path / "checkpoint.pt").exists()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"batch_size": 101}, "batch_size is 101, there are 100 images"),
        ({"model": "unknown"}, "no model is called 'unknown'; there are .*small"),
        ({"model": "no.such:thing"}, "cannot be imported"),
        ({"model": "tests.tiny_runs:nothing"}, "cannot be imported"),
        ({"data": "unknown"}, "no data set is called 'unknown'; there are cifar10, digits"),
        ({"data": "digits", "validation": 2000}, "validation must be 0 to"),
        ({"model": "lenet"}, "lenet needs images of at least 16×16"),
    ],
)
def test_settings_that_fit_nothing_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        train(config(**settings))


def test_a_builder_must_return_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(models.MODELS, "number", lambda shape, classes: 3)
    with pytest.raises(TypeError, match="must be a torch.nn.Module, got int"):
        train(config(model="number"))


@pytest.fixture
def empty_registries(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(models, "MODELS", {})
    monkeypatch.setattr(registry, "DATA", {})
    yield


@pytest.mark.usefixtures("empty_registries")
def test_registering() -> None:
    built = models.register_model("mine")(explode)
    assert built is explode and {"mine": explode} == models.MODELS
    with pytest.raises(ValueError, match="a model called 'mine' already"):
        models.register_model("mine")(explode)
    with pytest.raises(ValueError, match="contains no colon"):
        models.register_model("my:own")(explode)
    assert registry.register_data("few")(tiny) is tiny
    with pytest.raises(ValueError, match="a data set called 'few' already"):
        registry.register_data("few")(tiny)


@pytest.mark.parametrize("name", models.MODELS)
@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32)])
def test_a_model_takes_an_image_or_says_why_not(name: str, shape: tuple[int, int, int]) -> None:
    if name in ("lenet", "quick", "compact", "medium") and shape[1] == 8:
        with pytest.raises(ValueError, match="of at least 16×16|are too small for this model"):
            models.build_model(name, shape, 7)
    else:
        model = models.build_model(name, shape, 7)
        assert model(torch.zeros(2, *shape)).shape == (2, 7)


def test_the_networks_of_the_ladder_have_the_published_sizes() -> None:
    def parameters(name: str, shape: tuple[int, int, int] = (1, 28, 28)) -> int:
        return sum(p.numel() for p in models.build_model(name, shape, 10).parameters())

    assert parameters("mlp") == 784 * 100 + 100 + 1010
    assert parameters("conv1") == 520 + 20 * 12 * 12 * 100 + 100 + 1010
    assert parameters("conv2") == 520 + 40 * (20 * 25 + 1) + 40 * 16 * 100 + 100 + 1010
    assert parameters("conv2-relu") == parameters("conv2")
    assert parameters("conv2-fc2") == parameters("conv2") + 100 * 101
    assert parameters("small") == 35_354
    assert parameters("quick") == 66_346
    assert parameters("compact") == 159_018
    assert parameters("medium") == 334_762
    # As PyTorch's tutorial on CIFAR-10 counts it.
    assert parameters("lenet", (3, 32, 32)) == 62_006


def test_devices_and_precisions() -> None:
    assert choose_device("CPU ") == torch.device("cpu")
    with pytest.raises(ValueError, match="device must be auto, cpu, cuda"):
        choose_device("tpu9")
    with pytest.raises(ValueError, match="has no device 'cuda:99'"):
        choose_device("cuda:99")
    cpu = torch.device("cpu")
    assert choose_precision("float32", cpu) == "float32"
    assert choose_precision("bfloat16", cpu) == "bfloat16"
    expected = "bfloat16" if has_bfloat16(cpu) else "float32"
    assert choose_precision("auto", cpu) == expected


def test_mixed_precision_computes_otherwise_and_keeps_float32() -> None:
    exact, mixed = (train(config(precision=p)) for p in ("float32", "bfloat16"))
    assert exact.history[0].train_loss != mixed.history[0].train_loss
    assert exact.history[0].train_loss == pytest.approx(mixed.history[0].train_loss, rel=0.02)
    assert {p.dtype for p in mixed.trained.model.parameters()} == {torch.float32}


def test_weight_decay_is_for_weights_only() -> None:
    from d2lhelpers.train.learner import make_optimizer

    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3))
    weights, others = make_optimizer(config(weight_decay=0.1), model).param_groups
    assert weights["weight_decay"] == 0.1 and others["weight_decay"] == 0.0
    assert {id(p) for p in weights["params"]} == {id(model[0].weight), id(model[3].weight)}
    assert len(others["params"]) == 4


def test_schedules() -> None:
    def rates(**settings: Any) -> list[float]:
        return [epoch.lr for epoch in train(config(epochs=4, lr=0.1, **settings)).history]

    assert rates(schedule="constant") == pytest.approx([0.1] * 4)
    # The rate that the next step would have.
    step = rates(schedule="step", step_every=2, step_factor=0.5)
    assert step == pytest.approx([0.1, 0.05, 0.05, 0.025])
    up_and_down = rates(schedule="one-cycle", warmup=0.25)
    assert up_and_down[0] > up_and_down[1] > up_and_down[2] > up_and_down[3]
    assert up_and_down[0] == pytest.approx(0.1, rel=0.02)
    assert up_and_down[3] < 1e-5
