"""The trainer: `python -m d2lhelpers.train --help`; in Python `train.run(train.Config(...))`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
