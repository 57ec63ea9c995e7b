"""What the small programs about modules share: their list, a model, and how an outcome is noted."""

from collections import OrderedDict

PROGRAMS = []


def program(function):
    PROGRAMS.append(function)
    return function


def net_of(t):
    class Block(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = t.nn.Linear(3, 4)
            self.scale = t.nn.Parameter(t.ones(2))
            self.register_buffer("count", t.zeros(1))
            self.register_buffer("hidden", t.zeros(2), persistent=False)
            self.absent = None
            self.register_parameter("nothing", None)

        def forward(self, x):
            return self.first(x)

    class Net(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.block = Block()
            self.same = self.block
            self.layers = t.nn.Sequential(OrderedDict(a=t.nn.Linear(4, 4), b=t.nn.ReLU()))
            self.tied = self.layers.a.weight

        def forward(self, x, flag=False):
            return self.layers(self.block(x))

    return Net()


def outcome(function, *args, **kwargs):
    """What a call gives, or the type and text of what it raises."""
    try:
        return function(*args, **kwargs)
    except Exception as error:
        return type(error).__name__, str(error)
