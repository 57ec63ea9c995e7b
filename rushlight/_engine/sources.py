"""Python source of functions with all that they need, as one text that runs without this package.

What a function names is followed: other functions and classes of this package are taken along,
constants written down, NumPy and the standard library imported. Annotations are left out.
"""

import ast
import builtins
import inspect
import sys
import textwrap
import types
from collections import Counter
from functools import partial
from typing import Any

import numpy as np

_ROOT = __name__.partition(".")[0]
_NAMED = (ast.ExceptHandler, ast.FunctionDef, ast.ClassDef)
_KNOWN = {"numpy", *sys.stdlib_module_names} - {"__main__"}
_PLAIN = (bool, int, float, str, bytes, type(None), type(Ellipsis))


class Unshippable(Exception):
    """Something that cannot be written down: a method's object, a closure, a lambda."""


class Sources:
    """A text that grows by what is asked for.

    Args:
        known: objects (by id) that the text finds under a name of its own.
    """

    def __init__(self, known: dict[int, str] | None = None) -> None:
        self.names = dict(known or {})
        self.heads: list[str] = []
        self.parts: list[str] = []
        self.taken = {*dir(builtins), *self.names.values()}
        self.kept: list[Any] = []  # so that ids stay those of these objects

    def text(self) -> str:
        """All of it, imports first."""
        return "\n".join(sorted(self.heads)) + "\n\n\n" + "\n\n\n".join(self.parts) + "\n"

    def name(self, x: Any, hint: str) -> str:
        """How the text says `x`: a name, or a number itself."""
        if id(x) in self.names:
            return self.names[id(x)]
        plain = _literal(x)
        if plain is not None:
            return plain
        if isinstance(x, types.ModuleType):
            return self._module(x, hint)
        if isinstance(x, (dict, list, set, tuple)):
            return self.constant(x, hint, self._container(x))
        if isinstance(x, partial):
            given = [self.name(v, "given") for v in (partial, x.func, x.args, x.keywords)]
            return self.constant(x, hint, "{}({}, *{}, **{})".format(*given))
        if isinstance(x, np.dtype):
            descr = x.descr if x.names else x.str
            return self.constant(x, hint, f"{self.name(np, 'np')}.dtype({descr!r})")
        if isinstance(x, np.ndarray):
            return self.constant(x, hint, self._array(x))
        home = getattr(x, "__module__", None) or ("numpy" if isinstance(x, np.ufunc) else "")
        users = type(x) is types.FunctionType and home.partition(".")[0] not in _KNOWN
        if users or home.partition(".")[0] == _ROOT:
            return self._define(x)
        return self._imported(x, home, hint)

    # -- kinds of things

    def fresh(self, x: Any, hint: str) -> str:
        """A name for `x` that nothing else has."""
        name, n = hint, 1
        while name in self.taken:
            n += 1
            name = f"{hint}_{n}"
        self.taken.add(name)
        self.names[id(x)] = name
        self.kept.append(x)
        return name

    def constant(self, x: Any, hint: str, text: str) -> str:
        """The name of what this text makes."""
        name = self.fresh(x, hint)
        self.parts.append(f"{name} = {text}")
        return name

    def _container(self, x: Any) -> str:
        if isinstance(x, dict):
            pairs = (f"{self.name(k, 'key')}: {self.name(v, 'value')}" for k, v in x.items())
            text = f"{{{', '.join(pairs)}}}"
            return f"{self.name(Counter, 'Counter')}({text})" if type(x) is Counter else text
        if isinstance(x, list) and any(isinstance(v, np.ndarray) for v in x):
            x = []  # memory put aside for the next call
        inner = ", ".join(self.name(v, "value") for v in x)
        if isinstance(x, tuple):
            return f"({inner}{',' * (len(x) == 1)})"
        return f"[{inner}]" if isinstance(x, list) else f"{{{inner}}}" if x else "set()"

    def _array(self, x: np.ndarray) -> str:
        lib, kind = self.name(np, "np"), self.name(x.dtype, "kind")
        return f"{lib}.frombuffer({x.tobytes()!r}, {kind}).reshape({x.shape!r}).copy()"

    def _module(self, x: types.ModuleType, hint: str) -> str:
        if x.__name__.partition(".")[0] == _ROOT:
            raise Unshippable(f"the module {x.__name__}")
        name = self.fresh(x, hint)
        self.heads.append(f"import {x.__name__}" + ("" if x.__name__ == name else f" as {name}"))
        return name

    def _imported(self, x: Any, home: str, hint: str) -> str:
        given = getattr(x, "__name__", "")
        module = sys.modules.get(home)
        if home == "builtins" and getattr(builtins, given, None) is x:
            return given
        if home.partition(".")[0] not in _KNOWN or getattr(module, given, None) is not x:
            raise Unshippable(f"{hint}, a {type(x).__name__}")
        name = self.fresh(x, hint)
        self.heads.append(f"from {home} import {given}" + ("" if given == name else f" as {name}"))
        return name

    def _define(self, x: Any) -> str:
        """A function or class of this package; what it needs comes before it."""
        bare: Any = inspect.unwrap(x) if callable(x) else x
        if not isinstance(bare, (types.FunctionType, type)):
            raise Unshippable(f"a {type(x).__name__} of {type(x).__module__}")
        ours = bare.__module__.partition(".")[0] == _ROOT
        if ours and (getattr(bare, "__closure__", None) or bare.__name__ == "<lambda>"):
            raise Unshippable(f"{bare.__qualname__}, which was made inside another function")
        name = self.fresh(x, bare.__name__ if bare.__name__.isidentifier() else "rate")
        self.names[id(bare)] = name
        scope = sys.modules[bare.__module__].__dict__ if ours else bare.__globals__
        tree = _tree(bare)
        if not ours:  # what the user's function was made with is what it has now
            if "__class__" in bare.__code__.co_freevars:
                raise Unshippable(f"{bare.__qualname__}, which calls super()")
            every = compile(ast.fix_missing_locations(ast.Module([tree], [])), "", "exec").co_consts
            if not any(_said(c) == _said(bare.__code__) for c in every):
                raise Unshippable(f"{bare.__qualname__}, whose file is another one now")
            cells = zip(bare.__code__.co_freevars, bare.__closure__ or ())
            scope = scope | {k: c.cell_contents for k, c in cells}
            told = [self.name(x, "given") for x in (bare.__defaults__, bare.__kwdefaults__)]
            given = tree.args
            given.defaults = [ast.Constant(0) for _ in given.defaults]
            given.kw_defaults = [d and ast.Constant(0) for d in given.kw_defaults]
        flat = _Flat(self, scope, tree)
        made = flat.visit(tree)
        made.name = name
        self.parts.append(ast.unparse(ast.fix_missing_locations(made)))
        if not ours:
            self.parts.append(f"{name}.__defaults__, {name}.__kwdefaults__ = {', '.join(told)}")
        return name


