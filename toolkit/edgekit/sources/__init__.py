"""What the user means by MODEL: a file, a folder, a zoo name, `file.py:factory`, `hf:` or `timm:`.

`cli` and `pipeline` come in by `open.open_model`, for a model ready for a job, and by
`inspect.inspect`. `resolve` tells what a reference is and finds the source behind it, `cards` finds
its card. The process that asks never loads a model, imports a framework or prints; `huggingface`
alone may ask the network, where the user said so.
"""
