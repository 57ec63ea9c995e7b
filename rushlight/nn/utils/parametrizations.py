"""Ready parametrizations: orthogonal matrices, weight and spectral normalisation."""

from typing import Any

from ..._core.dtypes import finfo
from ..._core.errors import dim_of
from ..._core.modes import no_grad
from ..._creation import eye, randn, zeros_like
from ..._ops.joining import cat
from ..._tensor import Tensor
from .. import functional as F
from ..modules.module import Module
from .parametrize import register_parametrization
from .spectral_norm import TRANSPOSED, as_matrix, check_iterations, drawn_units
from .weight_norm import norm_except_dim, normed

_MAPS = ("matrix_exp", "cayley", "householder")


def _is_orthogonal(q: Tensor) -> bool:
    unit = eye(q.shape[-1], dtype=q.dtype, device=q.device)
    bound = 10.0 * q.shape[-2] * finfo(q.dtype).eps
    return bool(((q.mH @ q - unit).abs() <= bound + 1e-5 * unit.abs()).all())


def _make_orthogonal(a: Tensor) -> Tensor:
    """The nearest orthogonal matrix in the sense of QR with a positive diagonal."""
    q, r = a.qr()
    return q * r.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


class _Orthogonal(Module):
    """Maps any matrix to an orthogonal one (Lezcano-Casado, 2019)."""

    def __init__(
        self, weight: Tensor, orthogonal_map: str, *, use_trivialization: bool = True
    ) -> None:
        super().__init__()
        if weight.is_complex() and orthogonal_map == "householder":
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:
        wide = X.shape[-2] < X.shape[-1]
        x = X.mT if wide else X
        q = self._reflections(x) if self.orthogonal_map == "householder" else self._rotation(x)
        if hasattr(self, "base"):
            q = self.base @ q
        return q.mT if wide else q

    def _rotation(self, x: Tensor) -> Tensor:
        """A rotation from the skew part of the lower triangle."""
        rows, columns = x.shape[-2:]
        x = x.tril()
        if rows != columns:
            x = cat([x, x.new_zeros(*x.shape[:-1], rows - columns)], dim=-1)
        skew = x - x.mH
        if self.orthogonal_map == "matrix_exp":
            q = skew.matrix_exp()
        else:
            unit = eye(rows, dtype=skew.dtype, device=skew.device)
            q = (unit - skew * 0.5).inverse() @ (unit + skew * 0.5)
        return q[..., :columns] if rows != columns else q

    def _reflections(self, x: Tensor) -> Tensor:
        """A product of Householder reflections, one a column, times the signs on the diagonal."""
        rows, columns = x.shape[-2:]
        vectors = x.tril(diagonal=-1) + eye(rows, columns, dtype=x.dtype, device=x.device)
        scale = 2.0 / (vectors * vectors).sum(dim=-2)
        q = eye(rows, columns, dtype=x.dtype, device=x.device).expand(x.shape)
        for i in reversed(range(columns)):
            v = vectors[..., i].unsqueeze(-1)
            q = q - scale[..., i, None, None] * (v @ (v.mT @ q))
        signs = x.detach().diagonal(dim1=-2, dim2=-1).int()
        return q * signs.unsqueeze(-2)

    @no_grad()
    def right_inverse(self, Q: Tensor) -> Tensor:
        """A matrix that is mapped to `Q` (or to the nearest orthogonal matrix)."""
        if Q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. "
                f"Got a tensor of shape {Q.shape}."
            )
        if not hasattr(self, "base"):
            raise NotImplementedError(
                "It is not possible to assign to the matrix exponential or the Cayley "
                "parametrizations when use_trivialization=False."
            )
        q = Q.mT if Q.shape[-2] < Q.shape[-1] else Q
        rows, columns = q.shape[-2:]
        if rows != columns:
            more = randn(*q.shape[:-1], rows - columns, dtype=q.dtype, device=q.device)
            q = _make_orthogonal(cat([q, more], dim=-1))
        else:
            q = q.clone() if _is_orthogonal(q) else _make_orthogonal(q)
        self.base = q
        start = zeros_like(Q)
        start.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
        return start


def orthogonal(
    module: Module,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> Module:
    """Keep a matrix orthogonal.

    Args:
        orthogonal_map: "matrix_exp", "cayley" or "householder".
        use_trivialization: whether the maps start from the present matrix.
    """
    weight = _weight_of(module, name)
    if weight.ndim < 2:
        raise ValueError(
            f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions."
        )
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1]
        orthogonal_map = "matrix_exp" if square or weight.is_complex() else "householder"
    if orthogonal_map not in _MAPS:
        raise ValueError(
            'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". '
            f"Got: {orthogonal_map}"
        )
    made = _Orthogonal(weight, orthogonal_map, use_trivialization=use_trivialization)
    return register_parametrization(module, name, made, unsafe=True)


def _weight_of(module: Module, name: str) -> Tensor:
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return weight


class _WeightNorm(Module):
    """Magnitude and direction into a weight."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return normed(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Magnitude and direction of a weight."""
        return norm_except_dim(weight, 2, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Learn the magnitude of a weight apart from its direction."""
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def from_older_names(state_dict: Any, prefix: str, *_: Any) -> None:
        old = [f"{prefix}{name}_g", f"{prefix}{name}_v"]
        if all(key in state_dict for key in old):
            for i, key in enumerate(old):
                state_dict[f"{prefix}parametrizations.{name}.original{i}"] = state_dict.pop(key)

    module._register_load_state_dict_pre_hook(from_older_names)
    return module


class _SpectralNorm(Module):
    """A weight over its greatest singular value, estimated by power iteration."""

    def __init__(
        self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ) -> None:
        super().__init__()
        self.dim = dim_of(dim, weight.ndim)
        check_iterations(n_power_iterations)
        self.eps = eps
        if weight.ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = as_matrix(weight, self.dim)
            for name, vector in zip(("_u", "_v"), drawn_units(matrix, eps)):
                self.register_buffer(name, vector)
            self._power_method(matrix, 15)

    @no_grad()
    def _power_method(self, matrix: Tensor, n_power_iterations: int) -> None:
        for _ in range(n_power_iterations):
            self._u.copy_(F.normalize(matrix.mv(self._v), dim=0, eps=self.eps))
            self._v.copy_(F.normalize(matrix.mH.mv(self._u), dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._power_method(matrix, self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()
        return weight / u.vdot(matrix.mv(v))

    def right_inverse(self, value: Tensor) -> Tensor:
        """The weight itself."""
        return value


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Hold the greatest singular value of a weight at 1."""
    weight = _weight_of(module, name)
    if dim is None:
        dim = 1 if isinstance(module, TRANSPOSED) else 0
    made = _SpectralNorm(weight, n_power_iterations, dim, eps)
    return register_parametrization(module, name, made)
