"""`python -m edgekit`, the same as the console script."""

from edgekit.cli.app import main

main()
