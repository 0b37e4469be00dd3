"""What the operating system gives: files, processes, installed packages.

Every room above calls it. It never knows anything of models.
"""
