"""Shipped Swift into Python, statement by statement, so that the source itself is what is tested.

A subset: what the packages' pure sources use. Anything else is refused, and so is a call of a
function that no source declares. With `strict`, every operator, argument and result is held to its
Swift type at run time, every index to its array: a part of what a compiler would have checked.
"""

import swift_runtime
from swift_expressions import Declared, Expressions, mangled, py
from swift_tokens import SwiftSyntaxError, Token, tokens

MODIFIERS = {"public", "private", "static", "final", "internal", "fileprivate"}
INDENT = "    "


class Translator(Expressions):
    """One source. Two readings: the first only notes what is declared."""

    def __init__(self, source: str, declared: Declared, *, strict: bool, first: bool):
        super().__init__(source, declared, strict=strict)
        self.is_first_reading = first
        self.lines: list[str] = []
        self.depth = 0
        self.result = "Void"

    def emit(self, line: str) -> None:
        self.lines.append(INDENT * self.depth + line)

    def translate(self) -> list[str]:
        while self.now.kind != "end":
            self.declaration()
        return self.lines

    def modifiers(self) -> set[str]:
        found = set()
        while self.now.text in MODIFIERS:
            found.add(self.take())
        return found

    def declaration(self) -> None:
        self.modifiers()
        kind = self.take()
        if kind == "import":
            self.take()
        elif kind == "struct":
            self.structure()
        elif kind == "enum":
            self.enumeration()
        elif kind == "protocol":
            self.protocol()
        elif kind == "func":
            self.function(is_static=True)
        elif kind == "let":
            self.global_let()
        else:
            raise self.fail(f"{kind} is not translated")

    def global_let(self) -> None:
        name = self.take()
        self.declared.variables.add(name)
        kind = self.type_annotation()
        self.take("=")
        self.emit(f"{py(name)} = {self.typed(self.expression(), kind)}")

    def enumeration(self) -> None:
        name = self.take()
        self.take(":")
        self.take("String")
        self.take("{")
        cases = self.declared.cases.setdefault(name, [])
        while not self.accept("}"):
            self.take("case")
            cases.append(self.take())
            while self.accept(","):
                cases.append(self.take())

    def protocol(self) -> None:
        name = self.take()
        methods = self.declared.methods.setdefault(name, {})
        self.take("{")
        while not self.accept("}"):
            self.take("func")
            methods[self.signature()[0]] = False

    def structure(self) -> None:
        name = self.take()
        self.struct = name
        self.declared.fields.setdefault(name, {})
        self.declared.computed.setdefault(name, set())
        self.declared.methods.setdefault(name, {})
        bases = []
        if self.accept(":"):
            bases.append(self.take())
            while self.accept(","):
                bases.append(self.take())
        self.take("{")
        thrown = bool({"Error", "LocalizedError"} & set(bases))
        self.emit(f"class {name}({'S.SwiftError' if thrown else ''}):")
        self.depth += 1
        has_init = False
        while not self.accept("}"):
            has_init = self.struct_member() or has_init
        if not has_init:
            self.memberwise(name)
        self.depth -= 1
        self.struct = None

    def struct_member(self) -> bool:
        is_static = "static" in self.modifiers()
        kind = self.take()
        if kind == "func":
            self.function(is_static=is_static)
        elif kind == "init":
            self.position -= 1
            self.function(is_static=False)
            return True
        elif kind in {"let", "var"}:
            self.stored_or_computed()
        else:
            raise self.fail(f"{kind} in a struct is not translated")
        return False

    def stored_or_computed(self) -> None:
        name = self.take()
        kind = self.type_annotation()
        if not self.sees("{"):
            self.declared.fields[self.struct or ""][name] = kind
            return
        self.declared.computed[self.struct or ""].add(name)
        self.emit("@property")
        self.emit(f"def {py(name)}(self):")
        self.body(set(), kind)

    def memberwise(self, name: str) -> None:
        fields = self.declared.fields[name]
        names = ", ".join(map(py, fields))
        self.emit(f"def __init__(self, *, {names}):" if fields else "def __init__(self):")
        self.depth += 1
        for each, kind in fields.items():
            self.emit(f"self.{py(each)} = {self.typed(py(each), kind)}")
        if not fields:
            self.emit("pass")
        self.depth -= 1

    def signature(self) -> tuple[str, list[tuple[str, str, str]], str]:
        """Return the mangled name, each parameter's label, name and type, and the result's type."""
        name = self.take()
        self.take("(")
        parameters = []
        while not self.sees(")"):
            label = self.take()
            inner = label if self.sees(":") else self.take()
            self.take(":")
            parameters.append(("" if label == "_" else label, inner, self.type()))
            if not self.accept(","):
                break
        self.take(")")
        self.accept("throws")
        result = self.type() if self.accept("->") else "Void"
        return mangled(name, [label for label, _, _ in parameters]), parameters, result

    def function(self, *, is_static: bool) -> None:
        is_init = self.sees("init")
        full, parameters, result = self.signature()
        names = [py(inner) for _, inner, _ in parameters]
        if is_init:
            full = "__init__"
            names = [py(label or inner) for label, inner, _ in parameters]
        elif self.struct:
            self.declared.methods[self.struct][full] = is_static
        else:
            self.declared.functions.add(full)
        if self.struct and is_static:
            self.emit("@staticmethod")
        takes_self = self.struct and not is_static
        self.emit(f"def {full}({', '.join(['self', *names] if takes_self else names)}):")
        self.is_static = is_static
        checks = [
            f"{py(inner)} = {self.typed(py(label or inner) if is_init else py(inner), kind)}"
            for label, inner, kind in parameters
        ]
        self.body({inner for _, inner, _ in parameters}, result, checks if self.strict else [])

    def body(self, names: set[str], result: str, before: list[str] | None = None) -> None:
        self.locals, self.result = set(names), result
        self.depth += 1
        for line in before or []:
            self.emit(line)
        self.depth -= 1
        self.block()
        self.locals = set()

    def type_annotation(self) -> str:
        self.take(":")
        return self.type()

    def type(self) -> str:
        self.accept("any")
        if self.accept("["):
            kind = f"[{self.type()}]"
            self.take("]")
        else:
            kind = self.take()
        return f"{kind}?" if self.accept("?") else kind

    def typed(self, value: str, kind: str) -> str:
        return f"S.checked({value}, {kind!r}, KNOWN)" if self.strict else value

    def block(self) -> None:
        self.take("{")
        self.depth += 1
        start = len(self.lines)
        while not self.accept("}"):
            self.statement()
        if len(self.lines) == start:
            self.emit("pass")
        self.depth -= 1

    def statement(self) -> None:
        ways = {
            "let": self.binding, "var": self.binding, "if": self.conditional, "guard": self.guard,
            "for": self.loop, "switch": self.choice, "do": self.catching, "return": self.leave,
            "throw": self.throwing,
        }  # fmt: skip
        if self.now.kind == "name" and self.now.text in ways:
            ways[self.now.text]()
        elif self.sees("continue", "break"):
            self.emit(self.take())
        else:
            self.assignment()

    def binding(self) -> None:
        is_var = self.take() == "var"
        name = self.take()
        kind = self.type_annotation() if self.sees(":") else ""
        self.take("=")
        first = self.tokens[self.position]
        value = self.expression()
        if is_var and first.kind == "name" and not value.endswith(")"):
            value = f"S.copied({value})"
        self.locals.add(name)
        self.emit(f"{py(name)} = {self.typed(value, kind) if kind else value}")

    def assignment(self) -> None:
        target = self.expression()
        if self.sees("=", "+=", "-="):
            operator = self.take()
            value = self.expression()
            if operator != "=":
                value = self.operation(operator[0], target, value, False, False)
            self.emit(f"{target} = {value}")
        else:
            self.emit(target)

    def conditions(self) -> str:
        parts = [self.condition()]
        while self.accept(","):
            parts.append(self.condition())
        return " and ".join(parts)

    def condition(self) -> str:
        if not self.accept("let"):
            return self.expression()
        name = self.take()
        self.take("=")
        value = self.expression()
        self.locals.add(name)
        return f"({py(name)} := {value}) is not None"

    def conditional(self, word: str = "if") -> None:
        self.take("if")
        self.emit(f"{word} {self.conditions()}:")
        self.block()
        if self.accept("else"):
            if self.sees("if"):
                self.conditional("elif")
            else:
                self.emit("else:")
                self.block()

    def guard(self) -> None:
        self.take()
        self.emit(f"if not ({self.conditions()}):")
        self.take("else")
        self.block()

    def loop(self) -> None:
        self.take()
        name = self.take()
        self.take("in")
        values = self.expression()
        self.locals.add(name)
        self.emit(f"for {py(name)} in {values}:")
        self.block()

    def choice(self) -> None:
        self.take()
        self.emit(f"_chosen = {self.expression()}")
        self.take("{")
        word = "if"
        while not self.accept("}"):
            if self.accept("default"):
                self.emit("else:" if word == "elif" else "if True:")
            else:
                self.take("case")
                values = [self.expression()]
                while self.accept(","):
                    values.append(self.expression())
                self.emit(f"{word} _chosen in ({', '.join(values)},):")
            self.take(":")
            word = "elif"
            self.depth += 1
            while not self.sees("case", "default", "}"):
                self.statement()
            self.depth -= 1

    def catching(self) -> None:
        self.take()
        self.emit("try:")
        self.block()
        self.take("catch")
        self.emit("except S.SwiftError as error:")
        self.locals.add("error")
        self.block()

    def leave(self) -> None:
        self.take()
        if self.sees("}", "case", "default"):
            self.emit("return")
        else:
            self.emit(f"return {self.typed(self.expression(), self.result)}")

    def throwing(self) -> None:
        self.take()
        self.emit(f"raise {self.expression()}")


