"""Special functions under the names of `torch.special`."""

from ._core.names import lazily
from ._ops.elementary import exp2, expm1, log1p, logit, sinc
from ._ops.elementary import sigmoid as expit
from ._ops.error_functions import erf, erfc, erfcx, erfinv, log_ndtr, ndtr, ndtri
from ._ops.reduction import logsumexp
from ._ops.rounding import round
from ._ops.softmaxes import log_softmax, softmax
from ._ops.special import (
    digamma,
    entr,
    gammainc,
    gammaincc,
    gammaln,
    i0,
    i0e,
    i1,
    i1e,
    multigammaln,
    polygamma,
    psi,
    xlog1py,
    xlogy,
    zeta,
)

__all__ = [
    "digamma", "entr", "erf", "erfc", "erfcx", "erfinv", "exp2", "expit", "expm1", "gammainc",
    "gammaincc", "gammaln", "i0", "i0e", "i1", "i1e", "log1p", "log_ndtr", "log_softmax", "logit",
    "logsumexp", "multigammaln", "ndtr", "ndtri", "polygamma", "psi", "round", "sinc", "softmax",
    "xlog1py", "xlogy", "zeta",
]  # fmt: skip

__getattr__ = lazily(__name__)
