"""Checkpoint files: whole or not there, without foreign code, of the right kind."""

import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from d2lhelpers.train import CheckpointError, checkpoint, load

CONTENTS = {"numbers": torch.arange(2000.0), "text": "epoch", "list": [1, 2.5, None, True]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(path, "a test", CONTENTS)
    return path


def test_what_is_saved_is_loaded(path: Path) -> None:
    record = checkpoint.load(path, "a test")
    assert torch.equal(record["numbers"], CONTENTS["numbers"])  # type: ignore[arg-type]
    assert record["text"] == "epoch"
    assert record["list"] == [1, 2.5, None, True]


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.5, 0.9, 0.99])
def test_a_truncated_file_is_refused(path: Path, share: float) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(CheckpointError, match="its end is missing"):
        checkpoint.load(path, "a test")


def test_a_single_changed_bit_is_noticed(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    # In the middle of the numbers, where torch.load alone would notice nothing.
    place = bytes(whole).index(torch.arange(1000.0, 1010.0).numpy().tobytes())
    whole[place] ^= 1
    path.write_bytes(whole)
    torch.load(path, weights_only=True)
    with pytest.raises(CheckpointError, match="the checksum of .* does not match"):
        checkpoint.load(path, "a test")


class Intruder:
    """Unpickling this would run code."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.witness),)


def test_foreign_code_is_refused_and_not_run(tmp_path: Path) -> None:
    path, witness = tmp_path / "checkpoint.pt", tmp_path / "it ran"
    record = {"format": checkpoint.FORMAT, "version": checkpoint.VERSION, "kind": "a test"}
    torch.save({**record, "trap": Intruder(witness)}, path)
    with pytest.raises(CheckpointError, match="could run foreign code"):
        checkpoint.load(path, "a test")
    assert not witness.exists()
    torch.load(path, weights_only=False)  # what the trap does where nobody looks
    assert witness.exists()


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        ({"version": torch.__version__}, r"a test\['version'\] is of the type TorchVersion"),
        (
            {"list": [1, {"path": Path()}]},
            r"a test\['list'\]\[1\]\['path'\] is of the type Posix|a test.*Windows",
        ),
        ({"function": print}, "is of the type builtin_function_or_method"),
    ],
)
def test_what_could_not_be_loaded_is_not_saved(
    contents: dict[str, object], words: str, path: Path
) -> None:
    before = path.read_bytes()
    with pytest.raises(TypeError, match=words):
        checkpoint.save(path, "a test", contents)
    assert path.read_bytes() == before


def test_a_bare_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    path, witness = tmp_path / "checkpoint.pt", tmp_path / "it ran"
    path.write_bytes(pickle.dumps(Intruder(witness)))
    with pytest.raises(CheckpointError, match="is no checkpoint"):
        checkpoint.load(path, "a test")
    assert not witness.exists()


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(FileNotFoundError, match="no checkpoint at"):
        checkpoint.load(path, "a test")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("letter.txt", "Dear reader")
    with pytest.raises(CheckpointError, match="cannot be read"):
        checkpoint.load(path, "a test")
    torch.save({"model": torch.ones(3)}, path)
    with pytest.raises(CheckpointError, match="not written by this trainer"):
        checkpoint.load(path, "a test")
    torch.save(torch.ones(3), path)
    with pytest.raises(CheckpointError, match="not written by this trainer"):
        checkpoint.load(path, "a test")


def test_another_kind_or_version_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CheckpointError, match="holds .*a test.*, not .*model"):
        checkpoint.load(path, "model")
    monkeypatch.setattr(checkpoint, "VERSION", checkpoint.VERSION + 1)
    with pytest.raises(CheckpointError, match="has version 1, this trainer reads version 2"):
        checkpoint.load(path, "a test")


def test_an_error_in_writing_leaves_the_old_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError("No space left on device")

    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save(path, "a test", {"big": torch.zeros(10_000)})
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["checkpoint.pt"]


def test_a_changed_bit_anywhere_is_an_error_of_its_own_kind(path: Path) -> None:
    whole = path.read_bytes()
    for place in range(0, len(whole), 61):
        changed = bytearray(whole)
        changed[place] ^= 0x10
        path.write_bytes(changed)
        try:
            record = checkpoint.load(path, "a test")
        except CheckpointError:
            continue
        assert torch.equal(record["numbers"], CONTENTS["numbers"])  # type: ignore[arg-type]


def crafted(path: Path, **changes: object) -> None:
    """A file like those that hold a trained model, with other contents."""
    contents = {"name": "mlp", "shape": [1, 8, 8], "classes": ["a"], "mean": [0.0], "std": [1.0]}
    checkpoint.save(path, "trained model", {**contents, "model": {}, **changes})


def test_a_model_that_a_file_names_is_not_imported(path: Path, tmp_path: Path) -> None:
    witness = tmp_path / "it ran"
    crafted(path, name="subprocess:call", shape=["touch", str(witness)])
    for options in ({}, {"model": "mlp"}):
        with pytest.raises(CheckpointError, match="holds the model 'subprocess:call'"):
            load(path, **options)
    with pytest.raises(CheckpointError, match="three positive numbers"):
        load(path, model="subprocess:call")
    assert not witness.exists()


@pytest.mark.parametrize("shape", [[1, 8], [1, 8, -8], [1, 8, 8.5], [True, 8, 8], []])
def test_a_shape_that_is_none_is_refused(shape: list[object], path: Path) -> None:
    crafted(path, shape=shape)
    with pytest.raises(CheckpointError, match="three positive numbers"):
        load(path)


def test_what_a_killed_process_left_is_removed(path: Path) -> None:
    leftover = path.with_name("checkpoint.pt.123.456.tmp")
    other = path.with_name("another.pt.123.456.tmp")
    for file in (leftover, other):
        file.write_bytes(b"half")
    checkpoint.remove_unfinished(path)
    assert sorted(file.name for file in path.parent.iterdir()) == [other.name, path.name]
