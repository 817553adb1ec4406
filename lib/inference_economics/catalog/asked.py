"""The rows of market.csv: what a seller asked for tokens on a day, and how fast it served them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from inference_economics.quantities import DATA
from reckoner.declare.tables import Constant, Text, read_rows

Figure = Literal["input_price", "output_price", "cached_input_price", "output_speed"]
UNITS: dict[Figure, str] = {
    "input_price": "USD/Mtoken",
    "output_price": "USD/Mtoken",
    "cached_input_price": "USD/Mtoken",
    "output_speed": "token/s",
}
Number = Annotated[float, Field(gt=0, lt=1e6, strict=True)]
Address = Annotated[str, Field(pattern=r"^[a-z0-9_]+\.[a-z0-9_]+$")]


def _number_or_address(cell: object) -> object:
    """A number where the cell starts as one does, nothing where it is empty, else as it stands."""
    text = str(cell)
    if not text:
        return None
    return float(text) if text[0].isdigit() and "_" not in text else text


Cell = Annotated[Number | Address | None, BeforeValidator(_number_or_address)]
Day = Annotated[str, Field(pattern=r"^\d{4}-\d{2}(-\d{2})?$")]


class Asked(BaseModel):
    """A row of market.csv.

    Attributes:
        id: unique in the file.
        key: its name in code; its own figures are catalog rows, `key.input_price` and so on.
        date: the day of the table that has the prices, the latest on which they were new.
        seller: who asks them.
        chip_kind: what the seller runs; a dataflow chip has HBM and DRAM beside its SRAM.
        model: the model, for readers.
        shape: key of the catalog's model of that shape, where it has one.
        size_class: parameters of a dense model, or "mixture" for a mixture of experts.
        input_price: USD per million tokens, or the address of the row that has it already.
        output_price: the same for tokens written.
        cached_input_price: the same for input found in the cache, where it is asked separately.
        output_speed: speed of one request in token/s, or an address; empty where none was seen.
        speed_date: when that speed was published.
        speed_kind: measured by a third party, or claimed by the seller.
        verified: whether the prices were seen in the source's text.
        source: who says so.
        locator: where exactly.
        note: doubts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Text
    key: Text
    date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    seller: Text
    chip_kind: Literal["gpu", "sram", "wafer", "dataflow"]
    model: Text
    shape: str
    size_class: Literal["8B", "70B", "405B", "mixture"]
    input_price: Cell
    output_price: Cell
    cached_input_price: Cell
    output_speed: Cell
    speed_date: Day | Literal[""]
    speed_kind: Literal["", "measured", "claimed"]
    verified: bool
    source: Text
    locator: Text
    note: str

    @model_validator(mode="after")
    def _complete(self) -> Asked:
        for name in ("input_price", "output_price"):
            if getattr(self, name) is None:
                raise ValueError(f"{name}: is empty; write USD per million tokens or an address")
        for name in ("speed_date", "speed_kind"):
            if bool(getattr(self, name)) != (self.output_speed is not None):
                raise ValueError(f"{name}: goes with output_speed; fill both or neither")
        return self

    def address(self, figure: Figure) -> str | None:
        """Where the catalog has a figure; None if the row has none."""
        cell = getattr(self, figure)
        return f"{self.key}.{figure}" if isinstance(cell, float) else cell

    def constants(self) -> Iterator[Constant]:
        """The figures that the row holds itself, as rows of the catalog."""
        for figure, unit in UNITS.items():
            if isinstance(getattr(self, figure), float):
                yield Constant(
                    id=self.id,
                    key=self.key,
                    subject=f"{self.seller}, {self.model} ({self.date})",
                    quantity=figure,
                    value=getattr(self, figure),
                    unit=unit,
                    verified=self.verified,
                    source=self.source,
                    locator=self.locator,
                    note=self.note,
                )


def asked() -> list[Asked]:
    """Every row of market.csv.

    Raises:
        DataError: a row is wrong; the message names file, row and column.
    """
    return read_rows(DATA / "market.csv", Asked, unique=("id", "key"))
