"""ExponentialFamily: distributions whose density is an exponential of natural parameters."""

from .distribution import Distribution


class ExponentialFamily(Distribution):
    """A mark for distributions of the exponential family; each here has its own entropy."""
