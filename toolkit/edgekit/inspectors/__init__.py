"""What a model file says about itself: `inspect(path) -> facts`, for files with `SUFFIXES`."""
