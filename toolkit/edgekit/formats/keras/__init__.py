"""Keras models (`.keras`, `.h5`, factories): checked as files, loaded, traced and trained.

The doors of `formats` call it, and exporters that start from Keras. It never writes a mobile
format.
"""
