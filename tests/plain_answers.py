"""Who is the cheaper, a second time: SALib's samples through SciPy's distributions, one by one.

Written from the definitions, on the machines of `plain_machines`. Of the library it uses the rows
of the catalog and the declared defaults of `equal_speed` alone.
"""

import csv
import math

import numpy as np
from SALib.sample import sobol
from scipy import stats

import plain_machines as plain
from inference_economics import catalog
from inference_economics.quantities import DATA

SRAM = {"groq_lpu"}
UNITS = {"us": 1e-6, "GB/s": 1e9, "USD/hour": 1 / 3600, "USD/kWh": 1 / 3.6e6, "year": 31_557_600.0}
"""The units whose numbers in ranges.csv are not in base units."""
GROWTH = 1.3


def rows():
    with (DATA / "ranges.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def known(costs, year):
    """The rows that count by name: of the machines, and the latest of each price."""
    counted = [row for row in rows() if row["costs"] in ("", costs)]
    counted = [row for row in counted if int(row["year"] or 0) <= year]
    return {row["name"]: row for row in sorted(counted, key=lambda row: int(row["year"] or 0))}


def mixed(costs, sram_costs, year):
    """Prices of two kinds: one for GPUs, another for SRAM."""
    other = known(sram_costs, year)
    own = {n: row for n, row in known(costs, year).items() if chip_of(n) not in SRAM}
    return own | {n: row for n, row in other.items() if chip_of(n) in SRAM}


def chip_of(name):
    return name.rpartition(".")[0]


def values(row, case):
    """The least, the most likely and the largest value, in base units."""
    if row["distribution"] == "logstudent":
        low, high = plain.interval(case)
        return [low, case[row["name"]], high]
    return [value(row, row[column], case) for column in ("low", "likely", "high")]


def value(row, cell, case):
    if cell == "default":
        return case[row["name"]]
    if cell in catalog.constants():
        return catalog.value(cell)
    return float(cell) * UNITS.get(row["unit"], 1.0)


def at(row, share, case):
    """The values below which shares of a row's distribution lie."""
    logarithmic = row["distribution"].startswith("log")
    low, likely, high = np.log(values(row, case)) if logarithmic else values(row, case)
    width = high - low
    if row["distribution"] == "logstudent":
        found = stats.t.ppf(share, 4, (low + high) / 2, width / 2 / stats.t.ppf(0.95, 4))
    elif row["distribution"].endswith("uniform"):
        found = stats.uniform.ppf(share, low, width)
    else:
        found = stats.triang.ppf(share, (likely - low) / width, low, width)
    return np.exp(found) if logarithmic else found


def samples(ranges, number, seed, case):
    """The problem as SALib wants it, and one set of values for each row of Saltelli's scheme."""
    names = list(ranges)
    problem = {"num_vars": len(names), "names": names, "bounds": [[0.0, 1.0]] * len(names)}
    shares = sobol.sample(problem, number, calc_second_order=False, seed=seed).T
    drawn = [at(ranges[name], share, case) for name, share in zip(names, shares, strict=True)]
    return problem, [dict(zip(names, one, strict=True)) for one in zip(*drawn, strict=True)]


def likely(ranges, case):
    return {name: values(row, case)[1] for name, row in ranges.items()}


def rate(key, given):
    """What a second of a card costs."""
    if f"{key}.rent" in given:
        return given[f"{key}.rent"] / given["busy_share"]
    power = given["chip_power"] if key in SRAM else catalog.value(f"{key}.power")
    electricity = power * given["load"] * given["overhead"] * given["electricity_price"]
    price = given[f"{key}.price"]
    price += given.get(f"{key}.host", price * given.get(f"{key}.host_share", 0.0))
    return price / given["lifetime"] / given["busy_share"] + electricity


def costs_on(key, case, drawn, speeds, growth=GROWTH):
    """Cost of a token on a chip: a row for each set of values, a column for each speed."""
    case = {**case, "chip" if key in SRAM else "gpu": catalog.chip(key)}
    gpu_ways = () if key in SRAM else plain.gpu_ways(case, growth)
    found = []
    for one in drawn:
        given = {**case, **one}
        if key in SRAM:
            ways, slow = plain.sram_ways(given, given["layer_floor"], growth), 1.0
        else:
            ways, slow = gpu_ways, given["gpu_time_ratio"]
        work = [slow * plain.least(ways, speed * slow) for speed in speeds]
        found.append([rate(key, given) * seconds for seconds in work])
    return np.array(found)


def both(ranges, case, drawn, speeds, growth=GROWTH):
    """The least cost on SRAM and on GPUs, infinite where there is none: an array for each kind."""
    chips = dict.fromkeys(filter(None, map(chip_of, ranges)))
    by_chip = {key: costs_on(key, case, drawn, speeds, growth) for key in chips}
    nothing = np.full((len(drawn), len(speeds)), np.inf)
    return [
        np.min([nothing, *(cost for key, cost in by_chip.items() if (key in SRAM) == sram)], axis=0)
        for sram in (True, False)
    ]


def word(sram, gpu):
    """The answer in a word from the two costs, sample by sample."""
    wins, nobody = shares(sram, gpu)
    if nobody > catalog.value("answer.nobody_share"):
        return "nobody can"
    if wins >= catalog.value("answer.decided_share"):
        return "SRAM"
    return "GPU" if 1 - wins >= catalog.value("answer.decided_share") else "too close to call"


def shares(sram, gpu):
    """SRAM's share of the samples in which somebody can, and the share in which nobody can."""
    able = [pair for pair in zip(sram, gpu, strict=True) if min(pair) < math.inf]
    wins = sum(one < other for one, other in able) / len(able) if able else math.nan
    return wins, 1 - len(able) / len(sram)


def quantile(numbers, share):
    """The nearest of the finite numbers; none if there are none."""
    ordered = sorted(numbers)
    return ordered[round(share * (len(ordered) - 1))] if ordered else math.nan


def over(one, other):
    return math.inf if other == 0 else one / other


def ratios(sram, gpu):
    """SRAM's cost over the GPU's where somebody can; zero and infinity where one is alone."""
    pairs = zip(sram, gpu, strict=True)
    return [over(*pair) for pair in pairs if min(pair) < math.inf]
