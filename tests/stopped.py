"""The book's command as a person runs it: Ctrl-C reaches it, though whoever runs the tests may
have it ignored."""

INTERRUPTIBLE = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "from inference_economics.command import main; main()"
)
"""Code for `python -c`."""
