import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_generated_pages_are_what_the_code_says(monkeypatch):
    monkeypatch.setenv("COLUMNS", "90")
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    for path, text in generate.pages().items():
        assert path.read_text() == text, f"{path} is stale: run make docs"
