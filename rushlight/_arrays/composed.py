"""Words that are made of other words, for every kind of array that has nothing better."""

from . import loop, pooling


class Composed:
    """What namespaces of arrays have in common."""

    scan = loop.scan
    pool_max, pool_sum = pooling.pool_max, pooling.pool_sum
    unpool_max, unpool_sum = pooling.unpool_max, pooling.unpool_sum
