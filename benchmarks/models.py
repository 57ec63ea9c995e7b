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


def gpt(t: Any, words: int = 8192, width: int = 512, length: int = 256, layers: int = 4) -> Any:
    """A small GPT with tied weights: embeddings, blocks of causal attention, a head."""
    nn, F = t.nn, t.nn.functional
    heads = 8

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.mix = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, x: Any) -> Any:
            b, n, c = x.shape
            q, k, v = (
                y.view(b, n, heads, c // heads).transpose(1, 2)
                for y in self.qkv(self.norm1(x)).split(c, dim=2)
            )
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.mix(y.transpose(1, 2).contiguous().view(b, n, c))
            return x + self.down(F.gelu(self.up(self.norm2(x))))

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.places = nn.Embedding(words, width), nn.Embedding(length, width)
            self.blocks = nn.ModuleList([Block() for _ in range(layers)])
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, words, bias=False)
            self.head.weight = self.words.weight

        def forward(self, x: Any) -> Any:
            x = self.words(x) + self.places(t.arange(x.shape[1]))
            for block in self.blocks:
                x = block(x)
            return self.head(self.norm(x))

    return Model()


def decoder(t: Any, width: int = 512, length: int = 256, layers: int = 4) -> Any:
    """One token's way through such a GPT: keys and values go into caches, which it returns."""
    F, heads = t.nn.functional, 8
    net = gpt(t, width=width, length=length, layers=layers)

    def step(token: Any, place: Any, mask: Any, caches: list) -> Any:
        x = net.words(token) + net.places(place)
        for block, (keys, values) in zip(net.blocks, caches):
            q, k, v = block.qkv(block.norm1(x)).view(1, 3, heads, 1, width // heads).unbind(1)
            keys.index_copy_(2, place, k)
            values.index_copy_(2, place, v)
            y = F.scaled_dot_product_attention(q, keys, values, attn_mask=mask)
            x = x + block.mix(y.transpose(1, 2).reshape(1, width))
            x = x + block.down(F.gelu(block.up(block.norm2(x))))
        return net.head(net.norm(x))

    return step


def language_model(t: Any, words: int = 1000, width: int = 256) -> Any:
    """Two LSTM layers over words."""
    nn = t.nn

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.cells = nn.Embedding(words, width), nn.LSTM(width, width, 2)
            self.out = nn.Linear(width, words)

        def forward(self, x: Any) -> Any:
            return self.out(self.cells(self.words(x))[0])

    return Model()
