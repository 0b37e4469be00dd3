"""ExecuTorch programs (`.pte`): PyTorch modules, lowered; an `exporter_*.py` for each delegate.

The doors of `formats` call it. It never starts from anything but a PyTorch module.
"""
