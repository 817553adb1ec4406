"""What moved is told in lines that a reader understands, and none goes without a word."""

import os
import re
import subprocess
from pathlib import Path

import nbformat
import pytest

from inference_economics.book import BOOK
from reckoner.site import history, moved, results
from reckoner.site.results import Row
from reckoner.site.said import changed, figures, sentences

ROOT = Path(__file__).parent.parent
CARDS = Row("result", "batching", "cards", "678", "count", "678")
VERDICT = Row("verdict", "batching", "cards-batch128", "reproduced", "", "652")
NAME = {"mystnb": {"figure": {"name": "fig-cost"}}}
PICTURE = """<div class="chart"><svg aria-label="A line from {0} cards."><g
class="mark-group role-title"><g><text>{1}</text></g></g></svg><table><td>{0}</td></table></div>"""


def notebook(sentence, number=678, title="Cards are dear", named=True):
    """An executed notebook that says a sentence and draws a figure."""
    said = nbformat.v4.new_output("display_data", {"text/markdown": sentence})
    drawn = nbformat.v4.new_output("display_data", {"text/html": PICTURE.format(number, title)})
    cells = [
        nbformat.v4.new_markdown_cell("# Batching\n\n## The cost"),
        nbformat.v4.new_code_cell("say()", outputs=[said]),
        nbformat.v4.new_code_cell("draw()", outputs=[drawn], metadata=NAME if named else {}),
    ]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    return nbformat.writes(nbformat.v4.new_notebook(cells=cells))


def state(rows, *arguments, **others):
    return moved.State(rows, {"batching": notebook(*arguments, **others)})


def turned(row, **cells):
    return Row(**{**vars(row), **cells})


SENTENCES = "It takes 678 cards. So GPUs are cheaper."
BEFORE = state([CARDS, VERDICT], SENTENCES)


def test_every_stored_number_is_what_is_computed_now():
    missing = "\n".join(moved.stored(BOOK, ROOT / "notebooks"))
    if missing:
        pytest.fail(missing, pytrace=False)


def test_the_stored_table_has_every_result_verdict_and_sentence_of_a_page():
    rows = {row.key: row for row in results.read((ROOT / results.STORED).read_text("utf-8"))}
    for chapter in BOOK.chapters:
        assert {name for kind, at, name in rows if (kind, at) == ("result", chapter)} == {
            *BOOK.units(chapter)
        }
    for entry in BOOK.ledger.entries():
        claim = entry.claim
        assert rows["verdict", claim.chapter, claim.id].value == entry.verdict
        second = rows.get(("second verdict", claim.chapter, claim.id))
        assert (second and second.value) == (entry.second and entry.second.verdict)
    assert rows["words", "book", "in_short"].written == BOOK.extras["in_short"]


def test_a_table_is_read_as_it_was_written():
    rows = [CARDS, turned(VERDICT, written='a "quoted", cut\nfigure')]
    assert results.read(results.written(rows)) == rows


@pytest.mark.parametrize("text", ["", "kind,chapter\n", f"{','.join(results.COLUMNS)}\na,b\n"])
def test_what_is_no_table_of_results_is_refused_with_its_name(text):
    with pytest.raises(ValueError, match=r"^notebooks/results.csv: its columns are not kind, "):
        results.read(text)


def test_what_did_not_move_is_one_line():
    assert moved.report(BEFORE, BEFORE, "then") == "# What moved since then\n\nNothing moved.\n"


def test_a_result_is_told_with_what_it_was_and_by_how_much():
    after = state([turned(CARDS, value="746", written="746"), VERDICT], SENTENCES)
    told = moved.report(BEFORE, after, "then")
    assert "## Results: 1\n" in told
    assert "| batching | `cards` | 678 | 746 | +10% |" in told
    assert "Claims" not in told and "Sentences" not in told and "Figures" not in told


