"""The units that formulas carry in their annotations; all in base units, scalar or array.

A value may be a float, a NumPy or Dask array, a pandas Series, a pint quantity or an Altair
expression; arrays broadcast against each other.
"""

from typing import Annotated, Any

Bytes = Annotated[Any, "B"]
BytesPerToken = Annotated[Any, "B/token"]
BytesPerSecond = Annotated[Any, "B/s"]
Flop = Annotated[Any, "FLOP"]
FlopPerSecond = Annotated[Any, "FLOP/s"]
OpPerSecond = Annotated[Any, "op/s"]
Seconds = Annotated[Any, "s"]
Hertz = Annotated[Any, "Hz"]
Watts = Annotated[Any, "W"]
Joules = Annotated[Any, "J"]
Dollars = Annotated[Any, "USD"]
DollarsPerThroughput = Annotated[Any, "USD/(token/s)"]
DollarsPerToken = Annotated[Any, "USD/token"]
DollarsPerJoule = Annotated[Any, "USD/J"]
DollarsPerSecond = Annotated[Any, "USD/s"]
SecondsPerToken = Annotated[Any, "s/token"]
TokensPerSecond = Annotated[Any, "token/s"]
TokensPerJoule = Annotated[Any, "token/J"]
WordsPerSecond = Annotated[Any, "word/s"]
OpPerWord = Annotated[Any, "op/word"]
Tokens = Annotated[Any, "token"]
Count = Annotated[Any, "count"]
Ratio = Annotated[Any, "ratio"]
Share = Annotated[Any, "share"]
RequestsPerSecond = Annotated[Any, "request/s"]
