"""Interactive labs: `d2l.labs.LearningRate()` at the end of a cell is a live experiment."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