def test_a_verdict_that_turned_is_counted_and_one_whose_figure_moved_is_listed():
    after = state([CARDS, turned(VERDICT, value="differs", written="700")], SENTENCES)
    told = moved.report(BEFORE, after, "then")
    assert "## Claims: 1 verdict turned\n" in told
    assert "| `cards-batch128` | batching | verdict | reproduced, 652 | differs, 700 |" in told
    after = state([CARDS, turned(VERDICT, written="653")], SENTENCES)
    told = moved.report(BEFORE, after, "then")
    assert "## Claims: 0 verdicts turned\n" in told and "reproduced, 653 |" in told


def test_a_sentence_that_turned_stands_apart_from_one_with_another_number():
    after = state([CARDS, VERDICT], "It takes 746 cards. So SRAM is cheaper.")
    told = moved.report(BEFORE, after, "then")
    other, numbers = told.split("## Sentences with other numbers: 1\n")
    assert "## Sentences that say something else: 1\n" in other
    assert "| batching | So GPUs are cheaper. | So SRAM is cheaper. |" in other
    assert "| batching | It takes 678 cards. | It takes 746 cards. |" in numbers


def test_a_figure_is_told_by_its_title_its_words_or_its_data():
    for arguments, line in [
        ((678, "Cards are cheap"), "| fig-cost | Cards are dear | Cards are cheap |"),
        ((746, "Cards are dear"), "| fig-cost | A line from 678 cards. | A line from 746 cards. |"),
    ]:
        told = moved.report(BEFORE, state([CARDS, VERDICT], SENTENCES, *arguments), "then")
        assert "## Figures and tables: 1\n" in told and line in told
    row = BEFORE.notebooks["batching"].replace("<td>678", "<td>679")
    told = moved.report(BEFORE, moved.State(BEFORE.rows, {"batching": row}), "then")
    assert "| fig-cost | Cards are dear | (the same title, other numbers) |" in told
    styled = BEFORE.notebooks["batching"].replace("<table>", "<table class='wide'>")
    told = moved.report(BEFORE, moved.State(BEFORE.rows, {"batching": styled}), "then")
    assert "Nothing moved." in told


def test_a_picture_without_a_name_is_found_under_its_heading():
    (figure,) = figures(notebook("It is so.", named=False)).values()
    assert figure.name == "under “The cost”" and figure.title == "Cards are dear"


def test_new_and_gone_rows_sentences_and_figures_are_told():
    new = turned(CARDS, name="racks")
    told = moved.report(BEFORE, state([CARDS, new], "It takes 678 cards."), "then")
    assert "| result | batching | `racks` | new | 678 |" in told
    assert "| verdict | batching | `cards-batch128` | gone | reproduced, 652 |" in told
    assert "| batching | So GPUs are cheaper. | (gone) |" in told


def test_mathematics_citations_and_links_are_no_words_of_a_sentence():
    text = (
        'So <a href="x">5</a> {cite}`a2024` cards\ncost \\$5. Then\n\n$$\nx = 5\n$$ (eq-x)\n\nEnd.'
    )
    assert sentences(notebook(text)) == ["So 5 cards cost $5.", "Then", "End."]


def test_a_sentence_among_others_is_paired_with_the_one_it_was():
    before = ["It costs 5 dollars.", "They are dear.", "It lasts for 3 years."]
    after = ["It lasts for 4 years.", "It costs 6 dollars."]
    pairs = {(said.was, said.now) for said in changed(before, after)}
    assert ("It lasts for 3 years.", "It lasts for 4 years.") in pairs


def test_a_list_is_cut_to_what_a_comment_holds_and_says_so():
    rows = [turned(CARDS, name=f"n{number}") for number in range(moved.MOST + 7)]
    later = [turned(row, written="1", value="1") for row in rows]
    told = moved.report(moved.State(rows, {}), moved.State(later, {}), "then")
    assert told.count("| batching |") == moved.MOST and "… and 7 more." in told


