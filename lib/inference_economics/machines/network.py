"""An all-reduce on each kind of network between cards."""

from __future__ import annotations

from inference_economics import catalog
from inference_economics.formulas.gpt4_scale import (
    all_reduce_by_halving,
    all_reduce_direct,
    all_reduce_on_ring,
    all_reduce_on_torus,
    fat_tree_hops,
    fat_tree_levels,
    torus_hops,
    torus_links_taken,
)
from inference_economics.units import (
    Bytes,
    BytesPerSecond,
    Count,
    Seconds,
)

OWN_LINK = 1
"""Links of cards that a byte takes where switches pass it on: only its sender's."""


def all_reduce_times(
    cards_per_stage: Count, hop_latency: Seconds, message: Bytes, link_bandwidth: BytesPerSecond
) -> dict[str, Seconds]:
    """Time of one all-reduce by network and method.

    "Direct" means two crossings of the whole network. In a torus and in a dragonfly the cards
    pass on what others send. On a dragonfly each byte is charged the links of the longest route.
    """
    wires = (hop_latency, message, link_bandwidth)
    in_2d, in_3d = torus_hops(cards_per_stage, 2), torus_hops(cards_per_stage, 3)
    ports, hops = catalog.value("infiniband.switch_ports"), catalog.value("dragonfly.hops")
    tree = fat_tree_hops(fat_tree_levels(cards_per_stage, ports)), OWN_LINK
    dragonfly = hops, hops
    return {
        "ring": all_reduce_on_ring(cards_per_stage, *wires),
        "torus_2d": all_reduce_on_torus(cards_per_stage, 2, *wires),
        "torus_3d": all_reduce_on_torus(cards_per_stage, 3, *wires),
        "fat_tree": all_reduce_by_halving(cards_per_stage, *tree, *wires),
        "dragonfly": all_reduce_by_halving(cards_per_stage, *dragonfly, *wires),
        "direct": all_reduce_direct(cards_per_stage, *dragonfly, *wires),
        "fat_tree_direct": all_reduce_direct(cards_per_stage, *tree, *wires),
        "torus_2d_direct": all_reduce_direct(
            cards_per_stage, in_2d, torus_links_taken(in_2d), *wires
        ),
        "torus_3d_direct": all_reduce_direct(
            cards_per_stage, in_3d, torus_links_taken(in_3d), *wires
        ),
    }
