"""Calls that ops refuse, with part of the sentence that says so."""

from math import inf
from typing import Any

from op_case import Case, bools, complexes, floats, ints


class Refused(Case):
    """A call, the message that it is refused with, and the exception's type."""

    __slots__ = ("kind", "message")

    def raises(self, message: str, kind: type[Exception] = RuntimeError) -> "Refused":
        """The call, with part of the message."""
        self.message, self.kind = message, kind
        return self

    def lacks(self, dtype: str) -> "Refused":
        """The call, refused for PyTorch's name of a dtype."""
        return self.raises(f"not implemented for '{dtype}'", NotImplementedError)


def call(*args: Any, **kwargs: Any) -> Refused:
    """A call with these arguments."""
    return Refused(args, kwargs)


def beyond(shape: tuple, dim: int, **others: Any) -> Refused:
    """A call with a dimension that a tensor of this shape does not have."""
    n = len(shape)
    return call(shape, dim=dim, **others).raises(
        f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})",
        IndexError,
    )


def oblong(name: str, *others: Any) -> Refused:
    """A call with a matrix that is not square; `name` begins the sentence."""
    return call((3, 4), *others).raises(
        f"{name}: A must be batches of square matrices, but they are 3 by 4 matrices"
    )


# names of ops (as test ids give them) -> what they refuse
_REFUSED: dict[str, tuple[Refused, ...]] = {
    # activation
    "prelu": (
        call((2, 2), (3,)).raises(
            "Mismatch of parameter numbers and input channel size. Found parameter numbers = 3 and "
            "channel size = 2."
        ),
    ),
    "glu": (call((3, 3)).raises("Halving dimension must be even, but dimension 1 is size 3"),),
    # blocks
    "trace": (call((2,)).raises("trace: expected a matrix, but got tensor with dim 1"),),
    "blocks.block_diag.1": (
        call((2, 3, 4)).raises(
            "torch.block_diag: Input tensors must have 2 or fewer dimensions. "
            "Input 0 has 3 dimensions"
        ),
    ),
    # bounds
    "maximum minimum fmax fmin": (
        call(complexes(3), (3,)).raises("not implemented for complex tensors."),
    ),
    "clamp": (
        call((3,)).raises("torch.clamp: At least one of 'min' or 'max' must not be None"),
        call(bools(3), False).lacks("Bool"),
        call(complexes(3), 0).raises(
            "clamp is not supported for complex types", NotImplementedError
        ),
    ),
    "heaviside": (
        call((3,), floats(3, dtype="float64")).raises(
            "heaviside is not yet implemented for tensors with different dtypes."
        ),
    ),
    # calculus
    "diff": (call(()).raises("diff expects input to be at least one-dimensional"),),
    "cov": (
        call((2, 3, 4)).raises(
            "cov(): expected input to have two or fewer dimensions but got an "
            "input with 3 dimensions"
        ),
    ),
    # class_loss
    "nll_loss": (
        call((4, 3), ints(4, low=3, high=4)).raises("Target 3 is out of bounds.", IndexError),
    ),
    # combined
    "linalg_cross": (
        call((3, 2), (3, 2)).raises(
            "linalg.cross: inputs dimension -1 must have length 3. Got 2 and 2"
        ),
        call((3,), (2, 3)).raises("linalg.cross: inputs must have the same number of dimensions."),
    ),
    "cross": (call((2,), (2,)).raises("no dimension of size 3 in input"),),
    "positive": (call(bools(3)).raises("The `+` operator, on a bool tensor is not supported."),),
    "addcdiv": (
        call(*[ints(3, low=1, high=4)] * 3).raises(
            "Integer division with addcdiv is no longer supported"
        ),
    ),
    # complex_numbers
    "view_as_complex": (
        call((3, 3)).raises("Tensor must have a last dimension of size 2"),
        call(()).raises("Input tensor must have one or more dimensions"),
        call(ints(3, 2, low=0, high=2)).raises("view_as_complex is only supported for"),
    ),
    "imag": (call((3,)).raises("imag is not implemented for tensors with non-complex dtypes."),),
    "view_as_real": (call((3,)).raises("view_as_real is only supported for complex tensors"),),
    # contraction
    "einsum": (
        call("ij,jk->ik", (3, 4), (3, 4)).raises(
            "einsum(): subscript j has size 3 for operand 1 which does not broadcast with "
            "previously seen size 4"
        ),
        call("ij->ijk", (3, 4)).raises(
            "einsum(): output subscript k does not appear in the equation for any input operand"
        ),
        call("ij,jk", (3, 4)).raises(
            "einsum(): fewer operands were provided than specified in the equation"
        ),
        call("i", (3, 4)).raises(
            "einsum(): the number of subscripts in the equation (1) does not match the number of "
            "dimensions (2) for operand 0 and no ellipsis was given"
        ),
        call("ij->jj", (3, 4)).raises(
            "einsum(): output subscript j appears more than once in the output"
        ),
        call("i1->i", (3, 4)).raises(
            "einsum(): invalid subscript given at index 1 in the equation string, subscripts must "
            "be in [a-zA-Z]"
        ),
    ),
    "tensordot": (
        call((3, 4), (4, 5), 2).raises(
            "contracted dimensions need to match, but first has size 3 in dim -2 and second has "
            "size 4 in dim 0"
        ),
    ),
    "linalg_multi_dot": (
        call([(3, 4)]).raises("multi_dot(): expected at least 2 tensors but got 1"),
        call([(3, 4), (3, 4)]).raises(
            "multi_dot(): tensors 0 and 1 with shapes [3, 4] and [3, 4] cannot be multiplied"
        ),
    ),
    # counting
    "bincount": (
        *(
            call(refused).raises("bincount only supports 1-d non-negative integral inputs.")
            for refused in (ints(3, 4, low=0, high=6), ints(4, low=-3, high=-1))
        ),
        call(ints(3, low=0, high=6), (4,)).raises(
            "weights should be 1-d and have the same length as input"
        ),
    ),
    "histc": (
        call((5,), bins=0).raises("torch.histogram(): bins must be > 0, but got 0 for dimension 0"),
        call((5,), bins=4, min=5, max=1).raises("torch.histc: max must be larger than min"),
    ),
    "unique": (beyond((2, 3), dim=2),),
    # elementary
    "logit": (call(complexes(3)).lacks("ComplexFloat"),),
    "deg2rad rad2deg": (call(complexes(3)).raises("is not supported for complex tensors."),),
    # embedding
    "embedding": (
        call((5, 3), ints(2, low=5, high=6)).raises("index out of range in self", IndexError),
        call((5, 3), ints(2, low=-2, high=-1)).raises("index out of range in self", IndexError),
    ),
    # error_functions
    "erf erfc erfcx erfinv ndtri log_ndtr": (call(complexes(3)).lacks("ComplexFloat"),),
    # extrema
    "amax": (
        call((0, 3)).raises(
            "amax(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
            "reduction dim with the 'dim' argument"
        ),
        call((0, 3), dim=0).raises(
            "amax(): Expected reduction dim 0 to have non-zero size.", IndexError
        ),
        beyond((3,), dim=1),
    ),
    "argmax": (
        call((0, 3)).raises(
            "argmax(): Expected reduction dim to be specified for input.numel() == 0.", IndexError
        ),
        call((0, 3), dim=0).raises(
            "argmax(): Expected reduction dim 0 to have non-zero size.", IndexError
        ),
        call(bools(3)).raises("argmax(): does not support bool input"),
    ),
    "extrema.max.1": (
        call((0, 3), dim=0).raises(
            "max(): Expected reduction dim 0 to have non-zero size.", IndexError
        ),
        beyond((3,), dim=1),
    ),
    "extrema.max.2": (
        call((0, 3)).raises(
            "max(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
            "reduction dim with the 'dim' argument"
        ),
        call((2, 3), dim=(0, 1)).raises(
            "max() received an invalid combination of arguments", TypeError
        ),
    ),
    # factors
    "linalg_cholesky": (
        call(floats(2, 2, low=0, high=0)).raises(
            "linalg.cholesky: The factorization could not be completed because the input is not "
            "positive-definite (the leading minor of order 1 is not positive-definite)."
        ),
    ),
    "linalg_qr": (call((3, 4), mode="foo").raises("qr received unrecognized mode 'foo'"),),
    # frames
    "stft": (
        call((40,), 16).raises(
            "stft requires the return_complex parameter be given for real inputs"
        ),
    ),
    # gathering
    "gathering.index_select.1": (
        call((3, 4), 0, ints(2, low=7, high=8)).raises("index out of range", IndexError),
    ),
    "gathering.gather.1": (
        call((3, 4), 1, ints(3, low=0, high=4)).raises("Index tensor must have the same number"),
    ),
    # integers
    "bitwise_and bitwise_or bitwise_xor": (
        call((3,), 1).lacks("Float"),
        call(ints(3, low=0, high=3), 1.5).lacks("Float"),
    ),
    "bitwise_left_shift bitwise_right_shift": (call(bools(3), bools(3)).lacks("Bool"),),
    "gcd lcm": (call((3,), (3,)).lacks("Float"),),
    # joining
    "cat": (call([(2, 3), (2, 4)]).raises("Sizes of tensors must match except in dimension 0"),),
    "stack": (call([(2,), (3,)]).raises("stack expects each tensor to be equal size"),),
    # linalg
    "linalg_inv": (
        oblong("linalg.inv"),
        call(floats(2, 2, low=0, high=0)).raises(
            "linalg.inv: The diagonal element 1 is zero, the inversion could not be completed "
            "because the input matrix is singular."
        ),
    ),
    "linalg_solve": (
        call(floats(2, 2, low=0, high=0), (2,)).raises(
            "torch.linalg.solve: The solver failed because the input matrix is singular."
        ),
        call((3, 3), (4,)).raises(
            "linalg.solve: Incompatible shapes of A and B for the equation AX = B (3x3 and 4x1)"
        ),
    ),
    "linalg_solve_triangular": (
        call((3, 3), (4, 5), upper=True).raises(
            "linalg.solve_triangular: Incompatible shapes of A and B for the equation AX = B (3x3 "
            "and 4x5)"
        ),
    ),
    "linalg_det": (oblong("linalg.det"),),
    # logic
    "lt le gt ge": (call(complexes(3), 1).lacks("ComplexFloat"),),
    "isclose allclose": (
        call((3,), floats(3, dtype="float64")).raises("Float did not match Double"),
        call((3,), (3,), rtol=-1).raises("rtol must be greater than or equal to zero, but got -1"),
    ),
    # magnitude
    "abs": (call(bools(3)).lacks("Bool"),),
    "sign": (
        call(complexes(3)).raises(
            "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use "
            "torch.sgn",
            NotImplementedError,
        ),
    ),
    "frexp": (
        call(ints(3, low=1, high=4)).raises("torch.frexp() only supports floating-point dtypes"),
    ),
    # matmul
    "mm": (call((3, 4), (5, 2)).raises("mat1 and mat2 shapes cannot be multiplied (3x4 and 5x2)"),),
    "matmul": (
        call((3, 4), (5,)).raises("size mismatch"),
        call((), (5,)).raises("both arguments to matmul need to be at least 1D"),
    ),
    "linear": (
        call((3, 4), (5, 6)).raises("mat1 and mat2 shapes cannot be multiplied (3x4 and 6x5)"),
    ),
    # norm
    "layer_norm_native": (
        call((3, 5), normalized_shape=(4,)).raises(
            "Given normalized_shape=[4], expected input with shape [*, 4], but got "
            "input of size[3, 5]"
        ),
    ),
    # norms
    "linalg_vector_norm": (
        call(ints(3, low=0, high=4)).raises(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got Long"
        ),
        call((0,), ord=inf).raises(
            "linalg.vector_norm cannot compute the inf norm on an empty tensor"
        ),
    ),
    "linalg_matrix_norm": (
        call((3,)).raises(
            "linalg.matrix_norm: The input tensor A must have at least 2 dimensions."
        ),
        call((3, 4), 3).raises("linalg.matrix_norm: Order 3 not supported."),
    ),
    "linalg_norm": (
        call((2, 3, 4), 2).raises(
            "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got 3D."
        ),
    ),
    "cdist": (
        call((3, 4), (2, 5)).raises("X1 and X2 must have the same number of columns. X1: 4 X2: 5"),
        call((4,), (2, 4)).raises("cdist only supports at least 2D tensors, X1 got: 1D"),
    ),
    "renorm": (beyond((3, 4), p=2, dim=5, maxnorm=1.0),),
    # pivoting
    "linalg_lu_factor": (
        call(floats(2, 2, low=0, high=0)).raises("torch.linalg.lu_factor: U[1,1] is zero"),
    ),
    # products
    "vdot": (
        call((3, 4), (4,)).raises("1D tensors expected, but got 2D and 1D tensors"),
        call((3,), (4,)).raises(
            "inconsistent tensor size, expected tensor [3] and src [4] to have the same number of "
            "elements"
        ),
    ),
    "outer": (call((3, 4), (4,)).raises("outer: Expected 1-D argument self, but got 2-D"),),
    "inner": (
        call((3, 4), (4, 5)).raises(
            "inner() the last dimension must match on both input tensors but got shapes [3, 4] and "
            "[4, 5]"
        ),
    ),
    "addmm": (
        call((5,), (3, 4), (3, 5)).raises(
            "mat1 and mat2 shapes cannot be multiplied (3x4 and 3x5)"
        ),
        call((5,), (4,), (4, 5)).raises("mat1 must be a matrix, got 1-D tensor"),
    ),
    "addmv": (call((3,), (3, 4), (3,)).raises("size mismatch, got input (3), mat (3x4), vec (3)"),),
    "addr": (
        call((3, 4), (4,), (3,)).raises(
            "The expanded size of the tensor (3) must match the existing size (4) at non-singleton "
            "dimension 1.  Target sizes: [4, 3].  Tensor sizes: [3, 4]"
        ),
    ),
    "baddbmm": (
        call((3, 4), (2, 3, 4), (2, 4, 5)).raises(
            "The expanded size of the tensor (5) must match the existing size (4) at non-singleton "
            "dimension 2.  Target sizes: [2, 3, 5].  Tensor sizes: [3, 4]"
        ),
    ),
    # quantiles
    "quantiles.median.2": (
        call((0, 3), 0).raises(
            "median(): Expected reduction dim 0 to have non-zero size.", IndexError
        ),
    ),
    "quantiles.quantile.1": (
        call((3,), 1.5).raises("quantile() q must be in the range [0, 1] but got 1.5"),
        call(ints(3, low=0, high=5), 0.5).raises(
            "quantile() input tensor must be either float or double dtype"
        ),
    ),
    # reduction
    "reduction.sum.2": (
        beyond((3, 4), dim=2),
        call((3, 4), dim=(0, 0)).raises("dim 0 appears multiple times in the list of dims"),
    ),
    "reduction.mean.2": (
        call(ints(3, low=0, high=5)).raises(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or "
            "complex dtype. Got: Long"
        ),
        beyond((3,), dim=-2),
    ),
    "reduction.prod.2": (beyond((3, 4), dim=5),),
    "logsumexp": (beyond((3, 4), dim=3),),
    # rounding
    "floor ceil trunc": (
        call(bools(3)).lacks("Bool"),
        call(complexes(3)).raises("is not supported for complex inputs", NotImplementedError),
    ),
    "floor_divide remainder fmod": (
        call(ints(3, low=1, high=4), 0).raises("ZeroDivisionError"),
        call(bools(3), bools(3)).lacks("Bool"),
    ),
    "frac": (call(ints(3, low=1, high=4)).lacks("Long"),),
    # scan
    "cumsum cumprod": (beyond((3, 4), dim=2),),
    # softmaxes
    "softmax log_softmax": (
        beyond((3, 4), dim=2),
        call(ints(3, low=0, high=5), dim=0).raises("not implemented for 'Long'"),
    ),
    # sorting
    "sort": (beyond((3,), dim=1),),
    "topk": (call((3, 4), k=5).raises("selected index k out of range"),),
    "kthvalue": (
        call((3, 4), k=5).raises("kthvalue(): selected number k out of range for dimension 1"),
    ),
    # special
    "special.polygamma.1": (call(-1, (3,)).raises("polygamma(n, x) does not support negative n."),),
    "mvlgamma": (call((3,), 0).raises("p has to be greater than or equal to 1"),),
    "gammainc gammaincc": (call(ints(3, low=1, high=3), ints(3, low=1, high=3)).lacks("Long"),),
    # spectra
    "linalg_svd": (
        call((3,)).raises("linalg.svd: The input tensor A must have at least 2 dimensions."),
    ),
    "linalg_eigh": (
        oblong("linalg.eigh"),
        call((3, 3), UPLO="X").raises("Expected UPLO argument to be 'L' or 'U', but got X"),
    ),
    "linalg_eig": (oblong("linalg.eig"),),
    "matrix_power": (oblong("linalg.matrix_power", 2),),
    # statistics
    "statistics.var.1 statistics.std.1": (
        call(ints(3, low=0, high=5)).raises(
            "std and var only support floating point and complex dtypes"
        ),
        beyond((3,), dim=1),
    ),
    # transforms
    "fft_fft": (
        call((3,), n=0).raises("Invalid number of data points (0) specified"),
        call((3,), norm="foo").raises('Invalid normalization mode: "foo"'),
        beyond((3,), dim=1),
    ),
    "fft_rfft": (
        call(complexes(3)).raises("rfft expects a real input tensor, but got ComplexFloat"),
    ),
    # views
    "reshape": (
        call((3, 4), shape=(5, 2)).raises("shape '[5, 2]' is invalid for input of size 12"),
    ),
    "transpose": (call((2, 3), dim0=0, dim1=2).raises("Dimension out of range", IndexError),),
    "expand": (call((3, 2), size=(3, 4)).raises("The expanded size of the tensor (4) must match"),),
}
REFUSED: dict[str, list[Refused]] = {}
for _names, _calls in _REFUSED.items():
    for _name in _names.split():
        REFUSED.setdefault(_name, []).extend(_calls)
