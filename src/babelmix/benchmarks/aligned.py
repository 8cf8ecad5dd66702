"""A benchmark of aligned sections: the title of a section is the query and its text the passage, in every language.

english = {"apt": Section("Using APT", within="", text="APT is the advanced ...")}
german = {"apt": Section("APT nutzen", within="", text="APT ist das ...")}
benchmark = parallel_benchmark("handbook", {"en": english, "de": german}, settings)
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from babelmix.benchmarks.benchmark import Benchmark, Passage, Qrel, Query
from babelmix.benchmarks.settings import BenchmarkSettings
from babelmix.common.errors import unknown_name
from babelmix.corpus.collect import written_in

# Shorter English sections are stubs ("See the next chapter.") that answer nothing. Other languages need no check.
MIN_SECTION_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Section:
    """One titled section of a manual in one language; `within` qualifies a repeated title."""

    title: str
    within: str
    text: str


def chosen_languages(name: str, available: Iterable[str], settings: BenchmarkSettings) -> tuple[str, ...]:
    """Return the benchmark's languages that `benchmark.languages` asks for, in alphabetical order.

    One list serves all benchmarks, so this ignores languages that a benchmark lacks; UserError if none is left.
    """
    if settings.languages == "all":
        return tuple(sorted(available))
    chosen = tuple(sorted(set(available) & set(settings.languages)))
    if not chosen:
        wanted = ", ".join(settings.languages)
        where = "params.yaml, benchmark.languages"
        raise unknown_name(f"language of {name}:", wanted, available, where=where)
    return chosen


def parallel_benchmark(
    name: str, sections: Mapping[str, Mapping[str, Section]], settings: BenchmarkSettings
) -> Benchmark:
    """Return title -> text retrieval over sections that have the same id in every language.

    `sections[lang][unit]`; English must be there, because it decides which units exist. A repeated English title
    becomes the query "within: title" in every language; units whose query or text still repeats are left out. A
    translation counts if both title and text differ from the English and the text is in its language. Texts end at
    `max_passage_characters`. Ids are `<lang>:<unit>`, and the parallel_id is the unit.
    """
    limit = settings.max_passage_characters
    english = {
        unit: section
        for unit, section in sorted(sections["en"].items())
        if section.title and len(section.text) >= MIN_SECTION_CHARACTERS
    }
    titles = Counter(section.title for section in english.values())

    def question(unit: str, lang: str) -> str:
        section = sections[lang][unit]
        qualified = titles[english[unit].title] > 1 and section.within
        return f"{section.within}: {section.title}" if qualified else section.title

    asked = Counter(question(unit, "en") for unit in english)
    texts = Counter(section.text[:limit] for section in english.values())
    unique = [unit for unit in english if asked[question(unit, "en")] == texts[english[unit].text[:limit]] == 1]
    queries: list[Query] = []
    passages: list[Passage] = []
    for lang in chosen_languages(name, sections, settings):
        for unit in unique:
            section = sections[lang].get(unit)
            if section is None or (lang != "en" and not _translates(section, english[unit], lang, limit)):
                continue
            queries.append(Query(f"{lang}:{unit}", unit, lang, question(unit, lang)))
            passages.append(Passage(f"{lang}:{unit}", lang, section.text[:limit].rstrip()))
    qrels = sorted((Qrel(query.parallel_id, query.id) for query in queries), key=lambda qrel: qrel.passage)
    return Benchmark(name, _by_id(queries), _by_id(passages), tuple(qrels))


def _translates(section: Section, original: Section, lang: str, limit: int) -> bool:
    text = section.text[:limit].rstrip()
    differs = section.title != original.title and text != original.text[:limit].rstrip()
    return differs and bool(section.title and text) and written_in(text, lang)


def _by_id(rows: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(sorted(rows, key=lambda row: row.id))
