"""The pictures and the turns of phrase of the chapter `spatial_computing`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from IPython.display import HTML, Markdown

from inference_economics import catalog
from inference_economics.formulas import spatial_computing as spatial
from inference_economics.machines.circuit import Slot
from reckoner.declare.units import roughly, shown
from reckoner.show import charts
from reckoner.show.claims import printed
from reckoner.show.figures import colour
from reckoner.show.notebook import Chapter

GROUP = "FPGAs that share the model (count)"
SPEED = charts.Axis("Speed per FPGA (inputs/s)", log=True)
MACHINES = charts.Axis("Machines in the network (count)", log=True)
TRIP = charts.Axis("Mean round trip (µs)", log=True)
REUSES = np.array([1, 4, 16, 64])
"""Inputs that share one reading of the weights."""


def how_sure(chapter: Chapter) -> str:
    """Whether the FPGA's compute was seen in its source."""
    address = f"{chapter.inputs.fpga.key}.narrow_compute"
    seen = address in catalog.constants() and catalog.constant(address).verified
    return "as published" if seen else "a figure not checked against its source"


def dram_against_article(chapter: Chapter) -> str:
    """Whether the DRAM's bandwidth is the article's."""
    claim = chapter.book.ledger["ddr4-bandwidth"]
    same = chapter.inputs.dram_bandwidth == claim.printed_values[0]
    return ", as in the article" if same else f", where the article has {printed(claim)}"


def gigabits(bandwidth: float) -> str:
    """A link's bandwidth as it is sold."""
    return f"{shown(8 * bandwidth / 1e9, 'count')} Gbit/s"


def speed_of_groups(chapter: Chapter, count: Any, link_bandwidth: float) -> Any:
    """Inputs per second and FPGA in groups of several sizes."""
    given, results = chapter.inputs, chapter.results
    sending = spatial.boundary_time(given.reuse, results.boundary_bytes, link_bandwidth)
    return spatial.speed_of_shards(
        given.fpga, given.model_size, results.pass_operations, given.reuse, sending,
        given.dram_bandwidth, count,
    )  # fmt: skip


