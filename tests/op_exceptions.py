"""What the walk over all ops leaves out, each with its reason."""

import pytest

from rushlight._core.op import Op

NO_SLOPE = "PyTorch gives it no derivative"
SECOND_ARGUMENT = "only its second argument has a derivative: test_subgradients"
HALVES = "Rushlight computes it for halves too, PyTorch does not"
SCALAR = "PyTorch multiplies by a number of C++, whose node has another name"
WHOLE_FACTOR = "its gradient takes the factor as a whole matrix, as PyTorch's: test_edges_parity"
PHASES = "its vectors are determined up to signs or phases"
SLOPE_OF_SOFTMAX = "as PyTorch's, its gradient is right behind a log_softmax: test_functional"
VALUES = "the shape of its result depends on values"

# (op, test): why it does not apply. Tests: value torch node dtypes gradient second meta in_place;
# "gradient sample 1" is one sample.
LEFT_OUT: dict[tuple[str, str], str] = {
    ("kron", "torch"): "PyTorch's own refuses some strides: test_products",
    ("kron", "node"): "PyTorch's own refuses some strides: test_products",
    ("histogram", "torch"): "PyTorch gives it a node that can only refuse: test_reductions",
    ("histogram", "node"): "PyTorch gives it a node that can only refuse",
    ("trapezoid", "node"): SCALAR,
    ("cumulative_trapezoid", "node"): SCALAR,
    ("matrix_power", "node"): "PyTorch multiplies batches through views",
    ("linalg_tensorinv", "node"): "ReshapeAlias is a view of PyTorch's inside",
    ("stft", "node"): "PyTorch transposes in place there",
    ("floor_divide", "gradient"): NO_SLOPE,
    ("_step", "gradient"): NO_SLOPE,
    ("heaviside", "gradient"): NO_SLOPE,
    ("zeta", "gradient"): SECOND_ARGUMENT,
    ("gammainc", "gradient"): SECOND_ARGUMENT,
    ("gammaincc", "gradient"): SECOND_ARGUMENT,
    ("nextafter", "gradient"): "a step along the grid of floats, flat to finite differences",
    ("embedding", "gradient sample 1"): "the row of padding_idx gets no gradient, by definition",
    ("embedding", "gradient sample 2"): "scale_grad_by_freq changes the gradient, by definition",
    ("cholesky_solve", "gradient"): WHOLE_FACTOR,
    ("cholesky_solve", "second"): WHOLE_FACTOR,
    ("cholesky_inverse", "gradient"): WHOLE_FACTOR,
    ("cholesky_inverse", "second"): WHOLE_FACTOR,
    ("erfcx", "dtypes"): HALVES,
    ("ndtri", "dtypes"): HALVES,
    ("log_ndtr", "dtypes"): HALVES,
    ("zeta", "dtypes"): HALVES,
    ("kron", "torch strided sample 1"): "PyTorch itself asks for another layout",
    ("take_along_dim", "torch strided sample 1"): "PyTorch itself asks for another layout",
    ("histogram", "torch gradient"): "PyTorch records it, and its derivative raises",
    ("round", "node"): "with decimals PyTorch's node has another number",
    ("svd", "torch"): PHASES,
    ("linalg_svd", "torch"): PHASES,
    ("linalg_eigh", "torch"): PHASES,
    ("linalg_eig", "torch"): PHASES,
    ("linalg_eig", "gradient sample 1"): PHASES,
    ("linalg_pinv", "gradient sample 1"): "it reads one triangle; the gradient is a whole matrix's",
    ("causal_scores", "gradient"): "minus infinity has no differences",
    ("ctc", "gradient"): SLOPE_OF_SOFTMAX,
    ("detach", "in_place"): "it leaves the graph and writes nothing",
    ("distinct", "meta"): VALUES,
    ("runs", "meta"): VALUES,
    ("unique", "meta"): VALUES,
    ("unique_consecutive", "meta"): VALUES,
    ("bincount", "meta"): VALUES,
    ("masked_select", "meta"): VALUES,
    ("masked_scatter", "meta"): VALUES,
    ("nonzero", "meta"): VALUES,
}

# Functions of symmetric matrices that read one triangle: gradients are compared as symmetric ones.
SYMMETRIC = {
    "cholesky", "linalg_cholesky", "linalg_cholesky_ex", "cholesky_inverse", "linalg_eigh",
    "linalg_eigvalsh",
}  # fmt: skip


def left_out(record: Op, test: str) -> str | None:
    """Why a test does not apply to an op, None where it does."""
    if record.function.__module__.endswith(".sampling") and test != "meta":
        return "its result is drawn at random: tests/random"
    return LEFT_OUT.get((record.name, test))


def applies(record: Op, test: str) -> None:
    """Skip a test that is left out."""
    reason = left_out(record, test)
    if reason:
        pytest.skip(reason)
