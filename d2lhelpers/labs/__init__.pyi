from .base import Lab as Lab
from .controls import Choice as Choice
from .controls import Control as Control
from .controls import IntSlider as IntSlider
from .controls import LogSlider as LogSlider
from .controls import Slider as Slider
from .controls import Stops as Stops
from .controls import Toggle as Toggle
from .learning_rate import LearningRate as LearningRate
from .learning_rate_and_batch_size import LearningRateAndBatchSize as LearningRateAndBatchSize

__all__ = [
    "Choice",
    "Control",
    "IntSlider",
    "Lab",
    "LearningRate",
    "LearningRateAndBatchSize",
    "LogSlider",
    "Slider",
    "Stops",
    "Toggle",
]
