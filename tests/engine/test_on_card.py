"""Every family of kernels on an NVIDIA card, where there is one; else on a driver made up here."""

import ctypes
import os
import sys

import numpy as np
import pytest

pytest.importorskip("llvmlite")
sys.path.insert(0, os.path.dirname(__file__))

import cuda_driver
import every_kernel
import trainers
from graphs import same
from on_card import OnCard

import rushlight as rl
from rushlight._engine import load, native, program
from rushlight._engine.targets.host import compiled, host
from rushlight._engine.threads import pool


@pytest.fixture(scope="module")
def card():
    found = cuda_driver.first()
    if found is None:
        pytest.skip("no card of NVIDIA's")
    return found


def runs_on(card, threads, monkeypatch, base=OnCard):
    """From here on native parts are run by a block of a card's threads."""
    kind = type("Part", (base,), {"card": card, "block": threads})
    monkeypatch.setattr(native, "Unit", kind)
    monkeypatch.setattr(program, "planned", lambda graph, over, fixed, known, make: make())
    return kind


def checked(family):
    """A family's program against NumPy; both of its runs were the card's."""
    b, outputs = every_kernel.built(family)
    program = same(b, outputs, every_kernel.arrays_of(b), tol=2e-4)
    (part,) = [p for p in program.parts if isinstance(p, OnCard)]
    assert type(part).runs == 2


def trains(make, kind):
    """Twenty steps of many kernels each: threads that did not meet between them would be seen."""
    found = trainers.losses(rl, make, rl.compile)
    np.testing.assert_allclose(found, trainers.losses(rl, make, lambda step: step), rtol=1e-5)
    assert kind.runs >= 20


@pytest.mark.parametrize("threads", [1, 33, 96])
@pytest.mark.parametrize("family", every_kernel.FAMILIES, ids=lambda f: f.__name__)
def test_kernels_on_a_card_give_numpys_numbers(family, threads, card, monkeypatch):
    runs_on(card, threads, monkeypatch)
    checked(family)


@pytest.mark.parametrize("make", [trainers.lenet, trainers.vgg, trainers.gpt])
def test_training_on_a_card_gives_the_losses_of_eager_mode(make, card, monkeypatch):
    trains(make, runs_on(card, 96, monkeypatch))


# -- the same without a card


class Driver:
    """What the driver does, in this process: its memory is ours, its programs are the host's."""

    def __init__(self):
        self.memory, self.programs, self.messages = {}, [], []

    def __getattr__(self, name):
        return lambda *given: 0

    def cuMemAlloc_v2(self, place, size):
        block = ctypes.create_string_buffer(size.value + 64)
        place._obj.value = -(-ctypes.addressof(block) // 64) * 64
        self.memory[place._obj.value] = block
        return 0

    def cuMemFree_v2(self, place):
        del self.memory[place.value]
        return 0

    def cuMemsetD8_v2(self, place, fill, size):
        ctypes.memset(place.value, fill.value, size.value)
        return 0

    def cuMemcpyHtoD_v2(self, to, here, size):
        ctypes.memmove(to.value, here.value, size.value)
        return 0

    cuMemcpyDtoH_v2 = cuMemcpyHtoD_v2

    def cuModuleLoadDataEx(self, module, image, options, names, values):
        if image.value[:4] != b"\x7fELF":
            ctypes.memmove(values[0], b"line 1: no program", 19)
            return 218
        self.programs.append(load.loaded(Part.images[-1], ["program"]))
        return 0

    def cuModuleGetFunction(self, function, module, name):
        function._obj.value = self.programs[-1].addresses["program"]
        return 0

    def cuGetErrorString(self, number, text):
        text._obj.value = b"a PTX JIT compilation failed"
        return 0

    def cuLaunchKernel(self, function, *given):
        buffers, control = (ctypes.c_int64.from_address(place).value for place in given[8])
        assert control in self.memory
        pool().run(function.value, buffers, given[3])
        return 0


class Part(OnCard):
    """What is loaded is for this processor."""

    images: list = []

    target = staticmethod(host)

    @staticmethod
    def made(text, target):
        Part.images.append(compiled(text, target))
        return Part.images[-1]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("family", every_kernel.FAMILIES, ids=lambda f: f.__name__)
def test_what_the_card_is_told_is_enough_to_run(family, threads, monkeypatch, two_threads):
    driver = Driver()
    runs_on(cuda_driver.Card(driver), threads, monkeypatch, Part)
    checked(family)
    assert len(driver.memory) == 2 * len(driver.programs)  # arena and control of each


def test_so_it_is_for_training(monkeypatch, two_threads):
    trains(trainers.mlp, runs_on(cuda_driver.Card(Driver()), 2, monkeypatch, Part))


def test_the_drivers_words_are_told():
    with pytest.raises(RuntimeError, match=r"JIT compilation failed \(218\)\nline 1: no program"):
        cuda_driver.Card(Driver()).load(b".version", "launch")


def test_without_a_driver_there_is_no_card(monkeypatch):
    def missing(name):
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert cuda_driver.first() is None
