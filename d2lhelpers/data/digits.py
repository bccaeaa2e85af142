"""The embedded default: handwritten digits of 8×8 pixels that scikit-learn brings along."""

import importlib.util
from pathlib import Path

import numpy as np
import torch

from .dataset import ImageDataset, take_last_of_each_class
from .options import require_validation

CLASSES = tuple("0123456789")
NUM_TEST = 300
SEED = 0


def load_digits(*, validation: int = 300) -> ImageDataset:
    """The 1,797 handwritten digits of scikit-learn, 8×8 gray; needs no file and no network.

    The original counts of ink, 0 to 16, are scaled to 0 to 255 and rounded, so that what holds for
    the pixels of other data sets holds here. The file's order, writer after writer, is shuffled by
    one fixed permutation (NumPy's `RandomState(0)`, which is the same in every version). The last
    30 of each class are the test set, whatever `validation` is; the last of each class in the rest
    are for validation. The same writers are in all splits, so results are better than for new
    writers.

    Args:
        validation: examples for validation, 0 to 1,496; by default train, validation and test hold
            1,197, 300 and 300.

    Returns:
        Images of shape (n, 1, 8, 8).

    Raises:
        TypeError, ValueError: when `validation` is no int or leaves nothing to train on.

    Source: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
    Repository, 1998 (its test set).
    """
    table = _rows()  # (1797, 65): 64 pixels and the label
    require_validation("load_digits", validation, len(table) - NUM_TEST)
    table = table[np.random.RandomState(SEED).permutation(len(table))]
    ink, labels = torch.from_numpy(table[:, :64]), torch.from_numpy(table[:, 64]).long()
    images = (ink.float() * (255 / 16)).round().to(torch.uint8).reshape(-1, 1, 8, 8)
    others, test = take_last_of_each_class(images, labels, NUM_TEST)
    train, held_out = take_last_of_each_class(others.images, others.labels, validation)
    return ImageDataset("digits", CLASSES, train, held_out, test, "embedded in scikit-learn")


def _rows() -> np.ndarray:
    """The table as stored, uint8: in each row 64 counts and the label."""
    # Importing sklearn.datasets costs as much as importing torch; its file is read in 3 ms.
    found = importlib.util.find_spec("sklearn")
    if found and found.origin:
        path = Path(found.origin).parent / "datasets" / "data" / "digits.csv.gz"
        if path.is_file():
            return np.loadtxt(path, delimiter=",", dtype=np.uint8)
    from sklearn import datasets

    bunch = datasets.load_digits()
    return np.column_stack([bunch.data, bunch.target]).astype(np.uint8)
