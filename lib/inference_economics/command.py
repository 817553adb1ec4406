"""The command `spacetime`: chapters rerun and swept, runs predicted, a machine measured."""

import sys
from pathlib import Path

from reckoner import stopping

if __name__ == "__main__" or Path(sys.argv[0]).name == "spacetime":
    stopping.quietly()

from inference_economics.book import BOOK
from inference_economics.measure.command import command as measure
from inference_economics.serving.command import command as predict
from reckoner.command.main import command_of

ROOT = Path(__file__).parents[2]
main = command_of(BOOK, ROOT, "spacetime")
main.add_command(predict)
main.add_command(measure)

if __name__ == "__main__":
    main(prog_name="spacetime")
