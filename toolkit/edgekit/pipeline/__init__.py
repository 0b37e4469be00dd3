"""A job from its settings to its record.

`cli` calls it. It never prints, and never asks a terminal.
"""
