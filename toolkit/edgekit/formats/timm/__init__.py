"""Architectures of PyTorch Image Models, by name.

The doors of `formats` call it. It never downloads unless the user asked.
"""
