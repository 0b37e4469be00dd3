"""Training loops. One is a module with `SUFFIX` and `fit(...)`."""
