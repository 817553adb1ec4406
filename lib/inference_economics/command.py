"""The command `spacetime`: this book's chapters rerun and swept from a command line.

A further subcommand is a click command added to `main`:

    @main.command()
    def predict() -> None:
        ...
"""

from pathlib import Path

from inference_economics.book import BOOK
from reckoner.command import command_of

ROOT = Path(__file__).parents[2]
main = command_of(BOOK, ROOT, "spacetime")

if __name__ == "__main__":
    main(prog_name="spacetime")