def _said(code: Any) -> tuple | None:
    """What compiled code must have in common with its source."""
    if isinstance(code, types.CodeType):
        plain = {repr(c) for c in code.co_consts if c is not None and type(c) is not type(code)}
        return {*code.co_names, *code.co_freevars}, code.co_varnames, plain
    return None


def _tree(f: Any) -> Any:
    """A definition as it is written; a lambda as one that returns what it is."""
    if f.__name__ != "<lambda>":
        return ast.parse(textwrap.dedent(inspect.getsource(f))).body[0]
    code, whole = f.__code__, ast.parse("".join(inspect.findsource(f)[0]))
    spots = [(line, column) for line, _, column, _ in code.co_positions() if column]
    for n in reversed([*ast.walk(whole)]):  # inner ones first
        if isinstance(n, ast.Lambda) and n.lineno == code.co_firstlineno:
            x: Any = n.body
            begin, end = (x.lineno, x.col_offset), (x.end_lineno, x.end_col_offset)
            if begin <= min(spots) and max(spots) < end:
                return ast.FunctionDef("rate", n.args, [ast.Return(x)], [], lineno=1)
    raise Unshippable("a lambda that is not in its file")


class _Flat(ast.NodeTransformer):
    """One definition in the text's own names."""

    def __init__(self, sources: Sources, scope: dict, tree: Any) -> None:
        self.sources, self.scope, self.depth = sources, scope, 0
        self.local = set(_bound(tree)) - {tree.name}

    def _expression(self, text: str) -> ast.expr:
        return ast.parse(text, mode="eval").body

    def _outer(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Name) and node.id not in self.local and node.id in self.scope

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        node.decorator_list = [
            d
            for d in node.decorator_list
            if self.depth or not isinstance(d, ast.Name) or d.id != "staticmethod"
        ]
        node.returns = None
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1
        return node

    def visit_arg(self, node: ast.arg) -> Any:
        node.annotation = None
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        before, self.depth = self.depth, -999  # a class's annotations are its fields
        self.generic_visit(node)
        self.depth = before
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        if self.depth == -999:
            return self.generic_visit(node)
        if node.value is None:
            return None
        return self.generic_visit(ast.Assign(targets=[node.target], value=node.value))

    def visit_Global(self, node: Any) -> Any:
        raise Unshippable(f"a function that writes {node.names[0]}, which is not its own")

    visit_Nonlocal = visit_Global

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        if self._outer(node.value) and isinstance(node.value, ast.Name):
            space = self.scope[node.value.id]
            if _is_space(space):
                return self._expression(self.sources.name(getattr(space, node.attr), node.attr))
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> Any:
        if not isinstance(node.ctx, ast.Load) or not self._outer(node) or node.id == "__file__":
            return node
        return self._expression(self.sources.name(self.scope[node.id], node.id))


def _is_space(x: Any) -> bool:
    """Whether something of ours only holds names: a module, the vocabulary."""
    home = x.__name__ if isinstance(x, types.ModuleType) else type(x).__module__
    return home.partition(".")[0] == _ROOT and not isinstance(x, type)


def _bound(tree: ast.AST) -> Any:
    """Names that a definition binds itself, wherever inside."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, _NAMED) and node.name and node is not tree:
            yield node.name


def _literal(x: Any) -> str | None:
    if isinstance(x, tuple) and all(_literal(v) is not None for v in x):
        return f"({', '.join(map(str, map(_literal, x)))}{',' * (len(x) == 1)})"
    if type(x) not in _PLAIN:
        return None
    if isinstance(x, float) and (x != x or x in (float("inf"), -float("inf"))):
        return f"float({str(x)!r})"
    return "..." if x is ... else repr(x)
