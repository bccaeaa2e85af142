from . import augment as augment
from .batches import Batches as Batches
from .cifar10 import load_cifar10 as load_cifar10
from .dataset import ImageDataset as ImageDataset
from .dataset import Split as Split
from .digits import load_digits as load_digits
from .errors import DamagedDataError as DamagedDataError
from .errors import DataNotFoundError as DataNotFoundError
from .mnist import load_mnist as load_mnist

__all__ = [
    "Batches",
    "DamagedDataError",
    "DataNotFoundError",
    "ImageDataset",
    "Split",
    "augment",
    "load_cifar10",
    "load_digits",
    "load_mnist",
]
