"""The op record: all there is to know about one operation."""

from collections import namedtuple
from collections.abc import Callable
from functools import cache, cached_property
from typing import Any

Rule = Callable[..., Any]
RECORDS: list["Op"] = []  # every record and composite, in order of definition: the tests walk it


class Op:
    """An operation: its array code, a gradient rule per argument, its kind.

    Attributes:
        name: the public name.
        body: array code `body(m, arrays..., *, params...)`.
        kind: "pointwise", "view", "move", "same", "reduce" or None.
        arrays, params, lists, optional: the names of its arguments by sort.
        rules: argument name -> `rule(m, g, names...)`.
        put: for a view, `put(m, x, new, **params)`: x with the viewed part replaced.
    """

    def __init__(self, body: Callable, kind: str | None, options: dict[str, Any]) -> None:
        self.body, self.kind, take = body, kind, options.pop
        self.name: str = take("name", None) or body.__name__
        # True, or a function of the parameters: integers are computed in the default float dtype
        self.floats: Any = take("floats", False)
        # the name, or a function of which arguments are numbers
        self.node_name: Any = take("node", None) or node_name(self.name)
        self.keeps: tuple = take("keeps", ())
        self.broadcasts: bool = take("broadcasts", kind == "pointwise")
        self.outputs: tuple = take("outputs", ())
        # a body that gives several results: those named, or a list of any length
        self.many: bool = take("many", False) or bool(self.outputs)
        self.differentiable: Any = take("differentiable", True)
        self.alias: bool = take("alias", False)  # a view that shares memory but not the tape
        self.promotes: Any = take("promotes", None)  # the arguments that take part, None: all
        self.autocast: str | None = take("autocast", None)
        # body and rules are written down as straight lines of NumPy calls (`_arrays/straight.py`):
        # for bodies of several words that look at shapes and dtypes alone
        self.straight: bool = take("straight", False)
        # PyTorch's sentence for operands of dtypes {a} and {b}, where it is not the usual one
        self.mixed: str | None = take("mixed", None)
        # whether operands may be float32 where the first is of half that
        self.wide: bool = take("wide", False)
        self.named: str | None = take("returns", None)
        if options:
            raise TypeError(f"op {self.name}: unknown options {sorted(options)}")
        self._read_signature()
        self.rules: dict[str, Rule] = {}
        self.plans: dict[Any, Any] = {}
        self.lines: Any = None  # of a straight body, by signature
        self.put: Rule | None = None
        self.stats: Rule | None = None  # the residuals function
        self.stats_names: list[str] = []
        self.source: str | None = None  # of the generated public function, once it was called
        self.function: Any = None
        self.composite = False
        RECORDS.append(self)

    def _read_signature(self) -> None:
        """The arguments by sort, read off the code object: `inspect` would cost start-up time."""
        code: Any = self.body.__code__
        given, count = code.co_varnames, code.co_argcount
        self.arrays = list(given[1:count])
        self.params = list(given[count : count + code.co_kwonlyargcount])
        values = self.body.__defaults__ or ()
        self.defaults = dict(zip(given[count - len(values) : count], values))
        self.optional = [n for n in self.arrays if n in self.defaults and self.defaults[n] is None]
        self.defaults |= self.body.__kwdefaults__ or {}
        notes = self.body.__annotations__
        self.lists = [n for n in self.arrays if notes.get(n) in (list, "list")]

    @cached_property
    def returns(self) -> Any:
        """The class of a result with named fields, made when first wanted: each costs 0.1 ms."""
        return named_result(self.named, self.outputs) if self.named else None

    def vjp(self, *names: str) -> Callable[[Rule], Rule]:
        """Decorator: the gradient rule `rule(m, g, names...)` for the arguments named."""
        for name in names:
            if name not in self.arrays:
                raise TypeError(f"op {self.name}: no tensor argument {name!r} to give a rule for")

        def take(rule: Rule) -> Rule:
            for name in names:
                self.rules[name] = rule
            return rule

        return take

    def residuals(self, rule: Rule) -> Rule:
        """Decorator: rule(m, names...) gives the kept values again, for gradients of gradients."""
        self.stats, self.stats_names = rule, argument_names(rule)[1:]
        return rule

    def writes(self, rule: Rule) -> Rule:
        """Decorator, for a view: rule(m, x, new, **params) is x with the viewed part replaced."""
        self.put = rule
        return rule

    def __repr__(self) -> str:
        return f"<op {self.name}({', '.join(self.arrays + self.params)})>"


def node_name(name: str) -> str:
    """PyTorch's name for the node of an op: `log_softmax` makes LogSoftmaxBackward0."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_")) + "Backward0"


def argument_names(rule: Callable) -> list[str]:
    """The positional argument names of a rule."""
    code = rule.__code__
    return list(code.co_varnames[: code.co_argcount])


@cache
def named_result(name: str, fields: tuple) -> type:
    """A tuple with named fields that prints like `torch.return_types.max`."""
    base = namedtuple(name, fields)

    def show(self: Any) -> str:
        rows = ",\n".join(f"{field}={value!r}" for field, value in zip(fields, self))
        return f"torch.return_types.{name}(\n{rows})"

    made = type(
        name, (base,), {"__slots__": (), "__repr__": show, "__module__": "torch.return_types"}
    )
    return made


def records() -> list[Op]:
    """All records and composites that have been defined."""
    return RECORDS
