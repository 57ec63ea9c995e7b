"""第一课 搭建模型 / Lesson 1: building models.

运行 / run:  rushlight run examples/course/lesson1_models.py
"""

from collections import OrderedDict

import torch
from torch import nn

torch.manual_seed(1)


def heading(chinese, english):
    print(f"\n== {chinese} | {english} ==")


# --- 1.1 -----------------------------------------------------------------------------------------
heading("继承 nn.Module", "deriving from nn.Module")


class Perceptron(nn.Module):
    """一个隐藏层的感知机。只写 forward, 反向传播由 autograd 推出。
    A perceptron with one hidden layer. Only forward is written; autograd finds the backward pass.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)  # 必须先调用 / must come first
        self.hidden = nn.Linear(12, 8)
        self.act = nn.ReLU()
        self.output = nn.Linear(8, 3)

    def forward(self, x):
        return self.output(self.act(self.hidden(x)))  # (batch, 12) -> (batch, 8) -> (batch, 3)


x = torch.rand(2, 12)
net = Perceptron()
print(net)
y = net(x)  # 调用模型就是调用 forward / calling the model calls forward
print(y)  # grad_fn=<AddmmBackward0>: 结果知道自己从哪来 / the result knows where it came from
print("last step:", y.grad_fn.name())
y.sum().backward()
print("hidden.weight.grad:", net.hidden.weight.grad.shape)


class OldStyle(nn.Module):
    """父类初始化的旧写法也行。 / The old way to call the parent's initialiser works too."""

    def __init__(self):
        super(OldStyle, self).__init__()
        self.scale = nn.Linear(3, 1, bias=False)

    def forward(self, x):
        return self.scale(x)


print(OldStyle())

# --- 1.2 -----------------------------------------------------------------------------------------
heading("Sequential: 按顺序连接", "Sequential: one layer after another")

plain = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3))
print(plain)
named = nn.Sequential(
    OrderedDict([("first", nn.Linear(12, 8)), ("act", nn.Tanh()), ("last", nn.Linear(8, 3))])
)
print(named)
print("plain[0] :", plain[0])
print("plain[-1]:", plain[-1])  # 负数索引 / counting from the end
print("named.act:", named.act)
print("plain[:2]:", plain[:2])  # 切片还是 Sequential / a slice is a Sequential again
print(plain(x))

chain = nn.Sequential()
chain.add_module("in", nn.Linear(4, 4))
chain.append(nn.ReLU())
chain.insert(1, nn.Dropout(0.5))
chain.extend([nn.Linear(4, 2), nn.Softmax(dim=1)])
print(chain, "len =", len(chain))
removed = chain.pop(1)
print("pop(1):", removed, "-> len =", len(chain))
del chain[0]
print([type(layer).__name__ for layer in chain])
print(nn.Sequential(nn.ReLU()) + nn.Sequential(nn.Sigmoid()))  # 相加 / joined
print(nn.Sequential(nn.Linear(2, 2), nn.ReLU()) * 2)  # 重复 / repeated

# --- 1.3 -----------------------------------------------------------------------------------------
heading("自己写一个 Sequential", "a Sequential of one's own")


class MySequential(nn.Module):
    """用 add_module 登记, 用 self._modules 依次调用。
    Registers with add_module, calls through self._modules, an ordered dict.
    """

    def __init__(self, *layers):
        super().__init__()
        for place, layer in enumerate(layers):
            self.add_module(str(place), layer)

    def forward(self, x):
        for layer in self._modules.values():
            x = layer(x)
        return x


torch.manual_seed(2)
mine = MySequential(nn.Linear(12, 5), nn.ReLU(), nn.Linear(5, 2))
print(mine)
print(mine(x))


class DirectSequential(nn.Module):
    """自己往 _modules 里写。 / Writes into _modules itself."""

    def __init__(self, *layers):
        super().__init__()
        for place, layer in enumerate(layers):
            self._modules[f"step{place}"] = layer

    def forward(self, x):
        for name in self._modules:
            x = self._modules[name](x)
        return x


print(DirectSequential(nn.Linear(3, 3), nn.Sigmoid()))


