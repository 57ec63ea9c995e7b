"""Exchanging channels between groups."""

from .. import functional as F
from .module import Functional


class ChannelShuffle(Functional):
    """Deals the channels of each group out over all groups."""

    __constants__ = ["groups"]
    _repr_names = __constants__
    _function = F.channel_shuffle

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups
