"""ONNX files: checked, loaded, written, quantized, and rebuilt as PyTorch modules.

The doors of `formats` call it, and what derives from an ONNX file. It never runs operators of
foreign domains.
"""
