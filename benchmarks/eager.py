"""The table of eager mode's speed, PyTorch beside us: `python benchmarks/eager.py`.

Options: `--only WORD` for rows whose name has the word, `--runs N` to repeat the table, `--engine`
to set eager mode with the engine (the extra `fast`) beside eager mode without it.
"""

import argparse
import importlib.util
from collections.abc import Callable
from typing import Any

from _harness import HEAD, Peer, Result, Row, compare, import_times, told
from models import lenet, mlp, resnet18

Work = Callable[[], Any]


def small_add(torch: Any) -> Work:
    x, y = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([4.0, 5.0, 6.0])
    return lambda: x + y


def small_add_with_grad(torch: Any) -> Work:
    x, y = torch.tensor([1.0, 2.0, 3.0], requires_grad=True), torch.tensor([4.0, 5.0, 6.0])
    return lambda: x + y


def indexing(torch: Any) -> Work:
    x = torch.arange(12.0).reshape(3, 4)
    return lambda: x[1]


def reshape(torch: Any) -> Work:
    x = torch.arange(12.0).reshape(3, 4)
    return lambda: x.reshape(4, 3)


def make_tensor(torch: Any) -> Work:
    return lambda: torch.tensor([1, 2, 3])


def item(torch: Any) -> Work:
    x = torch.tensor(1.5)
    return lambda: x.item()


def linear_call(torch: Any) -> Work:
    layer, x = torch.nn.Linear(3, 3), torch.ones(1, 3)
    return lambda: layer(x)


def hundred_multiplications(torch: Any) -> Work:
    x, y = torch.ones(3, requires_grad=True), torch.full((3,), 1.001)

    def work() -> None:
        out = x
        for _ in range(100):
            out = out * y
        out.sum().backward()

    return work


def training_step(model_of: Callable, batch: int, shape: tuple, classes: int) -> Callable:
    """A row: forward, cross entropy, backward, SGD with momentum."""

    def prepare(torch: Any) -> Work:
        torch.manual_seed(0)
        model = model_of(torch.nn)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        x, labels = torch.randn(batch, *shape), torch.randint(0, classes, (batch,))
        loss_of = torch.nn.functional.cross_entropy

        def work() -> None:
            optimizer.zero_grad()
            loss_of(model(x), labels).backward()
            optimizer.step()

        return work

    return prepare


def sgd_alone(torch: Any) -> Work:
    model = mlp(torch.nn)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    return optimizer.step


def adam_alone(torch: Any) -> Work:
    model = mlp(torch.nn)
    optimizer = torch.optim.Adam(model.parameters())
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    return optimizer.step


def loader_pass(torch: Any) -> Work:
    data = torch.utils.data
    rows = data.TensorDataset(torch.ones(4096, 64), torch.zeros(4096, dtype=torch.int64))
    loader = data.DataLoader(rows, batch_size=64, shuffle=True)

    def work() -> None:
        for _ in loader:
            pass

    return work


def big_chain(torch: Any) -> Work:
    torch.manual_seed(0)
    x, y, z = (torch.randn(10_000_000) for _ in range(3))
    return lambda: (x * y + z).relu().sum()


def softmax(*shape: int) -> Callable:
    def prepare(torch: Any) -> Work:
        x = torch.ones(*shape)
        return lambda: x.softmax(-1)

    return prepare


def layer_norm(*shape: int) -> Callable:
    def prepare(torch: Any) -> Work:
        x, w, b = torch.ones(*shape), torch.ones(shape[-1]), torch.ones(shape[-1])
        function = torch.nn.functional.layer_norm
        return lambda: function(x, (shape[-1],), w, b)

    return prepare


def cross_entropy(batch: int, classes: int) -> Callable:
    def prepare(torch: Any) -> Work:
        x, labels = torch.ones(batch, classes), torch.zeros(batch, dtype=torch.int64)
        function = torch.nn.functional.cross_entropy
        return lambda: function(x, labels)

    return prepare


def there_and_back(function: Callable, *shape: int) -> Callable:
    """A row: a function of one array and its gradient."""

    def prepare(torch: Any) -> Work:
        torch.manual_seed(0)
        x, g = torch.randn(*shape).requires_grad_(), torch.randn(*shape)

        def work() -> None:
            x.grad = None
            function(torch, x).backward(g)

        return work

    return prepare


