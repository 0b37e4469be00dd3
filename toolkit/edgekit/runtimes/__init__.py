"""What runs on the device: stdlib, numpy and the runtime, nothing else of edgekit.

A runtime is a module with `prepare()`, `version()` and `open_session(path, threads, kernels)`; a
session has `run(inputs) -> outputs`, both lists of arrays, and `delegation()`.
"""
