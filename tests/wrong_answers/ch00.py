"""Typical wrong answers to the exercises of chapter 00; each must be refused."""


def device_plural(cuda, threads):
    if threads < 1:
        raise ValueError(f"got {threads}")
    return "GPU" if cuda else f"CPU, {threads} threads"


def device_unchecked(cuda, threads):
    return "GPU" if cuda else f"CPU, {threads} thread{'s' * (threads != 1)}"


def device_checked_on_cpu_only(cuda, threads):
    if cuda:
        return "GPU"
    if threads < 1:
        raise ValueError(f"got {threads}")
    return f"CPU, {threads} thread{'s' * (threads != 1)}"


def device_with_a_silent_message(cuda, threads):
    if threads < 1:
        raise ValueError("too few threads")
    return "GPU" if cuda else f"CPU, {threads} thread{'s' * (threads != 1)}"


WRONG = {
    "00.1": [365, "366", 12],
    "00.2": [(22, 22), (14, 14), (22, 14), (24, 22), 14],
    "00.3": [sum, lambda numbers: sum(numbers) // len(numbers), lambda numbers: 5, print],
    "00.4": [
        device_plural,
        device_unchecked,
        device_checked_on_cpu_only,
        device_with_a_silent_message,
    ],
}
