"""Finished programs on disk: what the passes made of a graph, found again by the graph itself.

A plan is plain values as JSON, then the bytes of its constants; the machine code of its functions
is kept apart (unit.py). Its name is made from the whole graph, the machine and the state of this
package, so that an old one is never found. Whatever is wrong with one, the program is made anew.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import numpy as np

from .._core import dtypes
from .._core.rng import Generator
from . import cache as disk
from .graph import Graph, Value, spelt
from .native import Native, enabled
from .targets.host import host
from .threads import pool
from .unit import HEAD, Unit


def planned(
    graph: Graph,
    over: dict[int, Value],
    fixed: list[int],
    known: MutableMapping,
    make: Callable[[], Any],
) -> Any:
    """What runs a graph as it was traced: from `known`, or from the disk, or what `make()` builds.

    `over` and `fixed` are those of `native.build`.
    """
    if not enabled() or os.environ.get("RUSHLIGHT_LOG"):
        return make()
    streams: list[Generator] = []
    try:
        about = ({k: v.id for k, v in over.items()}, fixed, pool().room, HEAD)
        key = disk.key_of(
            "plan", host().key, sys.version, np.__version__, repr(about), *_told(graph, streams)
        )
    except Exception:  # a graph that cannot be told, or a trouble that is told where it is built
        return make()
    mine = (key, *map(id, streams))
    made = known.get(mine) or _read(key, graph, set(fixed), streams)
    if made is None:
        made = make()
        if isinstance(made, Native) and all(isinstance(part, Unit) for part in made.parts):
            disk.write(key, _written(made, streams))
    known[mine] = made
    return made


# -- the name


def _told(graph: Graph, streams: list) -> Iterator[str]:
    """Everything that a program depends on, step by step; the user's lines left out."""

    def stream(x: Any) -> str:
        if x.__class__ is not Generator:
            raise TypeError(f"a {type(x).__name__} is of this process alone")
        if x not in streams:
            streams.append(x)
        return f"stream {streams.index(x)}"

    yield str([v.described() for v in graph.inputs])
    for step in graph.steps:
        made = [v.described() for v in step.results]
        yield f"{made}={step.word}{spelt([step.args, *step.params.items()], stream)}"
    yield str(graph.outputs)


# -- the body


def _written(native: Native, streams: list) -> bytes:
    names, places, data = dtypes.of, [], b""
    for v, a in native.constants.items():
        places.append((v, names(a.dtype).name, a.shape, len(data)))
        data += a.tobytes()
    told = {
        "outputs": [
            (v.id, names(v.dtype).name, v.shape, native.base[v.id].id) for v in native.graph.outputs
        ],
        "constants": places,
        "units": [unit.told(streams) for unit in native.parts],
    }
    return json.dumps(told).encode() + b"\n" + data


def _read(key: str, graph: Graph, fixed: set[int], streams: list) -> Native | None:
    """The program of a plan; None where there is none, or its code is gone."""
    body = disk.read(key)
    try:
        return None if body is None else _again(body, graph, fixed, streams)
    except Exception:  # this code did not write it
        return None


def _again(body: bytes, graph: Graph, fixed: set[int], streams: list) -> Native | None:
    head, _, data = body.partition(b"\n")
    told = json.loads(head)
    parts: list[Any] = [Unit.again(one, streams) for one in told["units"]]
    if None in parts:
        return None
    outputs = [Value(i, shape, _kind(d)) for i, d, shape, _ in told["outputs"]]
    home = {v: given for part in parts for v, given in part.over}
    return Native.again(
        graph=Graph(graph.inputs, [], outputs), parts=parts, fixed=fixed, keeps=True, exact=True,
        base={v: Value(whole, (), _kind("bool")) for v, _, _, whole in told["outputs"]},
        home=home, taken={k for k, v in enumerate(outputs) if v.id in home},
        constants={v: np.ndarray(shape, _kind(d), data, at).copy()
                   for v, d, shape, at in told["constants"]},
    )  # fmt: skip


def _kind(name: str) -> np.dtype:
    return dtypes.by_name(name).numpy
