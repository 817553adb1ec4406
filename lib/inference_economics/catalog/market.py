"""Prices that sellers asked for tokens, dated, with the speed at which they served them."""

from __future__ import annotations

from dataclasses import dataclass

from inference_economics.catalog.asked import UNITS, Asked, Figure, asked
from inference_economics.catalog.constants import constants, model_names, value
from reckoner.declare.tables import DataError
from reckoner.declare.units import base_unit


@dataclass(frozen=True)
class Offer:
    """What a seller asked on a day; its figures are in base units.

    Args:
        row: the row of market.csv: seller, date, chip_kind, model, shape and so on.
    """

    row: Asked

    def value(self, figure: Figure) -> float | None:
        """A figure in USD/token or token/s; None where the row has none. A trace notes it."""
        address = self.row.address(figure)
        return None if address is None else value(address)

    @property
    def input_price(self) -> float:
        """Price of an input token in USD."""
        return self._asked("input_price")

    @property
    def output_price(self) -> float:
        """Price of an output token in USD."""
        return self._asked("output_price")

    @property
    def cached_input_price(self) -> float | None:
        """Price of an input token found in the cache in USD, where it is asked separately."""
        return self.value("cached_input_price")

    @property
    def output_speed(self) -> float | None:
        """Speed of one request in token/s, where one was seen."""
        return self.value("output_speed")

    @property
    def verified(self) -> bool:
        """Whether every figure of the offer was seen in its source's text."""
        addresses = filter(None, map(self.row.address, UNITS))
        return all(constants()[address].verified for address in addresses)

    def _asked(self, figure: Figure) -> float:
        found = self.value(figure)
        assert found is not None, f"{self.row.key}: its reader lets no row without {figure} pass"
        return found


def offers() -> list[Offer]:
    """Every offer, oldest first.

    Raises:
        DataError: a row is wrong, or names a figure or a model that the catalog does not have.
    """
    return [Offer(_checked(row)) for row in sorted(asked(), key=lambda row: (row.date, row.key))]


def _checked(row: Asked) -> Asked:
    for figure, unit in UNITS.items():
        address = row.address(figure)
        found = constants().get(address) if address else None
        if address and (found is None or base_unit(found.unit) != base_unit(unit)):
            raise DataError(
                f"market.csv, row {row.id!r}, column {figure!r}: the catalog has no figure in "
                f"{unit} at {address!r}"
            )
    if row.shape and row.shape not in model_names():
        raise DataError(
            f"market.csv, row {row.id!r}, column 'shape': no model {row.shape!r} in model_names.csv"
        )
    return row
