"""The messages of the argument checks that all public helpers share."""

import numpy as np
import pytest
import torch

from d2lhelpers.arguments import (
    require_count,
    require_number,
    require_same_length,
    require_shape,
    require_tensors,
)


@pytest.mark.parametrize("value", [[1.0], 3, None, "text"])
def test_tensors(value):
    with pytest.raises(
        TypeError, match=r"^f: w must be a torch.Tensor, got " + type(value).__name__
    ):
        require_tensors("f", w=value)
    require_tensors("f", w=torch.zeros(0))


@pytest.mark.parametrize("value", [1.5, True, "2", None, torch.tensor(2)])
def test_counts_are_integers(value):
    with pytest.raises(TypeError, match="f: batch_size must be an int, got"):
        require_count("f", batch_size=value)


@pytest.mark.parametrize("value", [0, -3])
def test_counts_are_positive(value):
    with pytest.raises(ValueError, match=f"f: batch_size must be at least 1, got {value}"):
        require_count("f", batch_size=value)


@pytest.mark.parametrize("value", [True, "0.1", None, 1j])
def test_numbers(value):
    with pytest.raises(TypeError, match="f: lr must be a number, got"):
        require_number("f", lr=value)


def test_numpy_integers_count():
    require_count("f", batch_size=np.int64(2))


def test_nan_and_infinity_are_numbers():
    require_number("f", lr=float("nan"), b=float("inf"), c=3)


def test_same_length():
    assert require_same_length("f", X=torch.zeros(3, 2), y=torch.zeros(3)) == 3
    with pytest.raises(ValueError, match="f: as many entries .* X has 3, y has 4"):
        require_same_length("f", X=torch.zeros(3, 2), y=torch.zeros(4))
    with pytest.raises(ValueError, match="f: y is empty"):
        require_same_length("f", y=torch.zeros(0, 2))
    with pytest.raises(ValueError, match="f: y is a scalar"):
        require_same_length("f", y=torch.tensor(1.0))


def test_shape():
    require_shape("f", "X", torch.zeros(7, 2), ("n", 2))
    for shape in ((7, 3), (7,), (7, 2, 1)):
        with pytest.raises(ValueError, match=r"f: X has shape .*, wanted \(n, 2\)"):
            require_shape("f", "X", torch.zeros(shape), ("n", 2))
    with pytest.raises(ValueError, match=r"wanted \(n,\)"):
        require_shape("f", "y", torch.zeros(2, 1), ("n",))
