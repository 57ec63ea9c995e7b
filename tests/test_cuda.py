"""torch.cuda's queries, without a GPU and on virtual ones."""

import importlib

import pytest


@pytest.fixture
def torch():
    return importlib.import_module("rushlight")


@pytest.fixture
def none(monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_VIRTUAL_CUDA", "0")


@pytest.fixture
def two(monkeypatch, torch):
    monkeypatch.setenv("RUSHLIGHT_VIRTUAL_CUDA", "2")
    yield
    torch.cuda.set_device(0)


def test_without_a_gpu_the_queries_say_so(torch, none):
    assert not torch.cuda.is_available() and torch.cuda.device_count() == 0
    assert torch.cuda.memory_allocated() == 0 and not torch.cuda.is_bf16_supported()
    torch.cuda.manual_seed_all(1)
    torch.cuda.empty_cache()
    for query in (
        torch.cuda.current_device,
        torch.cuda.get_device_name,
        torch.cuda.synchronize,
        torch.cuda.get_device_properties,
        torch.cuda.mem_get_info,
        lambda: torch.cuda.set_device(0),
    ):
        with pytest.raises(AssertionError, match="Torch not compiled with CUDA enabled"):
            query()


def test_virtual_gpus_are_named_as_virtual(torch, two):
    assert torch.cuda.is_available() and torch.cuda.device_count() == 2
    assert "virtual" in torch.cuda.get_device_name(1)
    properties = torch.cuda.get_device_properties("cuda:1")
    assert properties.total_memory > 0 and "virtual" in repr(properties)
    assert torch.cuda.get_device_capability() == (0, 0)
    assert torch.cuda.is_bf16_supported()


def test_current_device_follows_set_device_and_contexts(torch, two):
    torch.cuda.set_device(1)
    assert torch.cuda.current_device() == 1
    assert torch.zeros(1, device="cuda").device == torch.device("cuda:1")
    with torch.cuda.device(0):
        assert torch.zeros(1).cuda().get_device() == 0
    with torch.cuda.device_of(torch.zeros(1)):
        assert torch.cuda.current_device() == 1
    assert torch.cuda.current_device() == 1
    with pytest.raises(RuntimeError, match="invalid device ordinal"):
        torch.cuda.set_device(2)


def test_memory_is_counted_from_living_tensors(torch, two):
    before = torch.cuda.memory_allocated(1)
    x = torch.zeros(1000, device="cuda:1")
    view = x[10:]
    assert torch.cuda.memory_allocated(1) == before + 4000
    del x
    assert torch.cuda.memory_allocated(1) == before + 4000  # the view keeps it
    del view
    assert torch.cuda.memory_allocated(1) == before
    assert torch.cuda.max_memory_allocated(1) >= before + 4000
    torch.cuda.reset_peak_memory_stats(1)
    assert torch.cuda.max_memory_allocated(1) == before


def test_streams_and_events_do_their_work_at_once(torch, two):
    stream = torch.cuda.Stream(device="cuda:1")
    with torch.cuda.stream(stream):
        assert torch.cuda.current_device() == 1
    assert torch.cuda.current_device() == 0
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    end.record()
    torch.cuda.synchronize()
    assert start.query() and start.elapsed_time(end) >= 0
    with pytest.raises(ValueError, match="enable_timing=True"):
        torch.cuda.Event().elapsed_time(end)


def test_each_gpu_has_its_own_random_numbers(torch, two):
    torch.cuda.manual_seed_all(5)
    first, second = torch.rand(4, device="cuda:0"), torch.rand(4, device="cuda:1")
    assert first.tolist() == second.tolist()
    state = torch.cuda.get_rng_state(1)
    drawn = torch.rand(4, device="cuda:1")
    torch.rand(4)
    torch.cuda.set_rng_state(state, 1)
    assert torch.rand(4, device="cuda:1").tolist() == drawn.tolist()
    assert torch.cuda.initial_seed() == 5


def test_backend_switches_are_kept(torch):
    torch.backends.cudnn.benchmark = True
    assert torch.backends.cudnn.benchmark is True
    torch.backends.cudnn.benchmark = False
    with torch.backends.cudnn.flags(deterministic=True):
        assert torch.backends.cudnn.deterministic
    assert not torch.backends.cudnn.deterministic
    torch.backends.cuda.matmul.allow_tf32 = True
    assert torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.mps.is_available() and not torch.backends.cudnn.is_available()
    assert torch.backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2", "AVX512")


def test_what_a_virtual_gpu_sets_aside_is_what_tensors_hold(torch, two):
    kept = torch.zeros(1000, device="cuda:1")
    assert torch.cuda.memory_reserved(1) == torch.cuda.memory_allocated(1) >= kept.nbytes
    assert torch.cuda.max_memory_reserved(1) == torch.cuda.max_memory_allocated(1)
    stats = torch.cuda.memory_stats(1)
    assert stats["reserved_bytes.all.current"] == torch.cuda.memory_allocated(1)
    assert "allocated_bytes.all.peak" in torch.cuda.memory_summary(1)
    torch.cuda.reset_max_memory_allocated(1)
    assert torch.cuda.max_memory_allocated(1) == torch.cuda.memory_allocated(1)


def test_the_default_stream_is_the_current_one(torch, two):
    for stream in (torch.cuda.current_stream(1), torch.cuda.default_stream(1)):
        assert stream.device_index == 1 and stream.query()
        assert isinstance(stream.record_event(), torch.cuda.Event)
    torch.cuda.set_stream(torch.cuda.default_stream(1))
    assert torch.cuda.current_device() == 1
    assert not torch.cuda.is_current_stream_capturing()
