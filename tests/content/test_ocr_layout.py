"""Words with places become Markdown in reading order; what an engine read is judged; languages have many names."""

import pytest

from wallas.content.ocr.judge import complaint
from wallas.content.ocr.languages import language, languages
from wallas.content.ocr.layout import Run, markdown

LINE = 40


def line(text: str, left: float, row: float, *, height: float = 26) -> Run:
    """Return a run of 13 pixels a letter on a row."""
    top = row * LINE
    return Run(text, left, top, left + 13 * len(text), top + height)


def test_lines_that_follow_each_other_are_one_paragraph():
    assert markdown([line("One two", 50, 1), line("three.", 50, 2)]) == "One two\nthree."


def test_white_space_between_lines_begins_a_paragraph():
    assert markdown([line("One.", 50, 1), line("Two.", 50, 3)]) == "One.\n\nTwo."


def test_tall_letters_are_a_heading():
    runs = [line("Title", 50, 0, height=60), *(line(f"words of line {n}", 50, n) for n in range(3, 8))]
    assert markdown(runs).startswith("## Title\n\nwords of line 3\n")


def test_columns_are_read_one_after_the_other():
    left = [line(f"left column line number {n} goes on", 50, n) for n in range(5)]
    right = [line(f"right column line number {n} goes on", 800, n) for n in range(5)]
    said = markdown([run for pair in zip(left, right, strict=True) for run in pair])
    assert said.index("left column line number 4") < said.index("right column line number 0")


def test_columns_of_a_language_from_the_right_begin_at_the_right():
    left = [line(f"left column line number {n} goes on", 50, n) for n in range(5)]
    right = [line(f"right column line number {n} goes on", 800, n) for n in range(5)]
    said = markdown([*left, *right], rtl=True)
    assert said.index("right column line number 4") < said.index("left column line number 0")


def test_rows_of_short_cells_are_a_table_and_empty_cells_stay_where_they_are():
    rows = [("Item", "Count", "Price"), ("Oak | boards", "24", "310.00"), ("Glue", "", "22.40"), ("Nails", "7", "1.00")]
    runs = [line(cell, 50 + 400 * at, 2 * n) for n, row in enumerate(rows) for at, cell in enumerate(row) if cell]
    assert markdown(runs) == (
        "| Item | Count | Price |\n| --- | --- | --- |\n| Oak \\| boards | 24 | 310.00 |\n"
        "| Glue |  | 22.40 |\n| Nails | 7 | 1.00 |"
    )


def test_words_above_and_below_a_table_stay_outside_of_it():
    rows = [("Item", "Count"), ("Boards", "24"), ("Glue", "3"), ("Nails", "7")]
    runs = [line(cell, 50 + 400 * at, 3 + n) for n, row in enumerate(rows) for at, cell in enumerate(row)]
    told = "This is what the workshop needs before the end of the month at the latest."
    said = markdown([line(told, 50, 1), *runs, line("Thank you very much for all of this, as ever.", 50, 8)])
    assert said.startswith(f"{told}\n\n| Item | Count |") and said.endswith(
        "| Nails | 7 |\n\nThank you very much for all of this, as ever."
    )


def test_nothing_read_is_nothing():
    assert markdown([]) == "" and markdown([line("  ", 0, 0)]) == ""


@pytest.mark.parametrize(
    ("text", "confidence"),
    [
        ("The harbour office opens at seven.", 0.95),
        ("| Item | Count |\n| --- | --- |\n| Glue | 3 |", 0.9),
        ("图书馆每天早上八点开门", 0.88),
        ("يمكن لكل زائر أن يستعير خمسة كتب", None),
        ("1,284.50  18.75  22.40  12.90", 0.9),
        ("x = 3y + 2", None),
        ("OK", 0.8),
    ],
)
def test_what_people_write_is_no_cause_for_complaint(text, confidence):
    assert complaint(text, confidence=confidence) is None


@pytest.mark.parametrize(
    ("text", "confidence", "why"),
    [
        ("", None, "nothing was read"),
        ("| | | |", 0.9, "nothing was read"),
        ("The harbour office", 0.31, "confidence of 0.31"),
        ("~^¬ ¦| ;:' °» .,-_ ~~ }{ «» ;;", 0.9, "no text"),
        ("\ufffd\ufffd\ufffda\ufffd\ufffdb\ufffd\ufffd\ufffd\ufffd\ufffd", None, "no text"),
    ],
)
def test_empty_and_garbled_pages_are_named(text, confidence, why):
    assert why in (complaint(text, confidence=confidence) or "")


def test_a_blank_page_may_be_empty():
    assert complaint("", blank=True) is None


@pytest.mark.parametrize("name", ["es", "spa", "Spanish", "español", "es-ES", " ES "])
def test_a_language_has_many_names(name):
    assert language(name).tesseract == "spa"


def test_lists_of_languages_are_read_in_order():
    assert [one.code for one in languages("eng+deu, zh-CN")] == ["en", "de", "zh"]
    with pytest.raises(KeyError, match="klingon"):
        languages("en+klingon")
