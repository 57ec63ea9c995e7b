"""Runs a program of a stranger's eagerly and compiled, and compares all that is left."""

import collections
import dataclasses
import importlib
import random

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn


def st(*things):
    out = []

    def rec(x):
        if isinstance(x, rl.Tensor):
            out.append(
                (
                    "T",
                    tuple(x.shape),
                    str(x.dtype),
                    x.detach().numpy().copy()
                    if x.dtype is not rl.bfloat16
                    else x.detach().float().numpy().copy(),
                    x.requires_grad,
                    x.is_leaf,
                    x.grad is not None,
                )
            )
            if x.grad is not None:
                rec(x.grad)
        elif isinstance(x, nn.Module):
            for k, v in x.state_dict(keep_vars=True).items():
                out.append(k)
                rec(v)
            out.append(x.training)
        elif isinstance(x, rl.optim.Optimizer):
            for g in x.param_groups:
                out.append({k: v for k, v in g.items() if k != "params"})
                rec(list(g["params"]))
            for s in x.state.values():
                rec(s)
        elif isinstance(x, dict):
            for k, v in x.items():
                out.append(k)
                rec(v)
        elif dataclasses.is_dataclass(x) and not isinstance(x, type):
            out.append(type(x).__name__)
            rec(vars(x))
        elif isinstance(x, (list, tuple, collections.deque)):
            out.append((type(x).__name__, len(x)))
            for v in x:
                rec(v)
        else:
            out.append(x)

    rec(things)
    return out


def eq(a, b, path=""):
    if isinstance(a, np.ndarray):
        if (
            a.shape != b.shape
            or a.dtype != b.dtype
            or not np.allclose(a, b, 1e-5, 1e-6, equal_nan=True)
        ):
            return f"{path}: {a} / {b}"
        return None
    if isinstance(a, (list, tuple)) and type(a) is type(b):
        if len(a) != len(b):
            return f"{path}: lengths {len(a)} {len(b)}"
        for i, (x, y) in enumerate(zip(a, b)):
            if e := eq(x, y, f"{path}.{i}"):
                return e
        return None
    if isinstance(a, dict) and isinstance(b, dict):
        return eq(list(a.items()), list(b.items()), path)
    if isinstance(a, float) and isinstance(b, float) and abs(a - b) < 1e-5 * max(1, abs(a)):
        return None
    if type(a) is not type(b) or (a != b and not (a != a and b != b)):
        return f"{path}: {a!r} / {b!r}"


def same(program):
    """Asserts that a program leaves compiled what it leaves eagerly."""
    found = []
    for compiled in (lambda f: f, rl.compile):
        rl.manual_seed(0)
        random.seed(0)
        np.random.seed(0)
        found.append(st(program(compiled)))
    wrong = eq(*found)
    assert wrong is None, wrong


def mlp():
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2))


PROGRAMS = []
FILES = ("numbers", "training", "state", "results")


def prog(f):
    """Puts a program into the list of all."""
    PROGRAMS.append(f)
    return f


def programs():
    """All of them, as pytest's parameters."""
    for name in FILES:
        importlib.import_module(f"strangers_{name}")
    kinds = [f.__module__.removeprefix("strangers_") for f in PROGRAMS]
    assert {*kinds} == {*FILES}
    return [pytest.param(f, id=f"{k}-{f.__name__}") for k, f in zip(kinds, PROGRAMS)]
