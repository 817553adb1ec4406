"""The model of serving on GPUs: its constants, the runs it was fitted on, its predictions."""
