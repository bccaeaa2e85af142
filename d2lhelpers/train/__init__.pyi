from .checkpoint import CheckpointError as CheckpointError
from .config import Augmentation as Augmentation
from .config import Config as Config
from .datasets import register_data as register_data
from .models import build_model as build_model
from .models import register_model as register_model
from .recipes import RECIPES as RECIPES
from .results import Epoch as Epoch
from .results import Result as Result
from .run import TrainingError as TrainingError
from .run import run as run
from .trained import Trained as Trained
from .trained import load as load

__all__ = [
    "RECIPES",
    "Augmentation",
    "CheckpointError",
    "Config",
    "Epoch",
    "Result",
    "Trained",
    "TrainingError",
    "build_model",
    "load",
    "register_data",
    "register_model",
    "run",
]
