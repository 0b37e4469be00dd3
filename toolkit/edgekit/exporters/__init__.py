"""Formats that edgekit makes.

An exporter is a module with

- `SUFFIX`, and `RUNTIME`: what runs the file here, or None;
- `HUBS`: what it starts from, the nearest first. Where "torch" is one of them, ONNX files come as
  PyTorch modules, and models of TensorFlow as their ONNX file;
- `PACKAGES` that it needs, `RECIPES` that it knows, `refusal(recipe)`: why not, or None;
- `export(model, recipe, samples, path, card) -> Exported`, for a batch of 1;
- `derives_from(hub, recipe)`, where some files are made from an fp32 file: its format, or None.
"""
