"""CheckpointManager: what stays, what comes back, and what a damaged file does."""

import os
import pickle
import random

import numpy as np
import pytest

import rushlight as torch
from rushlight.serialization import CheckpointManager, load, verify


@pytest.fixture
def run(tmp_path):
    torch.manual_seed(1)
    net = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2)
    return net, optimizer, scheduler, tmp_path / "run"


def manager(run, **options):
    net, optimizer, scheduler, folder = run
    return CheckpointManager(folder, model=net, optimizer=optimizer, scheduler=scheduler, **options)


def train(run):
    net, optimizer, scheduler, _ = run
    optimizer.zero_grad()
    net(torch.rand(3, 2)).pow(2).sum().backward()
    optimizer.step()
    scheduler.step()


def weights(run):
    return [p.detach().clone() for p in run[0].parameters()]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_training_goes_on_as_if_it_had_not_stopped(run, asynchronous):
    keeper = manager(run, asynchronous=asynchronous)
    train(run)
    keeper.save(1, metric=0.5, epoch=7)
    random.seed(3)
    train(run)
    expected, numbers = weights(run), (torch.rand(2), np.random.rand())
    assert keeper.restore() == {"step": 1, "metric": 0.5, "epoch": 7}
    train(run)
    assert all(torch.equal(a, b) for a, b in zip(weights(run), expected, strict=True))
    assert torch.equal(torch.rand(2), numbers[0]) and np.random.rand() == numbers[1]


def test_the_last_and_the_best_stay(run):
    keeper = manager(run, keep_last=2, keep_best=1)
    for step, metric in enumerate([3.0, 1.0, 2.0, 5.0, 4.0]):
        keeper.save(step, metric=metric)
    assert keeper.steps() == [1, 3, 4] and keeper.best() == 1 and keeper.latest() == 4
    assert manager(run).best() == 1  # read from the files
    highest = manager(run, keep_last=1, keep_best=2, mode="max")
    highest.save(5, metric=0.0)
    assert highest.steps() == [3, 4, 5]
    assert highest.restore("best")["step"] == 3


def test_a_damaged_checkpoint_is_passed_over(run):
    keeper = manager(run)
    keeper.save(1)
    keeper.save(2)
    path = keeper.path(2)
    with open(path, "rb") as file:
        data = bytearray(file.read())
    data[len(data) // 2] ^= 1
    with open(path, "wb") as file:
        file.write(data)
    with pytest.raises(pickle.UnpicklingError, match=r"damaged|directory"):
        verify(path)
    with pytest.warns(UserWarning, match="is not whole and is passed over"):
        assert keeper.restore()["step"] == 1
    with pytest.raises(pickle.UnpicklingError):
        keeper.restore(2)


def test_a_snapshot_is_not_changed_by_what_follows(run):
    keeper = manager(run, asynchronous=True)
    before = weights(run)
    keeper.save(1)
    with torch.no_grad():
        for p in run[0].parameters():
            p.zero_()
    keeper.wait()
    state = load(keeper.path(1))["part.model"]
    assert torch.equal(state["weight"], before[0])


def test_an_error_in_the_background_reaches_the_user(run):
    keeper = manager(run, asynchronous=True)
    os.rmdir(run[3])
    keeper.save(1)
    with pytest.raises((OSError, RuntimeError)):
        keeper.wait()
    keeper.wait()


def test_nothing_to_restore_and_what_is_missing(run):
    keeper = manager(run)
    assert keeper.restore() == {} and keeper.latest() is None and keeper.best() is None
    with pytest.raises(FileNotFoundError, match="no checkpoint of step 5"):
        keeper.restore(5)
    keeper.save(1)
    other = CheckpointManager(run[3], model=run[0], ema=run[0])
    with pytest.raises(KeyError, match="holds no ema"):
        other.restore()
    with pytest.raises(ValueError, match="mode must be"):
        CheckpointManager(run[3], mode="up")


def test_nan_is_not_the_best(run):
    keeper = manager(run, keep_last=1, keep_best=1)
    for step, metric in enumerate((float("nan"), 2.0, 3.0), 1):
        keeper.save(step, metric=metric)
    assert keeper.best() == 2 and keeper.steps() == [2, 3]


def test_a_restore_that_fails_leaves_the_model(run):
    manager(run).save(1)
    net, optimizer, scheduler, folder = run
    other = torch.nn.Linear(2, 2)
    before = [p.detach().clone() for p in other.parameters()]
    groups = torch.optim.Adam([{"params": [p]} for p in other.parameters()])
    with pytest.raises(ValueError, match="parameter groups"):
        CheckpointManager(folder, model=other, optimizer=groups).restore()
    assert all(map(torch.equal, before, other.parameters()))


def test_what_killed_saves_left_is_removed(run):
    keeper = manager(run)
    left, other = run[3] / "step-0000000001.pt.0123abcd.part", run[3] / "notes.part"
    left.write_bytes(b"x")
    other.write_bytes(b"x")
    keeper.save(2)
    assert sorted(os.listdir(run[3])) == ["notes.part", "step-0000000002.pt"]
