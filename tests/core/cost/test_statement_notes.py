"""Sentences of statements: what is filled in is found again, however awkward it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.cost.statement_notes import NOTES, RULES, find_message

VALUES = ("bill", "time", "currencies", "what", "fee", "book", "product", "plan", "committed", "currency", "covered")
MORE = ("amount", "number", "names")
TEXTS = st.text(min_size=1) | st.sampled_from(["a of b", " of ", "{fee}", "(x)", ": it is in no sum", "\n", "["])


@pytest.mark.parametrize("message", [*NOTES, *RULES])
@given(values=st.fixed_dictionaries(dict.fromkeys((*VALUES, *MORE), TEXTS)))
def test_a_sentence_is_found_again(message: str, values: dict[str, str]) -> None:
    """With values that give the same sentence."""
    sentence = message.format(**values)
    found = find_message(sentence, [message])

    assert found is not None
    assert found.message.format(**found.values) == sentence


@pytest.mark.parametrize("message", [*NOTES, *RULES])
def test_a_sentence_is_of_one_message(message: str) -> None:
    """None takes another's sentences, so that no sentence gets the wrong translation."""
    sentence = message.format(**{name: f"<{name}>" for name in (*VALUES, *MORE)})

    assert [one for one in (*NOTES, *RULES) if find_message(sentence, [one])] == [message]


def test_other_sentences_are_not_found() -> None:
    """Those of other releases, or with something before them."""
    assert find_message("fee nat of ours@1: no exchange rate for EUR", NOTES) is None
    assert find_message(f"2026-10: {NOTES[-1]}", NOTES) is None
