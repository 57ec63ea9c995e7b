"""oneDNN, which Rushlight does not call itself."""


def is_available() -> bool:
    """Whether it is used."""
    return False
