from .backprop_by_hand import BackpropByHand as BackpropByHand
from .base import Lab as Lab
from .broadcasting import Broadcasting as Broadcasting
from .build_a_function import BuildAFunction as BuildAFunction
from .controls import Choice as Choice
from .controls import Control as Control
from .controls import IntSlider as IntSlider
from .controls import LogSlider as LogSlider
from .controls import Slider as Slider
from .controls import Stops as Stops
from .controls import Text as Text
from .controls import TextField as TextField
from .controls import Toggle as Toggle
from .kernel import Kernel as Kernel
from .learning_rate import LearningRate as LearningRate
from .learning_rate_and_batch_size import LearningRateAndBatchSize as LearningRateAndBatchSize
from .one_neuron import OneNeuron as OneNeuron
from .regularization import Regularization as Regularization
from .run import Run as Run
from .run import RunLab as RunLab
from .saturated_neuron import SaturatedNeuron as SaturatedNeuron
from .secant_to_tangent import SecantToTangent as SecantToTangent
from .shapes import Shapes as Shapes
from .train_a_classifier import TrainAClassifier as TrainAClassifier
from .vanishing_gradients import VanishingGradients as VanishingGradients

__all__ = [
    "BackpropByHand",
    "Broadcasting",
    "BuildAFunction",
    "Choice",
    "Control",
    "IntSlider",
    "Kernel",
    "Lab",
    "LearningRate",
    "LearningRateAndBatchSize",
    "LogSlider",
    "OneNeuron",
    "Regularization",
    "Run",
    "RunLab",
    "SaturatedNeuron",
    "SecantToTangent",
    "Shapes",
    "Slider",
    "Stops",
    "Text",
    "TextField",
    "Toggle",
    "TrainAClassifier",
    "VanishingGradients",
]
