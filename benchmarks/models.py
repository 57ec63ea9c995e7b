"""Networks for the benchmarks, for any module that has PyTorch's `nn`."""

from typing import Any


def mlp(nn: Any) -> Any:
    """784-256-10."""
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))


def lenet(nn: Any) -> Any:
    """LeNet-5 on images of 28 x 28, with ReLU and max pooling."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def _conv(nn: Any, channels: int, out: int, size: int, stride: int) -> Any:
    return nn.Conv2d(channels, out, size, stride=stride, padding=size // 2, bias=False)


def _block_class(nn: Any) -> type:
    class Block(nn.Module):
        """Two convolutions beside a shortcut."""

        def __init__(self, channels: int, out: int, stride: int) -> None:
            super().__init__()
            self.conv1, self.bn1 = _conv(nn, channels, out, 3, stride), nn.BatchNorm2d(out)
            self.conv2, self.bn2 = _conv(nn, out, out, 3, 1), nn.BatchNorm2d(out)
            self.relu = nn.ReLU(inplace=True)
            self.shortcut = None
            if stride != 1 or channels != out:
                self.shortcut = nn.Sequential(
                    _conv(nn, channels, out, 1, stride), nn.BatchNorm2d(out)
                )

        def forward(self, x: Any) -> Any:
            beside = x if self.shortcut is None else self.shortcut(x)
            x = self.relu(self.bn1(self.conv1(x)))
            return self.relu(self.bn2(self.conv2(x)) + beside)

    return Block


def resnet18(nn: Any, classes: int = 1000) -> Any:
    """ResNet-18 (He et al., 2016)."""
    block = _block_class(nn)
    layers = [
        _conv(nn, 3, 64, 7, 2),
        nn.BatchNorm2d(64),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, stride=2, padding=1),
    ]
    channels = 64
    for out, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        layers += [block(channels, out, stride), block(out, out, 1)]
        channels = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, classes))
