"""Reports: `render(run) -> text`, pure."""
