"""ATen graphs, as `torch.export` gives them: what every exporter from PyTorch needs done first.

Rooms of formats that start from a PyTorch module call this. It never knows what a format can do,
and never reads or writes a file.
"""