def layer_norm_and_gradients(*shape: int) -> Callable:
    def prepare(torch: Any) -> Work:
        torch.manual_seed(0)
        x, g = torch.randn(*shape).requires_grad_(), torch.randn(*shape)
        w, b = (f(shape[-1]).requires_grad_() for f in (torch.ones, torch.zeros))
        function = torch.nn.functional.layer_norm

        def work() -> None:
            x.grad = w.grad = b.grad = None
            function(x, (shape[-1],), w, b).backward(g)

        return work

    return prepare


def cross_entropy_and_gradient(batch: int, classes: int) -> Callable:
    def prepare(torch: Any) -> Work:
        torch.manual_seed(0)
        x, labels = torch.randn(batch, classes).requires_grad_(), torch.arange(batch) % classes
        function = torch.nn.functional.cross_entropy

        def work() -> None:
            x.grad = None
            function(x, labels).backward()

        return work

    return prepare


def gelu(*shape: int) -> Callable:
    def prepare(torch: Any) -> Work:
        torch.manual_seed(0)
        x, function = torch.randn(*shape), torch.nn.functional.gelu
        return lambda: function(x)

    return prepare


def attention(*shape: int) -> Callable:
    def prepare(torch: Any) -> Work:
        torch.manual_seed(0)
        q, k, v = (torch.randn(*shape) for _ in range(3))
        function = torch.nn.functional.scaled_dot_product_attention
        return lambda: function(q, k, v, is_causal=True)

    return prepare


def forward(model_of: Callable, *shape: int) -> Callable:
    def prepare(torch: Any) -> Work:
        model, x = model_of(torch.nn).eval(), torch.ones(*shape)

        def work() -> None:
            with torch.no_grad():
                model(x)

        return work

    return prepare


def _softmax_of(torch: Any, x: Any) -> Any:
    return x.softmax(-1)


def _gelu_of(torch: Any, x: Any) -> Any:
    return torch.nn.functional.gelu(x)


ROWS = [
    Row("small add, no grad", small_add, 1.1),
    Row("small add, grad", small_add_with_grad, 1.2),
    Row("indexing x[1]", indexing, 1.0),
    Row("reshape", reshape, 1.0),
    Row("tensor([1, 2, 3])", make_tensor),
    Row("item", item),
    Row("Linear(3, 3) call", linear_call, 1.5),
    Row("100 small multiplications, forward and backward", hundred_multiplications, 1.8),
    Row("MLP step, batch 2", training_step(mlp, 2, (784,), 10), 1.5),
    Row("MLP step, batch 64", training_step(mlp, 64, (784,), 10), 1.1),
    Row("SGD step alone, MLP", sgd_alone),
    Row("Adam step alone, MLP", adam_alone),
    Row("DataLoader, 4096 rows in batches of 64, shuffled", loader_pass),
    Row("(x * y + z).relu().sum(), 10 M", big_chain, 2.0, rounds=7),
    Row("softmax, 4 x 8", softmax(4, 8), 0.35),
    Row("layer norm, 4 x 8", layer_norm(4, 8), 0.35),
    Row("cross entropy, 4 x 8", cross_entropy(4, 8), 0.35),
    Row("softmax, 4096 x 4096", softmax(4096, 4096), rounds=7),
    Row("layer norm, 8192 x 768", layer_norm(8192, 768), rounds=7),
    Row("cross entropy, 4096 x 1000", cross_entropy(4096, 1000), rounds=7),
    Row("softmax, 2 x 3", softmax(2, 3), 1.0),
    Row("softmax, 2 x 3, with backward", there_and_back(_softmax_of, 2, 3), 1.0),
    Row("layer norm, 2 x 3", layer_norm(2, 3), 1.0),
    Row("layer norm, 2 x 3, with backward", layer_norm_and_gradients(2, 3), 1.0),
    Row("cross entropy, 2 x 3", cross_entropy(2, 3), 1.0),
    Row("cross entropy, 2 x 3, with backward", cross_entropy_and_gradient(2, 3), 1.0),
    Row("GELU, 2 x 3", gelu(2, 3), 1.0),
    Row("GELU, 2 x 3, with backward", there_and_back(_gelu_of, 2, 3), 1.0),
    Row("softmax, 2048 x 2048", softmax(2048, 2048), 1.0, rounds=7),
    Row("softmax, 2048 x 2048, with backward", there_and_back(_softmax_of, 2048, 2048), 1.0,
        rounds=7),
    Row("layer norm, 2048 x 2048", layer_norm(2048, 2048), 1.0, rounds=7),
    Row("layer norm, 2048 x 2048, with backward", layer_norm_and_gradients(2048, 2048), 1.0,
        rounds=7),
    Row("cross entropy, 2048 x 2048", cross_entropy(2048, 2048), 1.0, rounds=7),
    Row("cross entropy, 2048 x 2048, with backward", cross_entropy_and_gradient(2048, 2048), 1.0,
        rounds=7),
    Row("layer norm, 8192 x 768, with backward", layer_norm_and_gradients(8192, 768), rounds=7),
    Row("GELU, 10 M", gelu(10_000_000), rounds=7),
    Row("attention, 4 x 8 x 256 x 64, causal", attention(4, 8, 256, 64), rounds=7),
    Row("MLP forward, batch 2", forward(mlp, 2, 784), 1.0),
    Row("LeNet step, batch 64", training_step(lenet, 64, (1, 28, 28), 10), 0.5, rounds=9),
    Row("ResNet-18 forward, 1 x 3 x 224 x 224", forward(resnet18, 1, 3, 224, 224), 0.35, rounds=9),
]  # fmt: skip


