"""Formats that edgekit makes.

An exporter is a module with `SUFFIX`, `RUNTIME`, `HUBS`, `PACKAGES`, `refusal(recipe)`,
`derives_from(recipe)` and `export(model, recipe, samples, path) -> Exported`.
"""
