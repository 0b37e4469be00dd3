import pytest

from edgekit.core.reason import HEAD, TAIL, reason


def test_a_short_message_is_itself_in_one_line():
    assert reason(ValueError("no\n  such layer ")) == "no such layer"


def test_without_words_the_kind_is_the_reason():
    assert reason(KeyError()) == "KeyError"


@pytest.mark.parametrize("after", ["While executing %x", "Traceback (most recent call last):"])
def test_what_is_printed_after_the_reason_is_left_out(after):
    assert reason(RuntimeError(f"cannot lower aten.x\n\n{after}\n  and much more")) == (
        "cannot lower aten.x"
    )


def test_of_a_long_message_both_ends_are_kept():
    said = reason(RuntimeError("begin " + "x" * 9999 + " the reason at last"))

    assert said.startswith("begin ")
    assert said.endswith("the reason at last")
    assert len(said) <= HEAD + TAIL + 5
