"""The table of a sweep: a row a point, with every parameter, every result and the provenance.

A column is named with its unit in brackets, as in the parameters cells: `batch_size [count]`. A
parameter is in the unit of its declaration, a result in its base unit. Where a point failed, its
results are empty and the column `error` says why.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from reckoner.declare.parameters import Parameter, ParameterError
from reckoner.files import whole
from reckoner.sweep.evaluate import Column, Evaluated, Sweep

ENDINGS = (".csv", ".parquet")


def check_ending(path: Path) -> None:
    """See that a table can be written under this name.

    Raises:
        ParameterError: its ending is not known.
    """
    if path.suffix not in ENDINGS:
        raise ParameterError(f"{path.name}: the table's name must end in {' or '.join(ENDINGS)}")


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

    @property
    def fields(self) -> list[pa.Field]:
        texts = pa.dictionary(pa.int32(), pa.string())
        parameters = [
            pa.field(heading(p.name, p.unit), texts if p.by_name else _number_type(p))
            for p in self.sweep.parameters
        ]
        results = [pa.field(heading(n, unit), pa.float64()) for n, unit in self.sweep.units.items()]
        notebook = ["notebook"] if self.notebooks else []
        rest = [pa.field(name, texts) for name in ("error", *notebook, *self.provenance)]
        return [*parameters, *results, *rest]

    @property
    def schema(self) -> pa.Schema:
        about = {**self.provenance, "chapter": self.sweep.chapter, **self.sweep.given}
        return pa.schema(self.fields, metadata={"sweep": json.dumps(about)})

    def batch(self, number: int, found: Evaluated) -> pa.RecordBatch:
        """The rows of a chunk."""
        values, start, stop = self.sweep.span(number)
        grid, size = self.sweep.grid(number), stop - start
        swept = {n: grid.values[n][places] for n, places in grid.places().items()}
        failed = sorted(found.errors)
        columns = [
            _parameter(p, swept.get(p.name, values[p.name]), size) for p in self.sweep.parameters
        ]
        gaps = bool(failed)
        columns += [_result(found.results[name], size, gaps) for name in self.sweep.units]
        columns += [_texts([found.errors[place] for place in failed], failed, size)]
        if self.notebooks:
            columns.append(_texts([notebook_name(number)], [0], size))
        columns += [_text(text, size) for text in self.provenance.values()]
        return pa.record_batch(columns, schema=self.schema)

    def write(self, path: Path, batches: Iterable[pa.RecordBatch]) -> None:
        """Write the table; it appears under its name once it is whole."""
        with whole(path) as partial, self._writer(partial, path.suffix) as writer:
            for batch in batches:
                writer.write_batch(batch)

    def _writer(self, path: Path, ending: str) -> Any:
        if ending == ".csv":
            return pyarrow.csv.CSVWriter(path, self.schema)
        results = {heading(name, unit) for name, unit in self.sweep.units.items()}
        few = [field.name for field in self.schema if field.name not in results]
        return pq.ParquetWriter(
            path, self.schema, use_dictionary=few, write_statistics=False, compression="snappy"
        )


def notebook_name(number: int) -> str:
    """The name of the notebook of a point."""
    return f"{number + 1:05d}.ipynb"


def _number_type(parameter: Parameter) -> pa.DataType:
    return pa.int64() if isinstance(parameter.default, int) else pa.float64()


def _parameter(parameter: Parameter, value: Any, size: int) -> pa.Array:
    if parameter.by_name:
        return _text(value, size)
    kind = np.int64 if isinstance(parameter.default, int) else np.float64
    return pa.array(np.broadcast_to(np.asarray(value, dtype=kind), size))


def _result(column: Column, size: int, gaps: bool) -> pa.Array:
    array = np.broadcast_to(np.asarray(column), size)
    return pa.array(array, mask=np.isnan(array) if gaps else None)


def _text(text: str, size: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(np.zeros(size, np.int32), [text])


def _texts(texts: list[str], places: list[int], size: int) -> pa.Array:
    """A column of text that is empty but for some places."""
    indices = np.zeros(size, np.int32)
    mask = np.ones(size, bool)
    indices[places], mask[places] = np.arange(len(places)), False
    return pa.DictionaryArray.from_arrays(
        pa.array(indices, mask=mask), pa.array(texts, pa.string())
    )
