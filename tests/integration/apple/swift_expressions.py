"""Expressions of Swift into Python, by Swift's own precedences.

tree-sitter's Swift grammar is not used for this: it reads `y[i] * Double(i)` as a call of `y[i] *
Double`.
"""

from dataclasses import dataclass, field

from swift_tokens import SwiftSyntaxError, Token, tokens

PRECEDENCE = {
    "<<": 9, ">>": 9, "*": 8, "/": 8, "%": 8, "&": 8, "+": 7, "-": 7, "|": 7, "..<": 6, "...": 6,
    "==": 4, "!=": 4, "<": 4, "<=": 4, ">": 4, ">=": 4, "&&": 3, "||": 2,
}  # fmt: skip
SIZED = {f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)}
TYPES = {"Int", "Double", "Float", "String", "Bool"} | SIZED
PYTHON_WORDS = {"from", "is", "not", "and", "or", "def", "del", "pass", "lambda", "None", "with"}

PYTHON_METHODS = {"append___": "append", "removeLast": "pop", "components__separatedBy": "split"}


def py(name: str) -> str:
    return f"{name}_" if name in PYTHON_WORDS else name


def mangled(name: str, labels: list[str]) -> str:
    """Return one name for a function and its labels: Swift tells functions apart by both."""
    return "__".join([name, *(label or "_" for label in labels)])


@dataclass
class Declared:
    """Every name that the sources declare, from a first reading."""

    fields: dict[str, dict[str, str]] = field(default_factory=dict)
    computed: dict[str, set[str]] = field(default_factory=dict)
    methods: dict[str, dict[str, bool]] = field(default_factory=dict)
    cases: dict[str, list[str]] = field(default_factory=dict)
    functions: set[str] = field(default_factory=set)
    variables: set[str] = field(default_factory=set)

    def is_member(self, kind: str | None, name: str) -> bool:
        return kind is not None and (
            name in self.fields.get(kind, {}) or name in self.computed.get(kind, set())
        )


