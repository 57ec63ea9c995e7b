"""第五课 GPU 计算 / Lesson 5: computing on GPUs.

没有显卡也能学完: 用虚拟 GPU (主机内存, 名字里写明是虚拟的)。
Without a graphics card: use virtual GPUs (host memory, plainly named as virtual).

    RUSHLIGHT_VIRTUAL_CUDA=2 rushlight run examples/course/lesson5_gpu.py
"""

import torch
from torch import nn

torch.manual_seed(41)


def heading(chinese, english):
    print(f"\n== {chinese} | {english} ==")


def first_sentence(error):
    text = str(error).splitlines()[0].split(". ")[0].split("! ")[0].split(" (when")[0].rstrip(".")
    return f"{type(error).__name__}: {text}"


# --- 5.1 -----------------------------------------------------------------------------------------
heading("有哪些设备", "which devices there are")
print("is_available:", torch.cuda.is_available())
print("device_count:", torch.cuda.device_count())
print(torch.device("cpu"), torch.device("cuda"), repr(torch.device("cuda:1")))
print(torch.device("cuda", 1) == torch.device("cuda:1"), torch.device("cuda:1").index)


def try_gpu(number=0):
    """第 number 块 GPU, 没有就用 CPU。 / GPU `number`, or the CPU."""
    if torch.cuda.device_count() > number:
        return torch.device(f"cuda:{number}")
    return torch.device("cpu")


x = torch.tensor([1, 2, 3])
print(x, x.device)  # 默认在内存里 / in host memory by default

if not torch.cuda.is_available():
    heading("没有 GPU 时", "without a GPU")
    try:
        x.cuda()
    except (AssertionError, RuntimeError) as error:
        print(first_sentence(error))
    print("try_gpu() ->", try_gpu())
    net = nn.Linear(3, 1).to(try_gpu())  # 同一段程序在 CPU 上照样运行 / the same program on the CPU
    print(net(torch.rand(2, 3, device=try_gpu())))
else:
    # --- 5.2 -------------------------------------------------------------------------------------
    heading("每块 GPU", "each GPU")
    print("current_device:", torch.cuda.current_device())
    for number in range(torch.cuda.device_count()):
        print(number, torch.cuda.get_device_name(number))
        properties = torch.cuda.get_device_properties(number)  # nvidia-smi 所说的 / as nvidia-smi
        print(
            "  memory > 0:", properties.total_memory > 0, type(torch.cuda.memory_allocated(number))
        )

    heading("张量在 GPU 上", "tensors on a GPU")
    x = x.cuda()
    print(x)
    print(x.device, x.is_cuda, x.get_device())
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    print(torch.tensor([1, 2, 3], device=device))
    print(torch.tensor([1, 2, 3]).to(device))
    print(torch.ones(2, 2, device="cuda:0"))
    y = x**2  # 结果留在同一设备 / the result stays where its inputs are
    print(y)
    print(y.cpu(), y.to("cpu").device)
    print(y.cpu().numpy())
    try:
        y.numpy()
    except TypeError as error:
        print(first_sentence(error))

    heading("不同设备不能混用", "devices do not mix")
    try:
        y + x.cpu()
    except RuntimeError as error:
        print(first_sentence(error))
    if torch.cuda.device_count() > 1:
        z = x.cuda(1)
        print(z, z.device)
        print(z + z)
        try:
            x + z
        except RuntimeError as error:
            print(first_sentence(error))
        print(x.cuda(0) is x)  # 已经在那里就不复制 / already there: no copy

    heading("模型在 GPU 上", "a model on a GPU")
    net = nn.Sequential(nn.Linear(3, 1), nn.BatchNorm1d(1))
    print(net[0].weight.device)
    print(net.cuda() is net)  # 就地移动参数和缓冲区 / moves parameters and buffers in place
    print(net[0].weight.device, net[1].running_mean.device)
    print(net[0].bias)
    data = torch.rand(4, 3).cuda()  # 输入也要在那里 / the input must follow
    print(net(data))
    try:
        net(torch.rand(4, 3))
    except RuntimeError as error:
        print(first_sentence(error))
    loss = net(data).pow(2).mean()
    loss.backward()
    print(loss.device, net[0].weight.grad.device)
    print(torch.cuda.memory_allocated() > 0)
    with torch.cuda.device(torch.cuda.device_count() - 1):
        print(torch.zeros(1, device="cuda").get_device() == torch.cuda.device_count() - 1)
    print({name: str(value.device) for name, value in net.state_dict().items()})
    print(net.cpu()[0].weight.device)
    print(try_gpu(), try_gpu(99))
