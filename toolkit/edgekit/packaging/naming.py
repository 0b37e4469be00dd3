"""Names: what a package's module, class and archive are called, from whatever a model is called.

One plain name serves every language, so that it is no keyword and no standard module of any.
"""

import hashlib
import keyword
import re
import sys
import unicodedata

from edgekit.core.noun import Noun

# Of Kotlin and Java, Swift, C++ and JavaScript; Python's come from Python. Then devices of Windows,
# and types that generated code names. Lower case only: a name made here holds no other.
KEYWORDS = frozenset(
    """
    abstract alignas alignof and any as asm assert associatedtype async atomic auto await bitand
    bitor bool boolean break by byte case catch char class companion compl concept const consteval
    constexpr constinit constructor continue crossinline data debugger decltype default defer
    deinit delegate delete do double dynamic else enum eval export extends extension extern
    external fallthrough false field fileprivate final finally float for friend fun func function
    get goto guard if implements import in indirect infix init inline inner inout instanceof int
    interface internal is lateinit lazy let long main module mutable mutating namespace native new
    nil noexcept noinline nonmutating not null nullptr object open operator optional or out
    override package param precedence prefix postfix private property protected protocol public
    receiver reflexpr register reified repeat required requires rethrows return sealed self set
    setparam short signed sizeof some static struct subscript super suspend switch synchronized
    tailrec template this throw throws transient true try type typealias typedef typeid typename
    typeof undefined union unowned unsigned using val value var vararg virtual void volatile weak
    when where while with xor yield arguments std tflite tensorflow android java kotlin swift
    foundation edgekit numpy pil arduino litert
    executorch torch onnxruntime onnx coreml node con prn aux nul
    and_eq char16_t char32_t char8_t co_await co_return co_yield const_cast dynamic_cast explicit
    file not_eq or_eq precedencegroup reinterpret_cast static_assert static_cast strictfp
    thread_local wchar_t xor_eq
    com1 com2 com3 com4 com5 com6 com7 com8 com9 lpt1 lpt2 lpt3 lpt4 lpt5 lpt6 lpt7 lpt8 lpt9
    array classifier error function list map number predictor preprocess promise result spec
    symbol variant variants
    """.split()  # noqa: SIM905 - a line each would be two pages
)
LONGEST = 40


class Names(Noun):
    """One name in the forms that languages want: all ASCII, none of them reserved.

    `snake` for modules, namespaces and assets; `kebab` for archives and registries; `pascal` for
    types.
    """

    snake: str
    kebab: str
    pascal: str


def names_of(text: str) -> Names:
    """Return the names for a model called `text`.

    Accents are dropped; what has no ASCII form at all is told apart by a digest of `text`.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", plain)
    snake = "_".join(words)[:LONGEST].strip("_")
    if not words or _lost_letters(text):
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        snake = f"{snake}_{digest}" if snake else f"model_{digest}"
    if snake[0].isdigit():
        snake = f"model_{snake}"
    if snake in KEYWORDS or keyword.iskeyword(snake) or snake in sys.stdlib_module_names:
        snake = f"{snake}_model"
    parts = snake.split("_")
    return Names(
        snake=snake, kebab="-".join(parts), pascal="".join(part.capitalize() for part in parts)
    )


def _lost_letters(text: str) -> bool:
    """Whether a letter or digit of `text` has no ASCII form, so that two names could become one."""
    folded = unicodedata.normalize("NFKD", text)
    return any(c.isalnum() and not c.isascii() for c in folded)
