"""Live figures as chapters declare them: a chapter's own function, moved by hand.

A live figure shows results of a chapter against one of its parameters, on a page that is only
files. `live_chart` writes its chart, `live_figure` its place on the page; the script `live.js`
adds the sliders, the sentence, the link, the commands and the exports.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Curve:
    """One result, or an input beside it, drawn as a line.

    Attributes:
        result: its name among the chapter's results or its sliders.
        label: what it is called in the legend; {name} stands for what is chosen there.
        colour: a colour of the book, "1" to "6".
        steps: whether it rises in steps, such as the price of whole cards.
    """

    result: str
    label: str
    colour: str
    steps: bool = False


@dataclass(frozen=True)
class Live:
    """A live figure of a chapter.

    Attributes:
        chapter: the chapter whose function it evaluates.
        title: what the picture shows.
        description: the same for those who do not see it.
        across: the parameter along the horizontal axis, in the unit of its declaration.
        span: its smallest and largest value there, and on its slider.
        across_title: title of that axis, with the unit in parentheses.
        curves: the results drawn, all in one unit.
        unit: the unit of the vertical axis, in which the results are drawn.
        unit_title: title of that axis, with the unit in parentheses.
        sliders: the parameters that can be moved besides, in the order of the controls.
        choices: at most one parameter chosen by name, for whose every choice the chart is compiled.
        presets: parameters chosen by name that only set the sliders which follow them.
        sentence: the result in words. {name} stands for a parameter or a result, {name things} for
            as many things, {name:more|less} for a ratio, turned over where it is below one.
        constants: catalog addresses to show; {name} stands for the key chosen there.
        ending: the results that can be infinite or zero: lines and axis end there.
    """

    chapter: str
    title: str
    description: str
    across: str
    span: tuple[float, float]
    across_title: str
    curves: tuple[Curve, ...]
    unit: str
    unit_title: str
    sliders: tuple[str, ...]
    sentence: str
    choices: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()
    constants: tuple[str, ...] = ()
    ending: tuple[str, ...] = ()
