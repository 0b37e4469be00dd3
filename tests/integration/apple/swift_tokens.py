"""Tokens of Swift sources: all of the language that the packages' pure sources use."""

import re
from dataclasses import dataclass

OPERATORS = (
    "..<", "...", "->", "&&", "||", "??", "==", "!=", "<=", ">=", "+=", "-=", "<<", ">>",
)  # fmt: skip
TOKEN = re.compile(
    r"(?P<space>[ \t\n]+|//[^\n]*)"
    r"|(?P<number>0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:e[+-]?\d+)?)"
    r"|(?P<name>[@#]?[A-Za-z_][A-Za-z0-9_]*|\$\d)"
    rf"|(?P<operator>{'|'.join(map(re.escape, OPERATORS))}|[-+*/%&|<>=!?:.,;(){{}}\[\]])"
)
ESCAPE = re.compile(r'\\(?:u\{([0-9a-f]+)\}|(["\\nt0]))')
PLAIN_ESCAPES = {'"': '"', "\\": "\\", "n": "\n", "t": "\t", "0": "\0"}


class SwiftSyntaxError(Exception):
    """A construct outside the subset that is translated."""


@dataclass(frozen=True)
class Token:
    """`kind` is name, number, operator, string or end; a string's parts are text or sources."""

    kind: str
    text: str
    line: int
    after_newline: bool
    parts: tuple[tuple[str, str], ...] = ()


def tokens(source: str) -> list[Token]:
    found, at, fresh = [], 0, True
    while at < len(source):
        line = source.count("\n", 0, at) + 1
        if source[at] == '"':
            parts, after = _string(source, at + 1)
            found.append(Token("string", source[at:after], line, fresh, parts))
            at, fresh = after, False
            continue
        match = TOKEN.match(source, at)
        if match is None:
            raise SwiftSyntaxError(f"line {line}: {source[at : at + 20]!r}")
        if match.lastgroup == "space":
            fresh = fresh or "\n" in match.group()
        else:
            found.append(Token(match.lastgroup or "", match.group(), line, fresh))
            fresh = False
        at = match.end()
    found.append(Token("end", "", source.count("\n") + 1, True))
    return found


def _string(source: str, at: int) -> tuple[tuple[tuple[str, str], ...], int]:
    """Return the parts of the literal whose text begins at `at`, and where it ends."""
    parts, text = [], ""
    while source[at] != '"':
        if source.startswith("\\(", at):
            end = _closing(source, at + 2)
            parts += [("text", text), ("source", source[at + 2 : end])]
            text, at = "", end + 1
        elif source[at] == "\\":
            match = ESCAPE.match(source, at)
            if match is None:
                raise SwiftSyntaxError(f"escape {source[at : at + 10]!r}")
            text += chr(int(match[1], 16)) if match[1] else PLAIN_ESCAPES[match[2]]
            at = match.end()
        elif source[at] == "\n":
            raise SwiftSyntaxError(f"a string without an end: {text!r}")
        else:
            text, at = text + source[at], at + 1
    return (*parts, ("text", text)), at + 1


def _closing(source: str, at: int) -> int:
    """Return where the parenthesis of an interpolation closes."""
    depth = 0
    while depth or source[at] != ")":
        if source[at] == '"':
            at = _string(source, at + 1)[1]
            continue
        depth += {"(": 1, ")": -1}.get(source[at], 0)
        at += 1
    return at
