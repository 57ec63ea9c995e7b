"""The engine's tests have a cache of their own."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("RUSHLIGHT_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield
    patch.undo()


@pytest.fixture
def two_threads():
    """Programs run on two threads, whatever the machine has."""
    from rushlight._engine.threads import pool

    before = pool().threads
    pool().threads = 2
    yield
    pool().threads = before
