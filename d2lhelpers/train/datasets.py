"""The data sets that the trainer knows by name."""

from collections.abc import Callable
from typing import TypeVar

from ..data import ImageDataset, load_cifar10, load_digits, load_mnist

Loader = Callable[..., ImageDataset]
AnyLoader = TypeVar("AnyLoader", bound=Loader)

DATA: dict[str, Loader] = {"digits": load_digits, "mnist": load_mnist, "cifar10": load_cifar10}


def register_data(name: str) -> Callable[[AnyLoader], AnyLoader]:
    """Make a loader known by a name; it is called without arguments, or as `loader(validation=n)`.

    Raises:
        ValueError: when the name is taken.
    """

    def register(loader: AnyLoader) -> AnyLoader:
        if name in DATA:
            raise ValueError(f"there is a data set called {name!r} already")
        DATA[name] = loader
        return loader

    return register


def load_data(name: str, validation: int | None) -> ImageDataset:
    """The data set of this name, with so many validation images, by default its usual number.

    Raises:
        ValueError: for an unknown name, or too many validation images.
        DataNotFoundError: when it is not on this machine and cannot be downloaded.
    """
    if name not in DATA:
        raise ValueError(f"no data set is called {name!r}; there are {', '.join(sorted(DATA))}")
    return DATA[name]() if validation is None else DATA[name](validation=validation)
