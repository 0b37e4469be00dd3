"""ONNX Runtime's own format (`.ort`), made from the ONNX file.

The doors of `formats` call it. It never reads a model that is not ONNX.
"""
