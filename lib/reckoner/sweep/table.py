"""The table of a sweep: a row a point, with every parameter, every result and the provenance.

A column is named with its unit in brackets, as in the parameters cells: `batch_size [count]`. A
parameter is in the unit of its declaration, a result in its base unit; a result of a parameter's
name and unit only repeats it, and has no column of its own. Where a point failed, its results are
empty and the column `error` says why.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from reckoner.declare.parameters import Parameter
from reckoner.files import whole
from reckoner.sweep.points import Sweep

_TEXT = pa.dictionary(pa.int32(), pa.string())


def heading(name: str, unit: str) -> str:
    """The heading of a column."""
    return f"{name} [{unit}]"


@dataclass(frozen=True)
class Table:
    """The table of a sweep.

    Args:
        sweep: the points.
        provenance: what stands in every row.
        notebooks: whether there is a column with the name of each point's notebook.
    """

    sweep: Sweep
    provenance: Mapping[str, str]
    notebooks: bool = False

    @cached_property
    def results(self) -> dict[str, str]:
        """The heading of each result; none is a parameter's, whose name no result has."""
        return {name: heading(name, unit) for name, unit in self.sweep.units.items()}

    @cached_property
    def schema(self) -> pa.Schema:
        parameters = [(heading(p.name, p.unit), _type(p)) for p in self.sweep.parameters]
        results = [(text, pa.float64()) for text in self.results.values()]
        rest = ("error", *["notebook"] * self.notebooks, *self.provenance)
        about = {**self.provenance, "chapter": self.sweep.chapter, **self.sweep.given}
        return pa.schema(
            [*parameters, *results, *((name, _TEXT) for name in rest)], {"sweep": json.dumps(about)}
        )

    def batch(self, number: int, found: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of a chunk for which `evaluate` gave what is found."""
        points = self.sweep.span(number)
        combination = pa.array(np.arange(points.start, points.stop) // self.sweep.each)
        numbers = self.sweep.columns(points)
        parameters = [
            pa.array(numbers[p.name]).cast(_type(p))
            if p.name in numbers
            else self._chosen[p.name].take(combination)
            for p in self.sweep.parameters
        ]
        results = [found.column(name) for name in self.results]
        texts = [notebook_name(number)] * self.notebooks + [*self.provenance.values()]
        same = np.zeros(len(points), np.int32)
        rest = [pa.DictionaryArray.from_arrays(same, [text]) for text in texts]
        errors = found.column("error").dictionary_encode()
        return pa.record_batch([*parameters, *results, errors, *rest], schema=self.schema)

    @cached_property
    def _chosen(self) -> dict[str, pa.Array]:
        """The values of each parameter for the combinations of names."""
        return {
            p.name: pa.array([v[p.name] for v in self.sweep.combinations], _type(p))
            for p in self.sweep.parameters
        }

    def write(self, path: Path, batches: Iterable[pa.RecordBatch]) -> None:
        """Write the table; it appears under its name once it is whole."""
        with whole(path) as partial, self._writer(partial) as writer:
            for batch in batches:
                writer.write_batch(batch)

    def _writer(self, path: Path) -> Any:
        if path.suffix == ".csv":
            return pyarrow.csv.CSVWriter(path, self.schema)
        few = [name for name in self.schema.names if name not in self.results.values()]
        return pq.ParquetWriter(path, self.schema, use_dictionary=few, write_statistics=False)


def notebook_name(number: int) -> str:
    """The name of the notebook of a point."""
    return f"{number + 1:05d}.ipynb"


def _type(parameter: Parameter) -> pa.DataType:
    if parameter.by_name:
        return _TEXT
    return pa.int64() if isinstance(parameter.default, int) else pa.float64()
