"""Typical wrong answers to the exercises of chapter 00; each must be refused."""

import os
import platform

import torch


def all_cores():
    return torch.__version__, os.cpu_count(), torch.cuda.is_available()


def remembered(threads=torch.get_num_threads()):  # noqa: B008
    return torch.__version__, threads, torch.cuda.is_available()


def without_gpu():
    return torch.__version__, torch.get_num_threads()


def gpu_as_text():
    return torch.__version__, torch.get_num_threads(), "no"


def python_version():
    return platform.python_version(), torch.get_num_threads(), torch.cuda.is_available()


WRONG = {
    "00.1": [365, "366", 12],
    "00.2": [(22, 22), (14, 14), (22, 14), (24, 22), 14],
    "00.3": [sum, lambda numbers: sum(numbers) // len(numbers), lambda numbers: 5, print],
    "00.4": [all_cores, remembered, without_gpu, gpu_as_text, python_version],
}
