"""第二课 模型的参数 / Lesson 2: parameters - reading, initialising and sharing them.

运行 / run:  rushlight run examples/course/lesson2_parameters.py
"""

import torch
from torch import nn
from torch.nn import init

torch.manual_seed(11)


def heading(chinese, english):
    print(f"\n== {chinese} | {english} ==")


net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))  # 参数已按默认方式初始化
x = torch.rand(2, 4)
y = net(x).sum()
print(net)

# --- 2.1 -----------------------------------------------------------------------------------------
heading("访问参数", "reading parameters")
print(type(net.named_parameters()), type(net.parameters()))
for name, parameter in net.named_parameters():
    print(name, parameter.size())  # 名字带路径 / the name is the path
for name, parameter in net[0].named_parameters():
    print(name, parameter.size(), type(parameter))  # 单独一层没有前缀 / no prefix on one layer
for name, parameter in net[1:].named_parameters():
    print(name, tuple(parameter.shape))  # 切片保留原来的编号 / a slice keeps the numbers
print(net[0].weight)
print(net[2].bias)
print(dict(net[2].named_parameters())["bias"] is net[2].bias)


class WithBoth(nn.Module):
    """Parameter 自动登记, 普通张量不登记。
    A Parameter registers itself, a plain tensor does not.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.weight1 = nn.Parameter(torch.rand(4, 4))
        self.weight2 = torch.rand(4, 4)


both = WithBoth()
print([name for name, _ in both.named_parameters()])
print(isinstance(both.weight1, torch.Tensor), type(both.weight1) is nn.parameter.Parameter)
print(both.weight1.requires_grad, both.weight2.requires_grad)

# --- 2.2 -----------------------------------------------------------------------------------------
heading("数据与梯度", "values and gradients")
first = list(net.parameters())[0]
print(first.data)
print(first.grad)  # 反向传播之前是 None / None before backward
y.backward()
print(first.grad)
net(x).sum().backward()  # 梯度累加 / gradients add up
print(first.grad)
net.zero_grad()
print(first.grad)

# --- 2.3 -----------------------------------------------------------------------------------------
heading("初始化", "initialising")
for name, parameter in net.named_parameters():
    if "weight" in name:
        init.normal_(parameter, mean=0, std=0.01)
        print(name, parameter.data)
for name, parameter in net.named_parameters():
    if "bias" in name:
        init.constant_(parameter, val=0)
        print(name, parameter.data)

table = torch.empty(4, 6)
print("uniform_        ", init.uniform_(table, -1, 1)[0])
print("normal_         ", init.normal_(table, 0, 2)[0])
print("trunc_normal_   ", init.trunc_normal_(table, std=0.02)[0])
print("constant_       ", init.constant_(table, 0.3)[0])
print("ones_, zeros_   ", init.ones_(table)[0, :2], init.zeros_(table)[0, :2])
print("eye_            ", init.eye_(table)[1])
print("dirac_          ", init.dirac_(torch.empty(2, 2, 3))[1])
print("xavier_uniform_ ", init.xavier_uniform_(table, gain=init.calculate_gain("relu"))[0])
print("xavier_normal_  ", init.xavier_normal_(table)[0])
print("kaiming_uniform_", init.kaiming_uniform_(table, a=5**0.5)[0])
print("kaiming_normal_ ", init.kaiming_normal_(table, mode="fan_out", nonlinearity="relu")[0])
rows = init.orthogonal_(table)
print("orthogonal_     ", (rows @ rows.T - torch.eye(4)).abs().max() < 1e-5)
print("sparse_         ", (init.sparse_(torch.empty(10, 2), sparsity=0.3) == 0).sum(0))
for kind in ("linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"):
    print("gain of", kind, "=", init.calculate_gain(kind))
weight = nn.Parameter(torch.empty(3, 3))
returned = init.ones_(weight)  # 返回同一个张量, 不记录梯度 / the same tensor, nothing recorded
print(returned is weight, weight.grad_fn, weight.is_leaf, weight.requires_grad)

# --- 2.4 -----------------------------------------------------------------------------------------
heading("自己写初始化", "an initialiser of one's own")


def init_weight_(tensor):
    """一半置零, 另一半取 [-10, -5] 和 [5, 10]。 / Half zeros, half from [-10, -5] and [5, 10]."""
    with torch.no_grad():
        tensor.uniform_(-10, 10)
        tensor *= (tensor.abs() >= 5).float()


for name, parameter in net.named_parameters():
    if "weight" in name:
        init_weight_(parameter)
        print(name, parameter.data)
for name, parameter in net.named_parameters():
    if "bias" in name:
        parameter.data += 1  # 改 .data 不进入计算图 / .data is outside the graph
        print(name, parameter.data)
try:
    net[0].weight *= 2  # no_grad 之外不许 / not outside no_grad
except RuntimeError as error:
    print("RuntimeError:", str(error).splitlines()[0].split(". ")[0].rstrip("."))

torch.manual_seed(12)
for layer in (nn.Linear(3, 2), nn.Conv2d(1, 2, 2), nn.Embedding(3, 2), nn.BatchNorm1d(2)):
    print(layer)
    for name, parameter in layer.named_parameters():
        print("   default", name, parameter.data.flatten())

# --- 2.5 -----------------------------------------------------------------------------------------
heading("共享参数", "sharing parameters")
torch.manual_seed(13)
linear = nn.Linear(1, 1, bias=False)
shared = nn.Sequential(linear, linear)  # 同一个对象出现两次 / one object, twice
print(shared)
for name, parameter in shared.named_parameters():
    init.constant_(parameter, val=3)
    print(name, parameter.data)  # 只列一次 / listed once
print(id(shared[0]) == id(shared[1]), id(shared[0].weight) == id(shared[1].weight))
result = shared(torch.ones(1, 1)).sum()
print(result)
result.backward()
print(shared[0].weight.grad)  # 两次使用的梯度之和 3 + 3 / the sum over both uses
