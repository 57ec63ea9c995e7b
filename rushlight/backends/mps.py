"""Apple's GPUs, which Rushlight does not use."""


def is_available() -> bool:
    """Whether tensors can be moved to `mps`."""
    return False


def is_built() -> bool:
    """Whether this build has code for Apple's GPUs."""
    return False
