import json

import make

from edgekit import reports
from edgekit.core.run import Run
from edgekit.pipeline import recipes

RECIPES = recipes.shipped()


def test_json_is_the_run_and_its_choices():
    run = make.run()
    data = json.loads(reports.load("json").render(run))
    assert data.pop("choices")[0]["target"] == "board"
    assert Run.model_validate(data) == run


def test_markdown_has_the_table_the_choice_and_the_reasons():
    run = make.run(targets=[make.target({"latency_p95_ms": make.limit(max=5)})])
    text = reports.load("markdown").render(run)
    assert "| m | tflite | int8 | ok | 1 kB |" in text
    assert "open: latency" in text
    assert "board: **latency_p95_ms** not_measured, limit 5 ms, for 1 file" in text


def test_markdown_escapes_what_would_break_the_table():
    named = make.artifact(card=make.ModelCard(name="a|b"))
    assert "a\\|b" in reports.load("markdown").render(make.run(artifacts=[named]))


def test_rendering_is_pure():
    for name in reports.names():
        report = reports.load(name)
        assert report.render(make.run()) == report.render(make.run())


def test_markdown_says_on_which_kind_of_cpu_where_another_would_differ():
    recipe = RECIPES["int8"].model_copy(update={"exact_cpu": True})
    measured = make.measurement(host="Test CPU x2", cpu_features=("avx2", "avx512_vnni"))
    render = reports.load("markdown").render
    alike = render(make.run(measurements=[measured]))
    assert "CPU features of Test CPU x2: avx2, avx512_vnni" in alike
    assert "VNNI" not in alike
    differs = render(make.run(artifacts=[make.artifact(recipe=recipe)], measurements=[measured]))
    assert "x86 CPUs without VNNI give other figures" in differs
    assert "| m | tflite | int8 (exact CPU) |" in differs
