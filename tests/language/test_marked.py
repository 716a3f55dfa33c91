"""The search for bare texts finds them, and takes no name of others for one."""

from decimal import Decimal

from tests.language.marked import MARKED, bare_texts


def test_a_text_in_no_catalogue_is_found_wherever_it_stands() -> None:
    """In an element, in an attribute, beside a message, and after a message with tags in it."""
    page = """<html><title>Bills</title><p title="a tip">⟦known <b>all</b> of ⟦it⟧⟧, not this</p>
    <input type="search" placeholder="a name"><script>let code</script><a hreflang="zh-CN">中文</a><td>7 pods</td></html>"""

    assert bare_texts(page) == ["Bills", "not this", "pods", "a tip", "a name"]


def test_names_of_others_may_stand_bare_and_ours_may_not() -> None:
    """A workflow has the name that its owner gave it; a reason has one in each language."""
    data = {"workflows": [("train-9", Decimal(3))], "reason": "step_lock", "note": "Error (exit code 1)"}
    page = "<p>train-9</p><p>train-99</p><p>step lock</p><p>Error (exit code 1)</p><p>JSON</p>"

    assert bare_texts(page, data) == ["train", "step lock"]


def test_the_marked_language_marks_what_it_writes() -> None:
    """Spans and shares too, since their units are words."""
    assert MARKED.age(3_600_000) == "⟦1 h 00 m⟧"
    assert MARKED.plural("{number} pod", "{number} pods", 2) == "⟦2 pods⟧"
    assert MARKED.text("") == ""
