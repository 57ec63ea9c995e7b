"""Neural networks: modules, their parameters, and functions on them, under PyTorch's names."""

from .._core.names import lazily
from . import attention as attention
from . import functional as functional
from . import init as init
from . import modules as modules
from . import parallel as parallel
from . import quantized as quantized
from . import utils as utils
from .modules import *  # noqa: F403  (the layers, listed in modules.__all__)
from .parallel import DataParallel as DataParallel
from .parameter import Buffer as Buffer
from .parameter import Parameter as Parameter
from .parameter import UninitializedBuffer as UninitializedBuffer
from .parameter import UninitializedParameter as UninitializedParameter

__getattr__ = lazily(__name__)
