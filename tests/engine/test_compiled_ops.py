"""Every op record compiled, beside eager mode: values and gradients of all its samples."""

import os
import sys
import warnings

import numpy as np
import pytest

pytest.importorskip("llvmlite")
sys.path.insert(0, os.path.dirname(os.path.dirname(__file__)))

from op_exceptions import left_out
from op_samples import RECORDS, asking, each_sample, mapped, name_of, outputs, samples, tensor

import rushlight as rl

every_op = pytest.mark.parametrize("record", RECORDS, ids=name_of)
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
RANDOM = "its result is drawn at random: tests/random"


def single(array):
    """float64 as float32, complex128 as complex64; the strides kept."""
    to = {"float64": "float32", "complex128": "complex64"}.get(array.dtype.name, array.dtype)
    return array.astype(to)


def call(record, args, kwargs, inputs):
    """A function without arguments: the op's tensors, and the gradients of their sum."""
    function = record.function  # the record itself notes plans: state that a trace must not change

    def run():
        made = outputs(function(*args, **kwargs))
        wanted = [t for t in made if t.requires_grad]
        if not wanted or not inputs:
            return made, []
        total = None
        for t in wanted:
            part = (t.real if t.is_complex() else t).sum()
            total = part if total is None else total + part
        found = rl.autograd.grad(total, inputs, allow_unused=True, materialize_grads=True)
        return [t.detach() for t in made], list(found)

    return run


def asked(record, sample):
    args, kwargs = asking(record, sample)
    inputs: list = []
    mapped((args, kwargs), lambda t: inputs.append(t) if t.requires_grad else None)
    return call(record, args, kwargs, inputs)


def near(record, found, wanted, double):
    rtol, atol = (1e-6, 1e-8) if double else (3e-4, 3e-5)
    for a, b in zip([*found[0], *found[1]], [*wanted[0], *wanted[1]], strict=True):
        assert a.dtype is b.dtype and a.shape == b.shape
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=rtol, atol=atol)


@every_op
@pytest.mark.parametrize("double", [True, False], ids=["float64", "float32"])
def test_compiled_is_eager(record, double):
    if left_out(record, "compiled") in (RANDOM,) or left_out(record, "value") == RANDOM:
        pytest.skip(RANDOM)
    drawn = samples(record)
    if not double:
        drawn = [
            type(s)(s.label, mapped(s.args, lambda t: tensor(single(t.array))),
                    mapped(s.kwargs, lambda t: tensor(single(t.array))))
            for s in drawn if not s.label.startswith("strided")
        ]  # fmt: skip
    compiled = 0
    for sample in drawn:
        with each_sample(sample), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # eager mode's own, and "calls run eagerly"
            run = asked(record, sample)
            try:
                wanted = run()
            except (RuntimeError, NotImplementedError):
                continue  # not for this dtype
            program = rl.compile(run)
            near(record, program(), wanted, double)
            if program.compiled.programs:
                compiled += 1
                near(record, program(), wanted, double)
    if drawn and not compiled:
        pytest.skip("its samples run eagerly: Python needs their values")
