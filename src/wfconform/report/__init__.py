"""Reports: pure functions of a `Run`, one module for each form."""
