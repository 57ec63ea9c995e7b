"""第三课 自定义层 / Lesson 3: layers of one's own.

运行 / run:  rushlight run examples/course/lesson3_layers.py
"""

import torch
from torch import nn

torch.manual_seed(21)


def heading(chinese, english):
    print(f"\n== {chinese} | {english} ==")


# --- 3.1 -----------------------------------------------------------------------------------------
heading("没有参数的层", "a layer without parameters")


class Centred(nn.Module):
    """减去平均值。 / Subtracts the mean."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)

    def forward(self, x):
        return x - x.mean()


layer = Centred()
print(layer, layer(torch.tensor([1, 2, 3, 4, 5], dtype=torch.float)))
net = nn.Sequential(nn.Linear(8, 128), Centred())
y = net(torch.rand(4, 8))
print("mean is zero:", abs(y.mean().item()) < 1e-6)
print([name for name, _ in net.named_parameters()])

# --- 3.2 -----------------------------------------------------------------------------------------
heading("ParameterList", "ParameterList")


class DenseList(nn.Module):
    """参数放在列表里, 按编号使用。 / Parameters in a list, used by their number."""

    def __init__(self):
        super().__init__()
        self.params = nn.ParameterList([nn.Parameter(torch.randn(4, 4)) for _ in range(3)])
        self.params.append(nn.Parameter(torch.randn(4, 1)))

    def forward(self, x):
        for index in range(len(self.params)):
            x = torch.mm(x, self.params[index])
        return x


dense = DenseList()
print(dense)
print("len:", len(dense.params), "| last:", dense.params[-1].shape)
print(dense(torch.rand(2, 4)))
dense.params.extend([nn.Parameter(torch.zeros(1, 1))])
print([name for name, _ in dense.named_parameters()])
print(dense.params[1:3])

# --- 3.3 -----------------------------------------------------------------------------------------
heading("ParameterDict", "ParameterDict")


class DenseDict(nn.Module):
    """参数放在字典里, forward 时选用。 / Parameters in a dict; forward chooses one."""

    def __init__(self):
        super().__init__()
        self.params = nn.ParameterDict(
            {
                "linear1": nn.Parameter(torch.randn(4, 4)),
                "linear2": nn.Parameter(torch.randn(4, 1)),
            }
        )
        self.params.update({"linear3": nn.Parameter(torch.randn(4, 2))})

    def forward(self, x, choice="linear1"):
        return torch.mm(x, self.params[choice])


chooser = DenseDict()
print(chooser)
print("keys:", list(chooser.params.keys()))
print("shapes:", [tuple(value.shape) for value in chooser.params.values()])
for key, value in chooser.params.items():
    print(" ", key, type(value).__name__, value.requires_grad)
x = torch.ones(1, 4)
print(chooser(x))
print(chooser(x, "linear2"))
print(chooser(x, "linear3"))
print("linear3" in chooser.params, len(chooser.params))

# --- 3.4 -----------------------------------------------------------------------------------------
heading("放进 Sequential", "composed in Sequential")
stack = nn.Sequential(DenseDict(), DenseList())
print(stack)
out = stack(x)
print(out)
out.sum().backward()
print("used:    ", stack[0].params["linear1"].grad.norm() > 0)
print("not used:", stack[0].params["linear2"].grad)


class MyLinear(nn.Module):
    """自己的全连接层, 用 extra_repr 说明自己。 / A dense layer that describes itself."""

    def __init__(self, inputs, units):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, units))
        self.bias = nn.Parameter(torch.zeros(units))
        self.register_buffer("calls", torch.tensor(0))

    def forward(self, x):
        self.calls += 1
        return torch.relu(x @ self.weight + self.bias)

    def extra_repr(self):
        return f"inputs={self.weight.shape[0]}, units={self.weight.shape[1]}"


own = nn.Sequential(MyLinear(6, 4), MyLinear(4, 1))
print(own)
print(own(torch.rand(2, 6)))
print("calls:", own[0].calls, list(own.state_dict()))
