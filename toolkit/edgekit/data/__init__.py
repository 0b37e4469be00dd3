"""Data sets. One is a module with `matches(ref)` and `open_dataset(ref)`."""
