"""The quantity table: each name that a formula uses, with its symbol and meaning."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from reckoner.declare.formulas import Formulary, Symbol
from reckoner.declare.tables import Text, read_rows

DATA = Path(__file__).parent / "data"


class Quantity(BaseModel):
    """A row of quantities.csv: a name in code, its symbol (LaTeX) and its meaning."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Text
    symbol: Text
    meaning: Text


def _symbols() -> dict[str, Symbol]:
    rows = read_rows(DATA / "quantities.csv", Quantity, unique=("name",))
    return {row.name: Symbol(row.symbol, row.meaning) for row in rows}


formulary = Formulary(_symbols())
formula = formulary.formula
