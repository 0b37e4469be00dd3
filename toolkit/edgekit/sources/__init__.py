"""Where models come from. A source is a module with `SUFFIXES`, `HUB` and `load(...)`."""