class KeyedByModule(nn.Sequential):
    """模块自己当键: 不常见, 但 forward 照样能用。
    The modules themselves are the keys: unusual, and forward still works.
    """

    def __init__(self, *layers):
        super().__init__()
        for layer in layers:
            self.add_module(layer)

    def add_module(self, block):
        self._modules[block] = block

    def forward(self, x):
        for block in self._modules.values():
            x = block(x)
        return x


torch.manual_seed(3)
keyed = KeyedByModule(nn.Linear(12, 4), nn.ReLU(), nn.Linear(4, 2))
print(keyed(x))
print("modules in it:", len(keyed._modules))

# --- 1.4 -----------------------------------------------------------------------------------------
heading("ModuleList 与 ModuleDict: 只存放, 不计算", "ModuleList and ModuleDict only store")

layers = nn.ModuleList([nn.Linear(6, 4), nn.ReLU()])
layers.append(nn.Linear(4, 2))
layers.extend([nn.ReLU(), nn.Linear(2, 1)])
layers.insert(1, nn.BatchNorm1d(4))
print(layers)
print("layers[-1]:", layers[-1], "| len:", len(layers), "| layers[1:3]:", layers[1:3])
for layer in layers:
    print(" ", layer)
try:
    layers(torch.zeros(1, 6))
except NotImplementedError as error:
    print("NotImplementedError:", str(error).splitlines()[0])

parts = nn.ModuleDict({"linear": nn.Linear(6, 4), "act": nn.ReLU()})
parts["out"] = nn.Linear(4, 1)
parts.update({"extra": nn.Tanh()})
print(parts)
print("parts['linear']:", parts["linear"], "| parts.out:", parts.out)
print("keys:", list(parts.keys()), "| 'act' in parts:", "act" in parts, "| len:", len(parts))
for name, module in parts.items():
    print(" ", name, "->", module)
print("values:", [type(module).__name__ for module in parts.values()])
print("pop('extra'):", parts.pop("extra"))
try:
    parts(torch.zeros(1, 6))
except NotImplementedError as error:
    print("NotImplementedError:", str(error).splitlines()[0])
parts.clear()
print("after clear:", parts)


class InModuleList(nn.Module):
    def __init__(self):
        super().__init__()
        self.linears = nn.ModuleList([nn.Linear(5, 5) for _ in range(3)])


class InPlainList(nn.Module):
    """陷阱: 普通列表里的层不属于模型。Rushlight 会提醒一次。
    A trap: layers in a plain list do not belong to the model. Rushlight warns once.
    """

    def __init__(self):
        super().__init__()
        self.linears = [nn.Linear(5, 5) for _ in range(3)]


print("ModuleList:", len(list(InModuleList().parameters())), "parameters")
print("plain list:", len(list(InPlainList().parameters())), "parameters")

# --- 1.5 -----------------------------------------------------------------------------------------
heading("自由的 forward", "a forward with everything in it")


class Free(nn.Module):
    """常数张量、同一层用两次、while 与 if、就地运算。
    A constant tensor, one layer used twice, while and if, in-place arithmetic.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.constant = torch.rand((10, 10), requires_grad=False)  # 不训练 / never trained
        self.linear = nn.Linear(10, 10)

    def forward(self, x):
        x = self.linear(x)
        x = nn.functional.relu(torch.mm(x, self.constant.data) + 1)
        x = self.linear(x)  # 同一层, 共享参数 / the same layer, the same parameters
        steps = 0
        while x.norm().item() > 1:
            x /= 2
            steps += 1
        if x.norm().item() < 0.8:
            x *= 10
        self.steps = steps
        return x.sum()


torch.manual_seed(4)
free = Free()
print(free)
sample = torch.rand(2, 10)
total = free(sample)
print(total, "after", free.steps, "halvings")
total.backward()
print("gradient of the shared layer:", free.linear.weight.grad.norm())
print(free.linear.bias.grad)

# --- 1.6 -----------------------------------------------------------------------------------------
heading("模型套模型", "models in models")


class Nested(nn.Module):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.net = nn.Sequential(nn.Linear(10, 6), nn.ReLU())

    def forward(self, x):
        return self.net(x)


torch.manual_seed(5)
whole = nn.Sequential(Nested(), nn.Linear(6, 10), Free())
whole.add_module("Tail", nn.Identity())
print(whole)
print(whole(torch.rand(3, 10)))
