"""PyTorch models: exported programs, weights and factories, loaded and trained.

The doors of `formats` call it. It never unpickles code.
"""
