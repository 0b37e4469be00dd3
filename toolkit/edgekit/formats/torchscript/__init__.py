"""TorchScript archives, read as a zip first, and files for the lite interpreter.

The doors of `formats` call it, and the PyTorch loader. It never loads what could act on the
machine.
"""
