import make
import pytest

from edgekit.core.measurement import Metric
from edgekit.core.preprocess import Preprocess
from edgekit.core.verdict import Check, Status
from edgekit.packaging.nouns import Dependency
from edgekit.packaging.readme import inline, readme

NEEDS = (Dependency(name="litert", version="1.4.0", licence="Apache-2.0", purl="pkg:x/litert"),)


def text_of(content, needs=(), usage="Call it.", archive="x.zip"):
    return readme(content, needs, usage, archive)


def with_verdict(content, *checks):
    variant = content.first
    verdict = variant.verdict.model_copy(update={"checks": checks})
    changed = variant.model_copy(update={"verdict": verdict})
    return content.model_copy(update={"variants": (changed, *content.variants[1:])})


def test_it_says_what_why_how_and_how_to_check():
    text = text_of(make.content(why="smallest of 3 that did not fail"), NEEDS)
    for part in (
        "# tiny 1.0.0", "smallest of 3 that did not fail", "Board (`board`)", "Call it.",
        "litert 1.4.0 (Apache-2.0)", "+0.10 [-0.50, +0.70] points, n = 500",
        "Model: Apache-2.0. Data: free for tests.", "Scale until 8x8 pixels are covered",
        "mean `[0.0]`", "Lay out as NHWC", "edgekit verify x.zip --run", "the host that",
        f"sha256 `{'5' * 64}`", "The model's card does not say.",
    ):  # fmt: skip
        assert part in text, part
    assert "DO NOT SHIP" not in text


def test_a_failed_file_is_shouted_before_anything_else():
    text = text_of(make.content(failed=True))
    assert text.index("DO NOT SHIP THIS: A FILE IN IT FAILED") < text.index("## ")
    assert "`tiny-fp32.tflite` failed size_bytes" in text
    assert "| size_bytes | **FAIL** | 4.59 kB | 1 B |" in text


@pytest.mark.parametrize(
    ("status", "word"), [(Status.UNDECIDED, "undecided"), (Status.NOT_MEASURED, "not measured")]
)
def test_open_checks_stand_in_the_table_and_under_limits(status, word):
    check = Check(name="latency_p95_ms", status=status, limit=33.3, unit="ms", why="no device")
    text = text_of(with_verdict(make.content(), check))
    assert f"| latency_p95_ms | {word} | - | 33.3 ms | - | no device |" in text
    assert f"`tiny-fp32.tflite`: {word}: latency_p95_ms." in text.split("## Limits")[1]


def test_every_variant_has_its_row_and_its_checks():
    artifacts = [make.tiny_artifact(), make.tiny_artifact(recipe="int8-io8")]
    text = text_of(make.content(artifacts=artifacts))
    for file in ("tiny-fp32.tflite", "tiny-int8-io8.tflite"):
        assert f"| `{file}` |" in text
        assert f"Every check of `{file}` for `board`:" in text
    assert "to choose from at run time" in text


def test_accuracy_has_its_interval_and_n():
    metric = Metric(name="accuracy", value=0.912, low=0.885, high=0.933, unit="fraction", n=539)
    content = make.content()
    measured = content.first.measured.model_copy(update={"metrics": (metric,)})
    variant = content.first.model_copy(update={"measured": measured})
    text = text_of(content.model_copy(update={"variants": (variant,)}))
    assert "accuracy 91.20 [88.50, 93.30] %, n = 539" in text


def test_a_file_that_was_not_run_is_said_so():
    content = make.content()
    variant = content.first.model_copy(update={"measured": None, "verdict": None})
    text = text_of(content.model_copy(update={"variants": (variant,), "target": None}))
    assert "was not run where it was made: nothing of it was measured" in text
    assert "was judged for no target" in text
    assert "no budget was checked" in text


def test_many_labels_are_counted_and_the_first_are_shown():
    text = text_of(make.content_for("zip", classes=10_000))
    assert "10000, in the order of the outputs: 0: class 0, 1: class 1" in text
    assert "class 10" not in text
    assert len(text) < 10_000


def test_plain_inputs_are_described_without_pictures():
    content = make.content(takes_image=False)
    plain = Preprocess(scale=0.5, mean=(0.0, 0.1), std=(1.0, 2.0))
    variant = content.first.model_copy(update={"preprocesses": (plain,)})
    text = text_of(content.model_copy(update={"variants": (variant,)}))
    assert "1. In float32: `(x * 0.5 - mean) / std`, mean `[0.0, 0.1]`, std `[1.0, 2.0]`" in text
    assert "EXIF" not in text


def test_odd_names_and_labels_are_shown_and_not_obeyed():
    card = make.tiny_card('<img src=x onerror="a()"> `x` | *y*', make.ODD_LABELS, description=(
        "# no heading\n===\n\n- no list\n\n1. no number\n\n<script>alert(1)</script>"
    ))  # fmt: skip
    text = text_of(make.content(artifacts=[make.tiny_artifact(card=card)]))
    assert "<img" not in text
    assert "<script" not in text
    assert "<b>" not in text
    assert "\\| \\`x\\` \\|" in text
    for line in text.splitlines():
        assert not line.startswith(("# no", "===", "- no", "1. no"))
    columns = {line.count(" | ") for line in text.splitlines() if line.startswith("| file")}
    assert columns == {5}


def test_inline_text_stays_on_one_line_and_in_order():
    assert inline("a\nb\tc\u2028d") == "a b c d"
    assert inline("abc\u202egnp.exe") == "abcgnp.exe"
    assert inline("\x1b[31mred") == "\\[31mred"
    assert inline("latency_p95_ms") == "latency_p95_ms"
    assert inline("_a_") == "\\_a\\_"
    assert inline("a & b <c>") == "a &amp; b &lt;c&gt;"