def calls(source: str, names: set[str]) -> list[tuple[str, list[str]]]:
    """Return the calls of functions called `names` in any Swift source, with their labels.

    Only tokens are looked at, so this reads sources that are not translated too.
    """
    found, stream = [], tokens(source)
    for at, token in enumerate(stream[:-1]):
        before = stream[at - 1].text if at else ""
        if token.text in names and stream[at + 1].text == "(" and before not in {"func", "."}:
            found.append((token.text, _labels(stream, at + 2)))
    return found


def _labels(stream: list[Token], at: int) -> list[str]:
    """Return the labels of the arguments from token `at` on, until their parenthesis closes."""
    labels, depth, is_fresh = [], 0, True
    while depth or stream[at].text != ")":
        if is_fresh:
            is_labelled = stream[at].kind == "name" and stream[at + 1].text == ":"
            labels.append(stream[at].text if is_labelled else "")
        is_fresh = depth == 0 and stream[at].text == ","
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(stream[at].text, 0)
        at += 1
    return labels


def translated(sources: dict[str, str], *, strict: bool = False) -> dict:
    """Return the names that Swift sources (by file) declare, as Python.

    Raises `SwiftSyntaxError` for what is not in the subset.
    """
    declared, lines = Declared(), ["import swift_runtime as S"]
    for is_first in (True, False):
        for path, source in sources.items():
            translator = Translator(source, declared, strict=strict, first=is_first)
            try:
                found = translator.translate()
            except SwiftSyntaxError as error:
                raise SwiftSyntaxError(f"{path}: {error}") from error
            lines += [] if is_first else found
    known = {name: frozenset(cases) for name, cases in declared.cases.items()}
    space: dict = {"KNOWN": known, "S": swift_runtime, "DECLARED": declared}
    exec(compile("\n".join(lines), "translated.swift", "exec"), space)
    known |= {name: space[name] for name in declared.fields}
    return space