def table(rows: list[Row]) -> list[Result]:
    """Print the table line by line as it comes."""
    ours, theirs = (Peer(name, "eager") for name in ("rushlight", "torch"))
    print(HEAD)
    results = []
    for row in rows:
        results.append(compare(row, ours, theirs))
        print(results[-1].line(), flush=True)
    ours.close()
    theirs.close()
    return results


def engine_table(rows: list[Row]) -> None:
    """Print what the engine does for eager mode: times without it, with it, and PyTorch's."""
    without = Peer("rushlight", "eager", RUSHLIGHT_ENGINE="0")
    engine, theirs = Peer("rushlight", "eager"), Peer("torch", "eager")
    print("| work | without | with | PyTorch | without / with | PyTorch / with |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        before, after = compare(row, engine, without), compare(row, engine, theirs)
        if missing := before.missing or after.missing:
            print(f"| {row.name} | - | - | - | skipped: {missing} | - |")
            continue
        print(
            f"| {row.name} | {told(before.theirs)} | {told(before.ours)} | {told(after.theirs)} | "
            f"{before.ratio:.2f} | {after.ratio:.2f} |",
            flush=True,
        )
    for peer in (without, engine, theirs):
        peer.close()


def print_import_times() -> None:
    """The line about importing: both above what NumPy takes alone."""
    times = import_times()
    if not {"numpy", "rushlight", "torch"} <= times.keys():
        print("| import | skipped: one of the packages cannot be imported | | | |")
        return
    numpy, ours, theirs = (times[name] * 1e3 for name in ("numpy", "rushlight", "torch"))
    above = ours - numpy
    mark = "" if above <= 100 else " (above)"
    print(
        f"| import (NumPy alone: {numpy:.0f} ms) | {theirs:.0f} ms | {ours:.0f} ms | "
        f"{theirs / ours:.1f}; {above:.0f} ms above NumPy{mark} | 100 ms above NumPy |"
    )


def main() -> None:
    """Read the options and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="rows whose name has this word")
    parser.add_argument("--runs", type=int, default=1, help="how many tables")
    parser.add_argument("--engine", action="store_true", help="with the engine and without")
    options = parser.parse_args()
    if importlib.util.find_spec("torch") is None:
        raise SystemExit("PyTorch is not installed here: there is nothing to compare with.")
    rows = [row for row in ROWS if options.only.lower() in row.name.lower()]
    for _ in range(options.runs):
        if options.engine:
            engine_table(rows)
            continue
        table(rows)
        if options.only.lower() in "import":
            print_import_times()


if __name__ == "__main__":
    main()
