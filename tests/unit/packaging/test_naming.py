import keyword
import re
import sys

import make
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edgekit.packaging.naming import KEYWORDS, LONGEST, names_of

# From each language's own reference, written down apart from the list under test.
KOTLIN = """
as break class continue do else false for fun if in interface is null object package return super
this throw true try typealias typeof val var when while by catch constructor delegate dynamic
field file finally get import init param property receiver set setparam value where
""".split()
SWIFT = """
associatedtype class deinit enum extension fileprivate func import init inout internal let open
operator private precedencegroup protocol public rethrows static struct subscript typealias var
break case catch continue default defer do else fallthrough for guard if in repeat return throw
switch where while any as await false is nil self super throws true try
""".split()
CPP = """
alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t
char32_t class compl concept const consteval constexpr constinit const_cast continue co_await
co_return co_yield decltype default delete do double dynamic_cast else enum explicit export extern
false float for friend goto if inline int long mutable namespace new noexcept not not_eq nullptr
operator or or_eq private protected public register reinterpret_cast requires return short signed
sizeof static static_assert static_cast struct switch template this thread_local throw true try
typedef typeid typename union unsigned using virtual void volatile wchar_t while xor xor_eq
""".split()
JAVASCRIPT = """
await break case catch class const continue debugger default delete do else enum export extends
false finally for function if import in instanceof new null return super switch this throw true
try typeof var void while with yield let static implements interface package private protected
public eval arguments undefined
""".split()
JAVA = """
abstract assert boolean break byte case catch char class const continue default do double else
enum extends final finally float for goto if implements import instanceof int interface long
native new package private protected public return short static strictfp super switch synchronized
this throw throws transient try void volatile while true false null
""".split()
WINDOWS = ["con", "prn", "aux", "nul", "com1", "lpt9"]
# Types that generated code names, and that a type of the same name would hide.
TYPES = """
Any Array Bool Boolean Byte Data Double Error Float Function Int List Map Number Object Promise
Result Self Set String Symbol Type Classifier Predictor Preprocess Spec Variant Variants
""".split()
RESERVED = {*KOTLIN, *SWIFT, *CPP, *JAVASCRIPT, *JAVA, *WINDOWS, *keyword.kwlist}

TEXTS = st.one_of(
    st.text(min_size=1, max_size=80),
    st.sampled_from(sorted(RESERVED)),
    st.sampled_from(sorted(RESERVED)).map(lambda w: w.upper().replace("_", " ")),
    st.text(st.sampled_from("aZ09_-. üß數"), min_size=1, max_size=60),
)


@given(text=TEXTS)
@example(text=make.ODD_NAME)
@example(text="3d net")
@example(text="!")
@example(text="a" * 39 + " b")
def test_any_text_gives_names_that_every_language_takes(text):
    names = names_of(text)
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", names.snake)
    assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", names.kebab)
    assert re.fullmatch(r"[A-Z][A-Za-z0-9]*", names.pascal)
    assert names.kebab == names.snake.replace("_", "-")
    assert len(names.snake) <= LONGEST + len("model__model") + 9
    assert names.snake not in RESERVED
    assert names.snake not in sys.stdlib_module_names
    assert names.pascal not in TYPES
    assert names == names_of(text)


@pytest.mark.parametrize("word", sorted(RESERVED))
def test_no_keyword_of_any_language_is_a_name(word):
    assert names_of(word).snake not in RESERVED
    assert names_of(word.upper()).snake not in RESERVED


@pytest.mark.parametrize("word", TYPES)
def test_no_type_of_the_generated_code_is_a_name(word):
    assert names_of(word).pascal not in TYPES


def test_plain_names_stay_as_they_are():
    assert names_of("mobilenet").snake == "mobilenet"
    assert names_of("MobileNet v2 1.0").pascal == "MobilenetV210"
    assert names_of("naïve café").kebab == "naive-cafe"


def test_names_without_ascii_are_told_apart():
    names = {names_of(text).snake for text in ("数", "字", "数 net", "字 net", "🙂")}
    assert len(names) == 5


def test_the_list_holds_no_duplicates_of_what_python_knows_and_only_lower_case():
    assert all(word == word.lower() for word in KEYWORDS)
