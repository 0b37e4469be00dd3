"""Core ML packages (`.mlpackage`): written and read here, run on Apple's devices only.

The doors of `formats` call it. It never loads a model to predict with it.
"""
