"""Where a runtime runs. A device is a module with `GRADE` and `measure(request, folder)`."""
