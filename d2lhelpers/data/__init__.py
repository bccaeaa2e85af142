"""Data sets as tensors in memory, batches of them, augmentation: `d2l.data.load_mnist()`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
