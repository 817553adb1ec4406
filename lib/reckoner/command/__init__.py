"""The command line: a chapter rerun, its parameters listed, papermill's checks."""