class Expressions:
    """A cursor over tokens that turns expressions into Python text."""

    def __init__(self, source: str, declared: Declared, *, strict: bool):
        self.tokens, self.position = tokens(source), 0
        self.declared, self.strict = declared, strict
        self.is_first_reading = False
        self.struct: str | None = None
        self.is_static = False
        self.locals: set[str] = set()

    @property
    def now(self) -> Token:
        return self.tokens[self.position]

    def fail(self, why: str) -> SwiftSyntaxError:
        return SwiftSyntaxError(f"line {self.now.line}: {why}, at {self.now.text!r}")

    def take(self, text: str | None = None) -> str:
        token = self.now
        if text is not None and (token.text != text or token.kind == "string"):
            raise self.fail(f"expected {text!r}")
        self.position += 1
        return token.text

    def sees(self, *texts: str) -> bool:
        return self.now.kind in {"operator", "name"} and self.now.text in texts

    def accept(self, text: str) -> bool:
        if self.sees(text):
            self.position += 1
            return True
        return False

    def expression(self) -> str:
        return self.valued()[0]

    def valued(self) -> tuple[str, bool]:
        """Return Python text, and whether it is a literal, which takes the type it is put to."""
        condition, is_literal = self.binary(0)
        if not self.accept("?"):
            return condition, is_literal
        yes = self.expression()
        self.take(":")
        return f"({yes} if {condition} else {self.expression()})", False

    def binary(self, least: int) -> tuple[str, bool]:
        left, is_left = self.unary()
        while self.now.kind == "operator" and PRECEDENCE.get(self.now.text, -1) >= least:
            operator = self.take()
            right, is_right = self.binary(PRECEDENCE[operator] + 1)
            left = self.operation(operator, left, right, is_left, is_right)
            is_left = is_left and is_right
        return left, is_left

    def operation(self, operator: str, a: str, b: str, is_a: bool, is_b: bool) -> str:
        if operator in {"&&", "||"}:
            return f"({a} {'and' if operator == '&&' else 'or'} {b})"
        if operator == "..<":
            return f"S.count_up({a}, {b})"
        if operator == "...":
            raise self.fail("closed ranges are not translated")
        if self.strict:
            return f"S.operate({operator!r}, {a}, {b}, {is_a}, {is_b})"
        if operator in {"/", "%"}:
            return f"S.{'divide' if operator == '/' else 'remainder'}({a}, {b})"
        return f"({a} {operator} {b})"

    def unary(self) -> tuple[str, bool]:
        if self.accept("!"):
            return f"(not {self.unary()[0]})", False
        if self.accept("-"):
            value, is_literal = self.unary()
            return f"(-{value})", is_literal
        if self.accept("try"):
            return self.binary(0)
        return self.postfix()

    def postfix(self) -> tuple[str, bool]:
        value, is_literal = self.primary()
        while True:
            if self.sees("."):
                self.take()
                value, is_literal = self.member(value), False
            elif self.sees("[") and not self.now.after_newline:
                self.take()
                index = self.expression()
                self.take("]")
                value = self.subscript(value, index)
                is_literal = False
            else:
                return value, is_literal

    def subscript(self, value: str, index: str) -> str:
        return f"{value}[S.at({value}, {index})]" if self.strict else f"{value}[{index}]"

    def primary(self) -> tuple[str, bool]:
        token = self.now
        if token.kind == "number":
            return self.take(), True
        if token.kind == "string":
            self.position += 1
            return self.string(token), False
        if self.accept("("):
            value, is_literal = self.valued()
            self.take(")")
            return f"({value})", is_literal
        if self.accept("["):
            return self.array(), False
        if self.accept("."):
            return self.implicit(self.take()), False
        if token.kind == "name":
            return self.named(self.take()), False
        raise self.fail("expected an expression")

    def string(self, token: Token) -> str:
        pieces = []
        for kind, text in token.parts:
            if kind == "text":
                pieces += [repr(text)] if text else []
                continue
            inner = Expressions(text, self.declared, strict=self.strict)
            inner.struct, inner.locals, inner.is_static = self.struct, self.locals, self.is_static
            inner.is_first_reading = self.is_first_reading
            pieces.append(f"S.words({inner.expression()})")
        return f"({' + '.join(pieces)})" if pieces else "''"

    def array(self) -> str:
        first = self.position
        if (
            self.now.text in TYPES | set(self.declared.fields)
            and self.tokens[first + 1].text == "]"
        ):
            self.take()
            self.take("]")
            labels, values = self.arguments()
            if labels != ["repeating", "count"]:
                raise self.fail("expected [T](repeating:count:)")
            return f"([{values[0]}] * {values[1]})"
        values = []
        while not self.sees("]"):
            values.append(self.expression())
            if not self.accept(","):
                break
        self.take("]")
        return f"[{', '.join(values)}]"

    def implicit(self, case: str) -> str:
        known = {case for cases in self.declared.cases.values() for case in cases}
        if case not in known | {"down", "up", "toNearestOrEven"} and not self.is_first_reading:
            raise self.fail(f"no enum has the case {case}")
        return repr(case)

    def named(self, name: str) -> str:
        constants = {"true": "True", "false": "False", "nil": "None", "self": "self"}
        if name in constants:
            return constants[name]
        if name in self.declared.cases:
            self.take(".")
            return self.implicit(self.take())
        if self.sees("(") and not self.now.after_newline:
            return self.call(name)
        if name in self.locals:
            return py(name)
        if self.declared.is_member(self.struct, name):
            return f"self.{py(name)}"
        kinds = set(self.declared.fields) | {"Double"}
        if name in self.declared.variables | kinds or self.is_first_reading:
            return py(name)
        raise self.fail(f"nothing is called {name}")

    def arguments(self) -> tuple[list[str], list[str]]:
        self.take("(")
        labels, values = [], []
        while not self.sees(")"):
            label = ""
            if self.now.kind == "name" and self.tokens[self.position + 1].text == ":":
                label = self.take()
                self.take(":")
            labels.append(label)
            values.append(self.expression())
            if not self.accept(","):
                break
        self.take(")")
        return labels, values

    def call(self, name: str) -> str:
        labels, values = self.arguments()
        if name in TYPES:
            return self.conversion(name, labels, values)
        if name in {"abs", "max", "min"}:
            return f"{name}({', '.join(values)})"
        if name in self.declared.fields:
            pairs = [f"{py(k)}={v}" if k else v for k, v in zip(labels, values, strict=True)]
            return f"{name}({', '.join(pairs)})"
        full = mangled(name, labels)
        methods = self.declared.methods.get(self.struct or "", {})
        if full in methods:
            owner = self.struct if methods[full] else "self"
            return f"{owner}.{full}({', '.join(values)})"
        if full not in self.declared.functions and not self.is_first_reading:
            raise self.fail(f"no function {full}")
        return f"{full}({', '.join(values)})"

    def conversion(self, name: str, labels: list[str], values: list[str]) -> str:
        if name == "String":
            return f"S.words({values[0]})" if labels == [""] else f"({values[0]} % {values[1]})"
        if labels == ["bitPattern"] and name == "Float":
            return f"S.from_bits({values[0]})"
        if labels in (["bitPattern"], ["truncatingIfNeeded"]):
            return f"S.truncated({name!r}, {values[0]}, strict={self.strict})"
        if labels != [""]:
            raise self.fail(f"no {name}({labels})")
        if name in SIZED:
            return f"S.make_sized({name!r}, {values[0]}, strict={self.strict})"
        return {"Int": "S.to_int", "Double": "float", "Float": "S.np.float32"}[
            name
        ] + f"({values[0]})"

    def member(self, value: str) -> str:
        name = self.take()
        if self.sees("(") and not self.now.after_newline:
            return self.method(value, name)
        simple = {
            "count": f"len({value})", "isNaN": f"bool({value} != {value})",
            "isFinite": f"S.math.isfinite({value})", "rawValue": value,
            "bitPattern": f"S.bit_pattern({value})", "infinity": "S.math.inf",
        }  # fmt: skip
        if name == "bitPattern" and self.strict:
            return f"S.make_sized('UInt32', {simple[name]}, strict=True)"
        if name in simple:
            return simple[name]
        known = any(self.declared.is_member(kind, name) for kind in self.declared.fields)
        if not known and not self.is_first_reading:
            raise self.fail(f"no struct has {name}")
        return f"{value}.{py(name)}"

    def method(self, value: str, name: str) -> str:
        labels, values = self.arguments()
        full = mangled(name, labels)
        if full in PYTHON_METHODS:
            return f"{value}.{PYTHON_METHODS[full]}({', '.join(values)})"
        if full == "contains___":
            return f"({values[0]} in {value})"
        if full == "joined__separator":
            return f"{values[0]}.join({value})"
        if full == "rounded___":
            return f"S.rounded({value}, {values[0]})"
        known = {method for methods in self.declared.methods.values() for method in methods}
        if full not in known and not self.is_first_reading:
            raise self.fail(f"no method {full}")
        return f"{value}.{full}({', '.join(values)})"
