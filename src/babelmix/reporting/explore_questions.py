"""What the pages of `explore` show, as JSON: the report of the study takes single questions from it.

write_json(folder / "questions.json", {"questions": to_questions("xquad-r", licence, entries)})
"""

from collections.abc import Iterable
from typing import Any

from babelmix.reporting.explore import Entry, one_line, summarise


def to_questions(benchmark: str, licence: str, entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """Return each entry with its group and query, and the best passages of every system; texts on one line."""
    return [
        {
            "benchmark": benchmark,
            "licence": licence,
            "group": entry.group,
            "lang": entry.query.lang,
            "text": one_line(entry.query.text),
            "english": one_line(entry.english),
            "views": [
                {
                    "system": view.system,
                    "summary": summarise(view),
                    "hits": [
                        {"rank": hit.rank, "lang": hit.lang, "text": one_line(hit.text), "relevant": hit.relevant}
                        for hit in view.hits
                    ],
                }
                for view in entry.views
            ],
        }
        for entry in entries
    ]
