"""edgekit: which file to ship to each device, and whether it can be trusted."""

__version__ = "0.1.0"