def test_what_moved_is_cut_to_what_a_comment_holds_and_says_so(monkeypatch):
    monkeypatch.setattr(moved, "LONGEST", 120)
    after = state([turned(CARDS, value="746", written="746"), VERDICT], SENTENCES)
    told = moved.report(BEFORE, after, "then")
    assert len(told) < 250 and told.startswith("# What moved since then\n\n## Results: 1\n")
    assert told.endswith("… and more. `git diff then -- notebooks/results.csv` has every number.\n")


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with a table and a changelog; gives what commits a new state of them."""
    monkeypatch.chdir(tmp_path)
    whose = [f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")]

    def git(*arguments):
        environment = {**os.environ, **dict.fromkeys(whose, "a@b")}
        subprocess.run(["git", *arguments], check=True, capture_output=True, env=environment)

    def write(cards, *lines):
        Path("notebooks").mkdir(exist_ok=True)
        rows = [turned(CARDS, value=str(cards), written=str(cards)), VERDICT]
        results.STORED.write_text(results.written(rows), encoding="utf-8")
        moved.CHANGELOG.write_text("\n".join(["# Changelog", *lines, ""]), encoding="utf-8")

    def commit(cards, *lines):
        write(cards, *lines)
        git("add", ".")
        git("commit", "--allow-empty", "-m", "x")
        return history.commit("HEAD")

    git("init", "-b", "main")
    commit.write, commit.git = write, git
    return commit


SILENT = "`batching` moved (cards: 678 → 746), and no new line of CHANGELOG.md names it"


def test_a_number_that_moved_without_a_line_is_told(repository):
    repository(678)
    repository(746)
    assert [*moved.changelog()] == [SILENT]
    repository(746, "- `serving` is faster.")
    assert [*moved.changelog()] == [SILENT], "a line that names something else"
    repository(746, "- `serving` is faster.", "- `batching` takes more cards.")
    assert [*moved.changelog()] == []
    repository(746, "- `serving` is faster.", "- `batching` takes more cards.", "- More.")
    assert [*moved.changelog()] == [], "a commit that stores nothing has nothing to add"


def test_an_old_line_does_not_count_for_a_new_move(repository):
    repository(678, "- `batching` is new.")
    repository(746, "- `batching` is new.")
    assert [*moved.changelog()] == [SILENT]
    repository.write(746, "- `batching` is new.", "- More `cards`.")
    assert [*moved.changelog()] == [], "the working tree counts, and the name of a result"


def test_what_is_not_committed_yet_counts_too(repository):
    repository(678)
    repository.write(746)
    assert [*moved.changelog()] == [SILENT]


def test_a_branch_is_held_against_where_it_left(repository):
    repository(678, "- `batching` is new.")
    repository.git("checkout", "-b", "side")
    repository(700, "- `batching` is new.")
    repository(746, "- `batching` is new.")
    repository.git("checkout", "main")
    repository(678, "- `batching` is new.", "- `batching` said elsewhere.")
    repository.git("checkout", "side")
    assert [*moved.changelog("main")] == [SILENT]


def test_without_a_history_or_a_table_there_is_nothing_to_compare(repository, tmp_path):
    assert [*moved.changelog()] == []
    repository(678)
    assert [*moved.changelog()] == []
    repository(746)
    shallow = tmp_path / "shallow"
    repository.git("clone", "--depth", "1", tmp_path.as_uri(), str(shallow))
    os.chdir(shallow)
    assert results.STORED.exists() and [*moved.changelog()] == []


def test_a_commit_that_is_not_there_is_one_line(repository, capsys):
    repository(678)
    assert moved.main("since", "nowhere") == 2
    said = capsys.readouterr().err
    assert said == "there is no commit 'nowhere' here; give one that `git log` names\n"


def test_make_diff_tells_what_moved_since_a_commit(repository, capsys):
    computed = results.computed(BOOK)
    repository(678)
    first = next(row for row in computed if row.kind == "result")
    rows = [turned(row, value="1", written="one") if row == first else row for row in computed]
    results.STORED.write_text(results.written(rows), encoding="utf-8")
    repository.git("commit", "-am", "x")
    assert moved.main("since", "HEAD") == 0
    said = capsys.readouterr().out
    assert re.search(rf"\| {first.chapter} \| `{first.name}` \| one \| {first.written} \|", said)
    assert "## Results: 1\n" in said and "`make notebooks`" in said
