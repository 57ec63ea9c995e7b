"""torch.utils.tensorboard: event files for TensorBoard, without TensorBoard or TensorFlow."""

from ..._core.names import lazily
from .writer import SummaryWriter

__getattr__ = lazily(__name__)

__all__ = ["SummaryWriter"]
