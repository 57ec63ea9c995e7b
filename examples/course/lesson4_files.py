"""第四课 读取和存储 / Lesson 4: reading and writing.

运行 / run:  rushlight run examples/course/lesson4_files.py
"""

import os
import tempfile

import torch
from torch import nn

torch.manual_seed(31)
folder = tempfile.mkdtemp()


def heading(chinese, english):
    print(f"\n== {chinese} | {english} ==")


def path(name):
    return os.path.join(folder, name)


# --- 4.1 -----------------------------------------------------------------------------------------
heading("张量", "tensors")
x = torch.ones(3)
torch.save(x, path("x.pt"))
print(torch.load(path("x.pt")))
y = torch.arange(4)
torch.save([x, y], path("list.pt"))
print(torch.load(path("list.pt")))
torch.save({"x": x, "y": y, "note": "字典 dict", "step": 7}, path("dict.pt"))
print(torch.load(path("dict.pt")))
whole = torch.zeros(6)
part = whole[2:4]  # 视图在文件里仍共享内存 / a view still shares memory after loading
torch.save({"whole": whole, "part": part}, path("views.pt"))
again = torch.load(path("views.pt"))
again["part"] += 5
print(again["whole"])

# --- 4.2 -----------------------------------------------------------------------------------------
heading("state_dict", "state_dict")


class Perceptron(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(3, 2)
        self.act = nn.ReLU()  # 没有参数, 不出现在 state_dict 里 / has nothing to store
        self.norm = nn.BatchNorm1d(2)  # 有缓冲区 / has buffers
        self.output = nn.Linear(2, 1)

    def forward(self, x):
        return self.output(self.norm(self.act(self.hidden(x))))


net = Perceptron()
print(type(net.state_dict()).__name__)
print(net.state_dict())
print(list(net.state_dict().keys()))

optimizer = torch.optim.SGD(net.parameters(), lr=0.001, momentum=0.9)
print(optimizer)
print(optimizer.state_dict())
net(torch.rand(4, 3)).sum().backward()
optimizer.step()
state = optimizer.state_dict()
print(sorted(state), sorted(state["state"]), list(state["state"][0]))
for make in (torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop, torch.optim.Adagrad):
    other = make(net.parameters(), lr=0.01)
    other.step()
    kept = other.state_dict()
    print(make.__name__, sorted(kept["param_groups"][0]))
    print("  per parameter:", sorted(kept["state"][0]))
    fresh = make(net.parameters(), lr=0.5)
    fresh.load_state_dict(kept)
    print("  lr after loading:", fresh.param_groups[0]["lr"])

# --- 4.3 -----------------------------------------------------------------------------------------
heading("保存和读取参数", "saving and loading parameters")
net.eval()
sample = torch.randn(2, 3)
before = net(sample)
torch.save(net.state_dict(), path("net.pt"))
second = Perceptron()
print(second.load_state_dict(torch.load(path("net.pt"))))
second.eval()
print("equal bit for bit:", torch.equal(before, second(sample)))
print(second(sample))
torch.save({"model": net.state_dict(), "optimizer": optimizer.state_dict()}, path("both.pth"))
both = torch.load(path("both.pth"), map_location="cpu")
optimizer.load_state_dict(both["optimizer"])
print(sorted(both), both["model"]["hidden.bias"].device)
print(torch.load(path("net.pt"), map_location=torch.device("cpu"))["hidden.bias"])


class Wider(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(3, 5)
        self.extra = nn.Linear(5, 1)


try:
    Wider().load_state_dict(torch.load(path("net.pt")))
except RuntimeError as error:
    lines = [line.strip() for line in str(error).splitlines()]
    wanted = ("Error(s)", "Missing", "Unexpected", "size mismatch")
    print("\n".join(line.rstrip() for line in lines if line.startswith(wanted)))
loose = second.load_state_dict({"hidden.weight": torch.zeros(2, 3)}, strict=False)
print(loose.missing_keys[:2], loose.unexpected_keys)

# --- 4.4 -----------------------------------------------------------------------------------------
heading("保存整个模型", "saving a whole model")
torch.save(net, path("whole.pt"))
try:
    torch.load(path("whole.pt"))  # 默认只读数据, 不构造对象 / by default only data is read
except Exception as error:
    print(type(error).__name__)
copy = torch.load(path("whole.pt"), weights_only=False)  # 类必须已经定义 / its class must exist
print(copy)
print("equal bit for bit:", torch.equal(net(sample), copy(sample)))
print("kept mode:", copy.training, "| own memory:", copy.hidden.weight is not net.hidden.weight)

for name in sorted(os.listdir(folder)):
    os.remove(path(name))
os.rmdir(folder)
