"""TensorFlow SavedModels: their graphs are looked at before TensorFlow loads them.

The doors of `formats` call it. It never runs an operator that acts outside of the model.
"""
