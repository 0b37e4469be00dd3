"""Packages for apps: what becomes of a `Content`, one module for each kind. Pure: no file is read.

`SUFFIX` is the archive's: `.zip`, `.tgz` or `.whl`. `FORMATS` are those that the kind can run.
`TAKES` says what its code can hand to a model: `("image", "tensors")`, fewer, or `()` for all.

`refusal(artifact) -> str | None` names why a file of those formats cannot be carried.
`name(content) -> str` is the archive's file name without suffix.
`home(content) -> str` is the folder inside the archive, `""` or ending in `/`, that README.md,
manifest.json, sbom.cdx.json and manifest.sig.json go to.
`files(content) -> dict` maps every other path in the archive to its bytes; it places the assets.
`dependencies(content) -> tuple[Dependency, ...]` is what an app needs beside the package.
`usage(content) -> str` is the README's Markdown of how to add it, call it and run the self-test.
`finish(files) -> dict`, where there is one, returns the files that are made from all the others.
"""
