"""Nonsense queries: a hundred, all different, in five kinds, and the same everywhere."""

import hashlib
import unicodedata
from collections import Counter

from babelmix.benchmarks.nonsense import EACH, QUESTIONS, nonsense_queries


def test_there_are_a_hundred_different_ones_and_they_never_change() -> None:
    queries = nonsense_queries()
    assert len(queries) == len(set(queries)) == 100 and queries == nonsense_queries()
    digest = hashlib.sha256("\n".join(queries).encode()).hexdigest()
    assert digest[:16] == "3a5d6e93954d7c3a", "other nonsense makes other scores: tell it in CHANGELOG.md"


def test_each_kind_has_its_script_and_is_no_text_of_one_word() -> None:
    queries = nonsense_queries()
    for number, script in enumerate(("LATIN", "CYRILLIC", "ARABIC", "CJK")):
        for query in queries[number * EACH : (number + 1) * EACH]:
            assert all(unicodedata.name(letter).startswith(script) for letter in query if letter != " ")
            assert len(query.split()) >= 4 or (script == "CJK" and len(query) >= 8)


def test_the_shuffled_ones_have_the_characters_of_a_question_in_another_order() -> None:
    def characters(text: str) -> Counter[str]:
        return Counter(text.replace(" ", ""))

    for number, query in enumerate(nonsense_queries()[4 * EACH :]):
        question = QUESTIONS[number % len(QUESTIONS)]
        assert characters(query) == characters(question) and query != question
