"""Futures hand values and exceptions between threads, and chain."""

import importlib
import threading

import pytest

futures = importlib.import_module("rushlight").futures


def test_values_come_from_another_thread():
    made = [futures.Future() for _ in range(3)]
    worker = threading.Thread(target=lambda: [f.set_result(i) for i, f in enumerate(made)])
    worker.start()
    assert futures.wait_all(made) == [0, 1, 2]
    worker.join()


def test_callbacks_chain_and_exceptions_travel():
    first = futures.Future()
    second = first.then(lambda f: f.value() + 1)
    assert not second.done()
    first.set_result(1)
    assert second.wait() == 2
    failed = futures.Future().then(lambda f: None)
    assert not failed.done()
    broken = futures.Future()
    broken.set_exception(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        broken.wait()
    with pytest.raises(RuntimeError, match="completed Future"):
        broken.set_result(1)
