"""The settings of a run: types, ranges, and their way through JSON."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from d2lhelpers.train import Augmentation, Config


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"batch_size": -3}, "batch_size must be at least 1, got -3"),
        ({"lr": 0.0}, "lr must be above 0, got 0.0"),
        ({"lr": float("nan")}, "lr must be above 0, got nan"),
        ({"lr": float("inf")}, "lr must be above 0, got inf"),
        ({"momentum": 1.0}, "momentum must be at least 0 and below 1, got 1.0"),
        ({"warmup": 0.0}, "warmup must be above 0 and below 1"),
        ({"weight_decay": -1e-4}, "weight_decay must be at least 0"),
        ({"validation": -1}, "validation must be at least 0"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"momentum": 0.0}, "nesterov needs a momentum above 0"),
    ],
)
def test_values_out_of_range_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Config(**settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"epochs": 2.5}, "epochs must be a whole number, got 2.5"),
        ({"epochs": True}, "epochs must be a whole number, got True"),
        ({"lr": "0.1"}, "lr must be a number, got '0.1'"),
        ({"nesterov": 1}, "nesterov must be true or false, got 1"),
        ({"optimizer": "adam"}, "optimizer must be 'sgd' or 'adamw', got 'adam'"),
        ({"validation": "all"}, "validation must be a whole number or None"),
        ({"augment": {"shift": 1}}, "augment must be Augmentation"),
        ({"model": None}, "model must be a text"),
    ],
)
def test_values_of_another_type_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        Config(**settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"shift": -1}, "augment.shift must be at least 0"),
        ({"rotate": 181}, "augment.rotate must be at least 0 and at most 180"),
        ({"scale": 1.0}, "augment.scale must be at least 0 and below 1"),
        ({"shear": 90.0}, "augment.shear must be at least 0 and below 90"),
    ],
)
def test_augmentation_names_itself_in_errors(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Augmentation(**settings)


def test_whole_numbers_become_fractions_where_these_are_wanted() -> None:
    config = Config(lr=1)
    assert isinstance(config.lr, float)
    assert config == Config(lr=1.0)


@given(
    epochs=st.integers(1, 1000),
    lr=st.floats(1e-6, 1e3),
    validation=st.none() | st.integers(0, 1000),
    schedule=st.sampled_from(["one-cycle", "step", "constant"]),
    shift=st.integers(0, 20),
    flip=st.booleans(),
)
def test_the_way_through_json_changes_nothing(shift: int, flip: bool, **settings: Any) -> None:
    config = Config(**settings, augment=Augmentation(shift=shift, flip=flip))
    again = Config.from_dict(json.loads(json.dumps(config.as_dict())))
    assert again == config
    assert config.differences(again) == []


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="no such setting: learning_rate"):
        Config.from_dict({"learning_rate": 0.1})
    with pytest.raises(ValueError, match=r"no such setting: augment\.turn"):
        Config.from_dict({"augment": {"turn": 3}})
    with pytest.raises(TypeError, match="augment must be a table"):
        Config.from_dict({"augment": 3})


def test_differences_name_what_differs_and_how() -> None:
    first, second = Config(lr=0.1), Config(lr=0.2, augment=Augmentation(shift=2))
    assert first.differences(second) == ["lr: 0.1, not 0.2", "augment.shift: 0, not 2"]
