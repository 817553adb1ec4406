"""Drawings keep their proportions, and show as many cards as the chapters count."""

import json
import re

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from inference_economics import catalog
from inference_economics.book import open_chapter
from inference_economics.chapters import journey, kv_cache, room, two_machines
from inference_economics.chapters.occupancy import GROQ
from inference_economics.chapters.room import Room
from inference_economics.machines.published import unexplained_by
from reckoner.declare.units import shown
from reckoner.show import drawing
from reckoner.show.drawing import PITCH, SIDE, Fill

PIECE = re.compile(r"M([\d.]+) ([\d.]+)h([\d.]+)v9h-[\d.]+z")


def soup(html):
    return BeautifulSoup(str(html), "html.parser")


def pieces(svg):
    """The cells of a drawing: by paint and tone, the row, column, left end and width of each."""
    found = {}
    for path in soup(svg).find_all("path", fill=lambda fill: fill != "none"):
        drawn = PIECE.findall(path["d"])
        assert "".join(PIECE.sub("", path["d"])) == ""
        rows = [
            (float(y) // PITCH, float(x) // PITCH, float(x) % PITCH, float(w)) for x, y, w in drawn
        ]
        found[path["fill"], float(path["fill-opacity"])] = rows
    return found


def amount(rows):
    """Their area, in cells."""
    return sum(width for *_, width in rows) / SIDE


def squares_of(found):
    return {(row, column) for rows in found.values() for row, column, *_ in rows}


def boxes_of(svg):
    """The boxes of a drawing, by paint the areas of what fills them, in cells."""
    areas = {}
    for rect in soup(svg).find_all("rect"):
        area = float(rect["width"]) * float(rect["height"]) / SIDE**2
        areas.setdefault(rect["fill"], []).append(area)
    return areas


@given(st.lists(st.floats(0.05, 90), min_size=1, max_size=12))
def test_cells_hold_each_amount_and_none_overlap(amounts):
    count = int(sum(amounts)) + 1
    fills = [Fill(each, str(n)) for n, each in enumerate(amounts)]
    found = pieces(drawing.cells(fills, count, 0, "cells"))
    for n, each in enumerate(amounts):
        assert amount(found[str(n), 1.0]) == pytest.approx(each, abs=0.02)
    assert len(squares_of(found)) == count
    assert sum(map(amount, found.values())) == pytest.approx(count, abs=0.05)


def rooms():
    batching = open_chapter("batching", {})
    chip, results = batching.inputs.chip, batching.results
    return batching, Room(chip, results.weights, results.kv_cache, batching.inputs.batch_size)


def test_the_squares_are_the_cards_that_the_chapters_count():
    chapter, full = rooms()
    assert len(squares_of(pieces(full._cards()))) == full.cards == chapter.results.cards
    empty = Room(full.chip, full.weights)
    assert len(squares_of(pieces(empty._cards()))) == chapter.results.weight_cards


def test_weights_are_grey_and_the_caches_take_turns():
    _, full = rooms()
    found, memory = pieces(full._cards()), full.chip.memory
    assert amount(found[room.WEIGHTS, 1.0]) == pytest.approx(full.weights / memory, rel=1e-3)
    tones = [found[room.CACHES, tone] for tone in room.TONES]
    for rows in tones:
        assert amount(rows) == pytest.approx(full.caches / 2 / memory, rel=2e-3)
    first = min(found[room.CACHES, room.TONES[0]])
    last = max(found[room.WEIGHTS, 1.0])
    assert first[:2] == last[:2]
    assert last[2] + last[3] == pytest.approx(first[2], abs=0.01)


def test_the_cards_and_the_gpus_are_on_one_scale():
    _, full = rooms()
    areas = boxes_of(full._boxes())
    gpu = catalog.chip("h100_sxm").memory
    assert len(areas["none"]) == catalog.value("article.gpu_machine_gpus")
    for area in areas["none"]:
        assert area == pytest.approx(gpu / full.chip.memory, rel=1e-4)
    assert sum(areas[room.WEIGHTS]) == pytest.approx(full.weights / full.chip.memory, rel=1e-3)
    assert sum(areas[room.CACHES]) == pytest.approx(full.caches / full.chip.memory, rel=1e-3)


def test_what_is_too_much_for_one_box_takes_more_gpus():
    _, full = rooms()
    much = Room(full.chip, full.weights, 8 * full.cache, full.batch)
    assert much.gpus == -(-much.needed // catalog.value("h100_sxm.memory")) > full.gpus
    assert len(boxes_of(much._boxes())["none"]) == much.gpus


def area_of(path):
    """The area within a line of straight pieces to absolute places, in cells of one pitch."""
    x, y, corners = 0.0, 0.0, []
    for command, numbers in re.findall(r"([MHV])([-\d. ]+)", path):
        given = [float(number) for number in numbers.split()]
        x = given[0] if command in "MH" else x
        y = given[-1] if command in "MV" else y
        corners.append((x, y))
    ends = zip(corners, corners[1:] + corners[:1], strict=True)
    return abs(sum(x * v - u * y for (x, y), (u, v) in ends)) / 2 / PITCH**2


@pytest.mark.parametrize("count", [1, 71, 72, 73, 576, 577])
def test_the_dashed_line_is_around_so_many_cells(count):
    svg = soup(drawing.cells([Fill(1, "a")], 1000, count, "cells"))
    assert area_of(svg.find(class_="drawing-marked")["d"]) == pytest.approx(count)


def test_the_line_is_around_the_cards_of_the_real_deployment():
    _, full = rooms()
    line = soup(full._cards()).find(class_="drawing-marked")
    assert area_of(line["d"]) == pytest.approx(catalog.value("groq_deployment.chips_llama2_70b"))
    wafer = Room(catalog.chip("wse_3"), full.weights)
    assert soup(wafer._cards()).find(class_="drawing-marked") is None


def test_many_cards_share_a_square():
    _, full = rooms()
    huge = Room(full.chip, full.weights, full.cache, 50_000)
    found = pieces(huge._cards())
    assert huge.each == 100
    assert len(squares_of(found)) == -(-huge.cards // 100)
    assert sum(map(amount, found.values())) == pytest.approx(huge.cards / 100, abs=1)


@pytest.mark.parametrize("name", ["capacity", "kv_cache", "batching"])
def test_each_chapter_shows_its_own_cards_first(name):
    chapter = open_chapter(name, {})
    draw = {"capacity": room.of_weights, "kv_cache": kv_cache.room_of_schemes}
    page = soup(draw.get(name, room.of_batch)(chapter).data)
    cards, boxes = page.select(".drawing svg")
    needed = chapter.results.weights + getattr(chapter.results, "kv_cache_batch", 0)
    memory = catalog.value("groq_lpu.memory")
    assert len(squares_of(pieces(cards))) == -(-needed // memory)
    assert len(cards["aria-label"]) > 40 and len(boxes["aria-label"]) > 40
    assert page.select(".drawing details table tbody tr")


def test_without_shared_heads_the_caches_fill_eight_times_the_room():
    chapter = open_chapter("kv_cache", {})
    caches = kv_cache._caches(chapter)
    assert caches["MHA"] / caches["GQA"] == chapter.results.gqa_factor == 8


def sides_of(svg):
    return [float(rect["width"]) for rect in svg.find_all("rect")]


@given(st.lists(st.floats(1e-6, 1e9), min_size=2, max_size=5))
def test_squares_have_areas_in_proportion(values):
    compared = [drawing.Square(value, f"number {n}", "red") for n, value in enumerate(values)]
    sides = sides_of(soup(drawing.squares("a scale", compared)))
    largest = values.index(max(values))
    for side, value in zip(sides, values, strict=True):
        assert side**2 / sides[largest] ** 2 == pytest.approx(value / values[largest], rel=1e-4)
    assert max(sides) == drawing.LARGEST


@pytest.fixture(scope="module")
def occupancy():
    return open_chapter("occupancy", {})


@pytest.fixture(scope="module")
def serving():
    return open_chapter("serving", {})


def slowed(chapter):
    """The chapter's own speed, if its cluster loses as much in a layer as Groq's."""
    return chapter.changed(layer_floor=unexplained_by(GROQ)).speed


def step_of(served):
    """A step of the GPUs, with what runs of this kind take over the formulas."""
    assert served.series_level != 1
    return served.series_level * served.decode_time


def test_the_sheet_has_seven_scales_in_proportion(occupancy):
    both = two_machines.pair(occupancy, 128)
    cards, box = both.cluster.cards, catalog.value("article.gpu_machine_gpus")
    speed, value = slowed(occupancy), catalog.value
    expected = [
        (cards * value("groq_lpu.memory"), box * value("h100_sxm.memory")),
        (cards, box),
        (cards * value("article.groq_card_price"), box * value("h100_sxm.price")),
        (cards * value("groq_lpu.power"), box * value("h100_sxm.power")),
        (cards * value("groq_lpu.memory_bandwidth"), box * value("h100_sxm.memory_bandwidth")),
        (speed, 1 / step_of(both.gpus)),
        (128 * speed, 128 / step_of(both.gpus)),
    ]
    groups = soup(two_machines.sheet(occupancy).data).select(".drawing-groups .drawing-group")
    assert len(groups) == len(expected)
    for group, (sram, hbm) in zip(groups, expected, strict=True):
        left, right = sides_of(group)
        assert (left / right) ** 2 == pytest.approx(sram / hbm, rel=1e-4)
        assert "unverified" in group.get_text() or "Power" not in group.get_text()


def test_the_wires_are_the_rows_of_the_catalog(occupancy):
    wires = soup(two_machines.sheet(occupancy).data).select(".drawing-parts > .drawing-group")
    sides = sides_of(wires[0])
    for side, (_, address, _) in zip(sides, two_machines.WIRES, strict=True):
        share = catalog.value(address) / catalog.value("groq_lpu.memory_bandwidth")
        assert (side / sides[0]) ** 2 == pytest.approx(share, rel=1e-4)


def test_the_journey_adds_up_on_both_machines(occupancy):
    work = journey.in_occupancy(occupancy)
    found = journey.travelled(work, occupancy.inputs.batch_size, occupancy.inputs.context_length)
    cluster, gpus = found.parts.values()
    assert sum(cluster.values()) == pytest.approx(1 / slowed(occupancy))
    assert cluster["unexplained"] == pytest.approx(unexplained_by(GROQ) * 80)
    both = two_machines.pair(occupancy, occupancy.inputs.batch_size)
    assert sum(gpus.values()) == pytest.approx(step_of(both.gpus))
    assert gpus["unexplained"] == cluster["prompts read"] == gpus["prompts read"] == 0


def test_the_journey_in_serving_has_that_chapters_time_and_newcomers(serving):
    work = journey.in_serving(serving)
    own = serving.inputs
    found = journey.travelled(work, own.concurrency, own.input_tokens + own.output_tokens)
    cluster, gpus = found.parts.values()
    assert sum(gpus.values()) == pytest.approx(serving.results.output_time)
    assert gpus["prompts read"] > 0
    alone = journey.travelled(work, 1, 2048).parts[journey.CLUSTER]
    assert alone["prompts read"] == pytest.approx(0)  # idle stages have the time
    full = journey.travelled(work, 512, 512).parts[journey.CLUSTER]
    assert full["prompts read"] > 0 <= cluster["prompts read"]


def test_each_state_of_the_journey_is_drawn_said_and_in_the_table(occupancy):
    work = journey.in_occupancy(occupancy)
    page = soup(journey.figure(work).data)
    scenes = {
        name.removeprefix("tokens-"): scene
        for name, scene in json.loads(page.find("script").string)["scenes"].items()
    }
    assert [*scenes] == ["4096", "1024", "16384", "65536"]  # this page's own first
    rows = [[cell.get_text() for cell in row.select("td")] for row in page.select("tbody tr")]
    states = {
        (length, f"{step['at']:.0f}") for length in scenes for step in scenes[length]["steps"]
    }
    assert {(row[0].replace(",", ""), row[1]) for row in rows} == states
    for length, scene in scenes.items():
        for step in scene["steps"]:
            state = journey.travelled(work, step["at"], float(length))
            assert step["word"].startswith(str(shown(state.total(journey.CLUSTER), "s")))
            assert (" or " in step["word"]) == bool(state.parts[work.box])
    assert "cannot hold it" in json.dumps(scenes["65536"]["spec"])
    assert "cannot hold it" not in json.dumps(scenes["1024"]["spec"])


def test_a_machine_that_cannot_hold_the_batch_is_left_out(occupancy):
    few = two_machines.pair(occupancy, 128)
    many = two_machines.pair(occupancy, 10_000)
    assert few.gpus is not None and many.gpus is None
    names = [scale.name for scale in two_machines.scales(many)]
    assert names == [scale.name for scale in two_machines.scales(few)][:5]
