"""TensorFlow Lite (LiteRT) files: converted, quantized, versioned, described and read.

The doors of `formats` call it, and whoever has to read the flatbuffer. It never judges a file on
samples.
"""
