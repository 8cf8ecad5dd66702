"""Questions whose right answers are known, from a benchmark: the page shows their ranks on both sides.

known = read_known(Path("data/benchmarks/xquad-r"))
found = known.find("Who won Super Bowl 50?")
found.answers                  # {"en-0007": "en", "de-0007": "de", ...}: right passages and their languages
found.translations             # {"de": "Wer gewann den Super Bowl 50?", ...}: the same question, asked otherwise
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from babelmix.benchmarks.benchmark import Query
from babelmix.benchmarks.files import read_answers, read_passages, read_queries
from babelmix.common.text import compared_form

EXAMPLES = 15  # questions of each language that the page offers


@dataclass(frozen=True, slots=True)
class Question:
    """A question of the benchmark: its language, its right answers with their languages, and its translations."""

    lang: str
    answers: Mapping[str, str]
    translations: Mapping[str, str]  # by language, its own left out


@dataclass(frozen=True, slots=True)
class Known:
    """All questions of a benchmark."""

    name: str
    queries: Mapping[str, Query]  # by the form for comparison
    translations: Mapping[str, Mapping[str, str]]  # parallel id -> language -> text
    answers: Mapping[str, Mapping[str, str]]  # parallel id -> passage id -> language
    examples: Mapping[str, tuple[str, ...]]  # by language

    def find(self, text: str) -> Question | None:
        """Return the question that has this text, letter case and white space aside; None if there is none."""
        query = self.queries.get(compared_form(text))
        if query is None:
            return None
        others = {lang: text for lang, text in self.translations[query.parallel_id].items() if lang != query.lang}
        return Question(query.lang, self.answers[query.parallel_id], others)

    def passages(self) -> frozenset[str]:
        """Return the ids of all right answers."""
        return frozenset(passage for answers in self.answers.values() for passage in answers)


def read_known(folder: Path) -> Known:
    """Read a built benchmark, keeping of its passages only the ids and languages of right answers.

    Of several questions with one text the first by id is taken. The examples stand evenly over all questions, and are
    the same questions in every language as far as it has them.
    """
    queries, rows = read_queries(folder), read_answers(folder).qrels
    wanted = {row.passage for row in rows}
    lang_of = {passage.id: passage.lang for passage in read_passages(folder) if passage.id in wanted}
    answers: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for row in rows:
        answers[row.parallel_id][row.passage] = lang_of[row.passage]
    asked = [query for query in queries if query.parallel_id in answers]
    translations: defaultdict[str, dict[str, str]] = defaultdict(dict)
    by_text: dict[str, Query] = {}
    for query in asked:
        translations[query.parallel_id].setdefault(query.lang, query.text)
        by_text.setdefault(compared_form(query.text), query)
    return Known(folder.name, by_text, translations, answers, _examples(translations))


def _examples(translations: Mapping[str, Mapping[str, str]]) -> dict[str, tuple[str, ...]]:
    """Choose questions for each language: those that most languages have come first."""
    ranked = sorted(translations, key=lambda parallel_id: (-len(translations[parallel_id]), parallel_id))
    most = [one for one in ranked if len(translations[one]) == len(translations[ranked[0]])] if ranked else []
    spread = most[:: max(1, len(most) // EXAMPLES)][:EXAMPLES]
    order = dict.fromkeys([*spread, *ranked])
    languages = sorted({lang for texts in translations.values() for lang in texts})
    chosen = {lang: [texts[lang] for one in order if lang in (texts := translations[one])] for lang in languages}
    return {lang: tuple(texts[:EXAMPLES]) for lang, texts in chosen.items()}