def speed_against_group(chapter: Chapter) -> HTML:
    """The speed of each FPGA rising until the model fits, and falling once the links limit."""
    results = chapter.results
    fit = int(results.fpgas_to_fit)
    last = int(max(4 * fit, 2.5 * results.fpgas_at_link_limit, 12))
    steps = np.geomspace(1, last, 300).round()
    count = np.unique(np.concatenate([steps, [max(1, fit - 1), fit]]))
    across = charts.Axis(GROUP, log=True, scale={"domain": [1, 8 * last], "nice": False})
    rates = (chapter.inputs.link_bandwidth, chapter.lines.cable)
    curves = {gigabits(rate): (count, speed_of_groups(chapter, count, rate)) for rate in rates}
    styles = (charts.Style("1"), charts.Style("2", (4, 2)))
    kinds = dict(zip(curves, styles, strict=False))
    ends = [(name, kinds[name].colour, speeds[-1]) for name, (_, speeds) in curves.items()]
    alone, label = "one FPGA, all from DRAM", f"{fit:,} FPGAs: the model fits"
    streamed, fitted = results.streamed_speed, results.fitted_speed
    said = charts.table(curves)
    few = said["x"].isin([*count[:: max(1, len(count) // 16)], fit])
    return chapter.drawn(
        charts.without_legend(charts.lines(curves, across, SPEED, kinds)),
        *(
            charts.texts(last, end, [name], across, SPEED, dx=4, color=colour(hue))
            for name, hue, end in ends
        ),
        charts.rules(streamed, SPEED, across=True, strokeDash=[2, 3]),
        charts.heights(streamed, [alone], SPEED, dy=11),
        charts.points(fit, fitted, across, SPEED, "text", size=90),
        charts.texts(fit, fitted, [label], across, SPEED, dx=-4, dy=-14),
        title=(
            "Each FPGA does most while the model fits on chip and the links keep up"
            if results.superlinear_speedup > 1
            else "Here the on-chip memory brings no speed"
        ),
        description=(
            f"Line chart of inputs per second and FPGA for one to {last:,} FPGAs. One fed from "
            f"DRAM gives {shown(streamed, 'count')}; with {fit:,} each gives "
            f"{shown(fitted, 'count')}; the links end the flat part."
        ),
        data=said.loc[few, ["kind", "x", "y"]].set_axis(
            ["Links", "FPGAs (count)", SPEED.title], axis=1
        ),
    )


def answer(chapter: Chapter) -> str:
    """What an FPGA gains once the model is on chip."""
    results = chapter.results
    if results.superlinear_speedup <= 1:
        return "Here the on-chip memory brings no speed, as the DRAM feeds all that an FPGA can do."
    group = chapter.words.fpgas_to_fit
    hold = f"Once **{group} FPGAs** hold" if results.fpgas_to_fit > 1 else "Once **one FPGA** holds"
    return f"""{hold} the model on chip, each does
**{chapter.against("superlinear_speedup")}** one fed from DRAM, as it calculates at its own pace."""


def growth(chapter: Chapter) -> str:
    """What each FPGA does alone, and in a group that holds the model."""
    results, said = chapter.results, chapter.words
    streamed, fitted = (
        chapter.shown(speed, "count") for speed in (results.streamed_speed, results.fitted_speed)
    )
    alone = f"So it serves {streamed} inputs a second"
    if results.fpgas_to_fit == 1:
        return (
            f"{alone}. This network fits into the memory of one, which then serves {fitted} "
            "({numref}`fig-spatial-speed`)."
        )
    return (
        f"{alone}. As FPGAs join, each has less to read; with {said.fpgas_to_fit} nothing is left "
        f"to read, and each serves {fitted} ({{numref}}`fig-spatial-speed`)."
    )


def with_its_own_memory(chapter: Chapter) -> str:
    """What the gain is over an FPGA that keeps on chip what fits."""
    if chapter.results.fpgas_to_fit == 1:
        return "Here one FPGA holds the whole network, and reads nothing from DRAM."
    first = chapter.shown(chapter.results.first_speed, "count")
    return (
        "The FPGA that reads everything leaves its own memory idle. If it kept there what fits, as "
        f"the first point of the curves does, it would serve {first} inputs a second, and the "
        f"factor would be {chapter.about.kept_speedup}."
    )


def times_too_long(chapter: Chapter) -> str:
    """How long that is beside the time claimed, and what follows."""
    if chapter.results.demonstrated_excess <= 1:
        return "within the time that was claimed."
    return (
        f"{chapter.about.demonstrated_excess} times too long. The claim was a simulation for all "
        "data centers together, so it need not be wrong; but at the speed shown on stage the "
        "article's one data center does not reach it."
    )


def crossing(chapter: Chapter) -> Markdown:
    """What crosses the boundaries of a group that holds the model, if it has any."""
    if chapter.results.fpgas_to_fit > 1:
        return chapter.worked("boundary_traffic", "boundary_traffic")
    return chapter.say("Here one FPGA holds the whole network, so there is no boundary.")


def use_of_links(chapter: Chapter) -> str:
    """How much of a link that takes."""
    results = chapter.results
    if results.fpgas_to_fit == 1:
        return "A group would have boundaries. Every FPGA that joins it shortens"
    room = results.link_share < 1 - 1e-9
    verdict = (
        "the links leave room. But not for ever" if room else "the links are the limit already"
    )
    return (
        f"That is **{chapter.words.link_share}** of a link, so at this size {verdict}: "
        "every further FPGA shortens"
    )


def cycle_by_cycle(chapter: Chapter, processor: Sequence[Slot], circuit: Sequence[Slot]) -> HTML:
    """What each unit does in each cycle, on a processor and in a circuit."""
    runs = {"processor": processor, "circuit": circuit}
    slots = pd.DataFrame(
        [
            {
                "Unit": machine if machine == "processor" else f"{machine}, unit {slot.unit}",
                "Cycle (count)": slot.cycle,
                "Input": "abcdef"[slot.item - 1],
            }
            for machine, run in runs.items()
            for slot in run
        ]
    )
    units = list(slots["Unit"].unique())
    drawn, cycles = circuit[-1].item, {machine: run[-1].cycle for machine, run in runs.items()}
    clock = "Clock cycle (count)"
    places = slots.assign(
        Start=slots["Cycle (count)"] - 0.96,
        End=slots["Cycle (count)"] - 0.04,
        Middle=slots["Cycle (count)"] - 0.5,
    )
    base = alt.Chart(places).encode(y=alt.Y("Unit:N", sort=units, title=None))
    cells = base.mark_rect(fillOpacity=0.25, strokeWidth=1.5).encode(
        x=alt.X("Start:Q", title=clock, axis=alt.Axis(grid=False)),
        x2="End:Q",
        color=alt.Color("Input:N", legend=None),
        stroke=alt.Stroke("Input:N", legend=None),
    )
    names = base.mark_text(color=colour("text"), fontSize=11).encode(
        x=alt.X("Middle:Q", title=clock), text="Input:N"
    )
    return chapter.drawn(
        cells,
        names,
        title=(
            f"For {drawn} inputs a processor takes {cycles['processor']} cycles, a circuit "
            f"{cycles['circuit']}"
        ),
        description=(
            f"Chart of units against clock cycles for {drawn} inputs of "
            f"{chapter.words.circuit_depth} operations. The processor is busy for "
            f"{cycles['processor']} cycles; the circuit is through in {cycles['circuit']}."
        ),
        height=110 + 26 * len(units),
        data=slots.pivot_table(index="Input", columns="Unit", values="Cycle (count)", aggfunc="max")
        .reindex(columns=units)
        .add_prefix("Last cycle in ")
        .add_suffix(" (count)")
        .reset_index(),
    )


def switch_trip(machines: int) -> str:
    """The address of the highest mean round trip over switches among so many machines."""
    return f"catapult_v2.round_trip_{machines}_machines_high"


def switch_trips() -> dict[int, float]:
    """Highest mean round trip (s) over switches as measured, by the machines in the network."""
    return {n: catalog.value(switch_trip(n)) for n in (24, 1000, 250000)}


def round_trips(chapter: Chapter) -> HTML:
    """Round trips in a torus, growing with its width, and over switches."""
    measured = switch_trips()
    largest = max(measured)

    def torus_trip(side: Any) -> Any:
        hops = spatial.catapult_torus_mean_hops(side, side)
        return spatial.catapult_torus_round_trip(hops, chapter.lines.hop)

    sides = np.unique(np.geomspace(3, 500, 24).round())
    curves = {
        "square torus, computed": (sides**2, torus_trip(sides) * 1e6),
        "switches, measured (at most)": (
            list(measured),
            [trip * 1e6 for trip in measured.values()],
        ),
    }
    torus, switches = curves
    trips = charts.table(curves)
    beside = {"align": "right", "dx": -10, "dy": -10}
    line = charts.lines({torus: curves[torus]}, MACHINES, TRIP, {torus: charts.Style("3")})
    return chapter.drawn(
        charts.without_legend(line),
        charts.points(*curves[switches], MACHINES, TRIP, "5", shape="square"),
        charts.texts(
            sides[-1] ** 2, torus_trip(sides[-1]) * 1e6, [torus], MACHINES, TRIP,
            color=colour("3"), **beside,
        ),
        charts.texts(
            largest, measured[largest] * 1e6, [switches], MACHINES, TRIP,
            color=colour("5"), **beside,
        ),
        title="In a large network switches are faster than a torus",
        description=(
            f"A line of mean round trips, and points. At {shown(largest, 'count')} machines a "
            f"square torus needs {shown(torus_trip(largest**0.5), 's')}, switches at most "
            f"{shown(measured[largest], 's')}."
        ),
        height=300,
        data=trips[["kind", "x", "y"]].set_axis(
            ["Network", "Machines (count)", "Round trip (µs)"], axis=1
        ),
    )  # fmt: skip


def gain_by_board(chapter: Chapter) -> pd.DataFrame:
    """The gain from fitting the model on chip, for three boards and several inputs a reading."""
    drams = {
        "stratix_v_d5": catalog.constant("stratix_v_d5.dram_bandwidth"),
        "arria_10_1150": catalog.constant("catapult_v3.memory_bandwidth"),
        "stratix_10_280": catalog.constant("article.fpga_dram_bandwidth"),
    }
    rows = []
    for key, dram in drams.items():
        changed = {"fpga": catalog.chip(key), "dram_bandwidth": dram.si, "reuse": REUSES}
        found = chapter.changed(**changed)
        gains = zip(REUSES, found.superlinear_speedup, strict=True)
        rows.append(
            {
                "FPGA": catalog.chip_names()[key].name,
                "DRAM": f"{shown(dram.si, 'B/s')}{'' if dram.verified else ' (unverified)'}",
                "FPGAs to fit (count)": found.fpgas_to_fit,
                **{f"Gain, {n} sharing (ratio)": gain for n, gain in gains},
            }
        )
    return pd.DataFrame(rows)


def gains(chapter: Chapter, found: pd.DataFrame) -> HTML:
    """The gains as a table, to two digits."""
    columns = {str(name): found[name].map(_gain) for name in found.filter(like="Gain")}
    return chapter.table(found.assign(**columns))


def _gain(value: float) -> str:
    return roughly(value, "ratio")
