import json

import make

from edgekit import reports
from edgekit.core.run import Run


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
