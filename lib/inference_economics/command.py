"""The command `spacetime`: chapters rerun and swept, measured runs predicted."""

import sys
from pathlib import Path

from reckoner import stopping

if __name__ == "__main__" or Path(sys.argv[0]).name == "spacetime":
    stopping.quietly()

from inference_economics.book import BOOK
from inference_economics.serving.command import command as predict
from reckoner.command.main import command_of

ROOT = Path(__file__).parents[2]
main = command_of(BOOK, ROOT, "spacetime")
main.add_command(predict)

if __name__ == "__main__":
    main(prog_name="spacetime")
