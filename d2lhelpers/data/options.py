"""Checks of the arguments that the loaders share."""

from numbers import Integral


def require_options(where: str, fallback: object, **flags: object) -> None:
    """Raise ValueError unless `fallback` is None or "digits", TypeError unless flags are bools."""
    if fallback not in (None, "digits"):
        raise ValueError(f"{where}: fallback must be None or 'digits', got {fallback!r}")
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise TypeError(f"{where}: {name} must be a bool, got {type(value).__name__}")


def require_validation(where: str, validation: object, num_training: int | None = None) -> None:
    """Raise unless `validation` is an int of at least 0 that leaves examples to train on."""
    if isinstance(validation, bool) or not isinstance(validation, Integral):
        raise TypeError(f"{where}: validation must be an int, got {type(validation).__name__}")
    count = int(validation)
    if count < 0 or (num_training is not None and count >= num_training):
        wanted = "at least 0" if num_training is None else f"0 to {num_training - 1:,}"
        raise ValueError(f"{where}: validation must be {wanted}, got {count:,}")
