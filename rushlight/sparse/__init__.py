"""torch.sparse: functions of sparse tensors in coordinate format."""

from .._core.names import lazily
from .arithmetic import addmm, mm, sum

__getattr__ = lazily(__name__)

__all__ = ["addmm", "mm", "sum"]
