"""Packages for apps: `package(run, artifact, target, run_folder, output) -> Package`."""
