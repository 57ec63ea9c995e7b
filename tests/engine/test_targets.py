"""Every family of kernels on other targets: run with fewer instructions, compiled for others."""

import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("llvmlite")
sys.path.insert(0, os.path.dirname(__file__))

import emulated
import every_kernel
from graphs import same
from kernels import assembly, target

from rushlight._engine import families, load, native, system, unit
from rushlight._engine.builder import I32, Module
from rushlight._engine.graph import Graph
from rushlight._engine.straight import Straight
from rushlight._engine.targets.host import compiled, described, host, llvm

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
ASSEMBLER = shutil.which("ptxas")
X86 = host().triple.startswith("x86")


@pytest.fixture(scope="module", autouse=True)
def every_target():
    llvm().initialize_all_targets()
    llvm().initialize_all_asmprinters()


def test_every_family_is_there():
    found = {type(k).__name__ for f in every_kernel.FAMILIES for k in every_kernel.kernels(f)}
    assert {"Nest", "Product", "Convolution", "Pooling", "Gather"} <= found


def restricted(name):
    """This machine with some of its instructions."""
    if name == "avx2":
        features = "+avx,+avx2,+fma,+f16c,+sse4.1,+sse4.2,+bmi,+bmi2,+lzcnt,+popcnt"
        return described("haswell", features, host().triple, host().version)
    return target(name)


@pytest.mark.skipif(not X86, reason="restricts x86-64")
@pytest.mark.parametrize("name", ["avx2", "plain"])
@pytest.mark.parametrize("family", every_kernel.FAMILIES, ids=lambda f: f.__name__)
def test_kernels_run_with_fewer_instructions(family, name, monkeypatch):
    if name == "avx2" and not {"+avx2", "+fma"} <= set(host().features.split(",")):
        pytest.skip("this machine has no AVX2")
    where = restricted(name)
    assert where.vector == {"avx2": 32, "plain": 16}[name]
    monkeypatch.setattr(unit, "host", lambda: where)
    b, outputs = every_kernel.built(family)
    same(b, outputs, every_kernel.arrays_of(b), tol=2e-3)


def text_of(family, where):
    """The family's kernels for a target, called by one function."""
    module = Module(where)
    names = [families.kernel(module, told) for told in every_kernel.kernels(family)]
    f = module.function(
        "program", "buffers:ptr me:i64 threads:i64 control:ptr work:ptr", shared=True
    )
    for name in names:
        f.call(name, *f.args)
    f.done()
    return str(module)


WIDTHS = {"avx512": "zmm", "plain": "xmm", "aarch64": r"v\d+\.4s"}


@pytest.mark.parametrize("name", ["avx512", "plain", "aarch64"])
def test_kernels_use_the_vectors_of_the_target(name):
    where = target(name)
    text = assembly(text_of(every_kernel.product, where), where)
    assert re.search(WIDTHS[name], text)
    assert bool(re.search(r"\bfmla|vfn?m[as]", text)) is where.fused


@pytest.mark.parametrize("family", [every_kernel.product, every_kernel.convolution])
@pytest.mark.parametrize("name", ["avx512", "aarch64"])
def test_a_tiles_sums_stay_in_registers(family, name):
    where = target(name)
    fused, moved = r"\bvfmadd|\bfmla", r"mov[aud]+ps\s.*\(%rsp|\b(?:ld|st)[rp]\s+q.*\[sp"
    found = 0
    for body in re.split(r"^\w+:", assembly(text_of(family, where), where), flags=re.MULTILINE):
        if len(re.findall(fused, body)) > 100:
            found += 1
            assert not re.findall(moved, body)
    assert found


@pytest.mark.parametrize("family", every_kernel.FAMILIES, ids=lambda f: f.__name__)
def test_kernels_for_arm_need_nothing_from_outside_and_can_be_placed(family):
    """Compiled, bound into memory by our own loader, not run."""
    where = target("aarch64")
    image = compiled(text_of(family, where), where)
    if system.LINUX:  # an unknown name or an unknown kind of address is refused
        assert load.loaded(image, ["program"]).addresses["program"]


