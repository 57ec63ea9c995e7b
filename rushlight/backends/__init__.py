"""`torch.backends`: switches that programs set; they are kept and can be read back."""

from .._core.names import lazily
from . import cpu, cuda, cudnn, mkl, mkldnn, mps, openmp

__getattr__ = lazily(__name__)
