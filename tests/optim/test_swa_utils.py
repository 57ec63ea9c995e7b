"""Averaged models: means of weights, moving means, and fresh batch-norm statistics."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.optim import swa_utils


def stepped(average, model, count=4):
    seen = []
    for step in range(count):
        with rl.no_grad():
            for p in model.parameters():
                p.fill_(float(step**2))
        average.update_parameters(model)
        seen.append(float(step**2))
    return seen


def test_the_mean_of_all_weights():
    model = nn.Linear(2, 2)
    average = swa_utils.AveragedModel(model)
    seen = stepped(average, model)
    assert average.module.weight[0, 0].item() == pytest.approx(np.mean(seen))
    assert average.n_averaged.item() == 4
    assert "n_averaged" in average.state_dict()


@pytest.mark.parametrize("way", ["one", "many"])
def test_the_moving_mean(way):
    model = nn.Linear(2, 2)
    if way == "one":
        average = swa_utils.AveragedModel(model, avg_fn=swa_utils.get_ema_avg_fn(0.9))
    else:
        average = swa_utils.AveragedModel(model, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(0.9))
    expected, *rest = stepped(average, model)
    for value in rest:
        expected = 0.9 * expected + 0.1 * value
    assert average.module.bias[1].item() == pytest.approx(expected)


def test_both_functions_are_refused():
    with pytest.raises(AssertionError, match="Only one of"):
        swa_utils.AveragedModel(nn.Linear(1, 1), avg_fn=max, multi_avg_fn=max)
    with pytest.raises(ValueError, match="Invalid decay value 2"):
        swa_utils.get_ema_avg_fn(2)


def test_statistics_are_measured_anew():
    model = nn.Sequential(nn.BatchNorm1d(3))
    model.eval()
    data = [rl.full((4, 3), float(i)) for i in range(3)]
    swa_utils.update_bn(data, model)
    assert model[0].running_mean.tolist() == [1.0, 1.0, 1.0]
    assert model[0].momentum == 0.1
    assert not model.training
