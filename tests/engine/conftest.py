"""The engine's tests have a cache of their own, and threads."""

import threading

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("RUSHLIGHT_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield
    patch.undo()


@pytest.fixture
def together():
    """together(n, work): work(k) for each k below n, in threads of Python at the same time."""

    def run(n, work):
        threads = [threading.Thread(target=work, args=(k,)) for k in range(n)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()

    return run


@pytest.fixture
def two_threads():
    """Programs run on two threads, whatever the machine has."""
    from rushlight._engine.threads import pool

    before = pool().threads
    pool().threads = 2
    yield
    pool().threads = before
