"""A pipelined circuit and a processor, run cycle by cycle."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True)
class Slot:
    """What one unit does in one clock cycle, all counted from 1."""

    cycle: int
    unit: int
    operation: int
    item: int


def run_circuit(inputs: int, depth: int) -> list[Slot]:
    """A pipelined circuit, cycle by cycle.

    Args:
        inputs: how many inputs stand in the queue.
        depth: how many operations each needs; there is a unit for each.
    """
    waiting = deque(range(1, inputs + 1))
    units: list[int | None] = [None] * depth
    slots: list[Slot] = []
    finished = cycle = 0
    while finished < inputs:
        cycle += 1
        units = [waiting.popleft() if waiting else None, *units[:-1]]
        slots += [Slot(cycle, n, n, item) for n, item in enumerate(units, 1) if item]
        finished += units[-1] is not None
    return slots


def run_processor(inputs: int, depth: int) -> list[Slot]:
    """One unit that does one operation of one input in a cycle.

    Args:
        inputs: how many inputs stand in the queue.
        depth: how many operations each needs.
    """
    slots: list[Slot] = []
    for item in range(1, inputs + 1):
        for operation in range(1, depth + 1):
            slots.append(Slot(len(slots) + 1, 1, operation, item))
    return slots