@pytest.mark.skipif(emulated.EMULATOR is None or not system.LINUX, reason="needs qemu-aarch64")
@pytest.mark.parametrize("family", every_kernel.FAMILIES, ids=lambda f: f.__name__)
def test_kernels_for_arm_give_numpys_numbers(family, tmp_path, monkeypatch):
    b, outputs = every_kernel.built(family)
    graph = Graph(b.inputs, b.steps, outputs)
    program = native.build(graph)
    assert program is not None
    (part,) = [p for p in program.parts if isinstance(p, unit.Unit)]
    given = every_kernel.arrays_of(b)
    wanted = {v.id: a for v, a in zip(outputs, Straight(graph).run(*given))}
    where = target("aarch64")
    monkeypatch.setattr(unit, "host", lambda: where)
    arrays = {v.id: a for v, a in zip(b.inputs, given) if v.id in part.slots}
    arrays |= {v: a for v, a in program.fused.constants.items() if v in part.slots}
    found = emulated.ran(part, where, arrays, tmp_path)
    assert {v.id for v in part.fresh} & set(wanted)
    for v, a in zip(part.fresh, found):
        if v.id in wanted:
            np.testing.assert_allclose(a, wanted[v.id], rtol=2e-3, atol=2e-3)


def test_kernels_fit_a_gpu(tmp_path):
    """In a child: LLVM ends a process where it cannot select an instruction."""
    done = subprocess.run(
        [sys.executable, os.path.join(HERE, "every_kernel.py"), str(tmp_path)],
        capture_output=True, text=True, env=os.environ | {"PYTHONPATH": ROOT}, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert {x[0] for x in lines} == {f.__name__ for f in every_kernel.FAMILIES}
    assert all(len(x) == 3 for x in lines), f"a kernel calls something of a host: {done.stdout}"
    if ASSEMBLER is not None:
        for name in sorted(os.listdir(tmp_path)):
            command = [ASSEMBLER, "-arch=sm_90", "-o", os.devnull, tmp_path / name]
            subprocess.run(command, check=True, timeout=60)


def test_objects_are_bound_by_llvms_linker_where_our_own_loader_knows_none(monkeypatch):
    """The way of Windows and macOS."""
    monkeypatch.setattr(load, "mapped", lambda: False)
    monkeypatch.setattr(load, "_Elf", None)
    b, outputs = every_kernel.built(every_kernel.attention)
    same(b, outputs, every_kernel.arrays_of(b), tol=2e-3)
    b, outputs = every_kernel.built(every_kernel.elementary)
    same(b, outputs, every_kernel.arrays_of(b), tol=2e-3)


def test_macos_sleeps_on_32_bits_without_a_sign():
    """`__ulock_wait` compares a 32-bit word, read without a sign, with 64 bits: after 2^31
    programs, a sign would keep idle workers from sleeping."""
    where = described("apple-m1", "+neon", "arm64-apple-darwin", host().version)
    module = Module(where)
    f = module.function("k", "place:ptr", shared=True)
    system._Ulock().wait(f, f.args[0], f.load(f.args[0], I32))
    f.done()
    text = assembly(str(module), where)
    assert "___ulock_wait" in text and "ldrsw" not in text and "sxtw" not in text


def test_a_targets_words_are_in_its_own_file():
    found = {}
    engine = os.path.dirname(unit.__file__)
    for place in (engine, os.path.join(engine, "kernels")):
        for name in sorted(os.listdir(place)):
            if not name.endswith(".py") or name in ("system.py", "load.py"):
                continue
            with open(os.path.join(place, name)) as file:
                words = re.findall(
                    r"llvm\.(?:x86|aarch64|nvvm)|\bavx\w*|\bsse\d|\bneon\b", file.read()
                )
            if words:
                found[name] = words
    assert not found
