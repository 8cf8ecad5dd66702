"""The pages of `explore`: chosen queries in two systems, each page one HTML file that loads nothing else.

    choice = choose(benchmark, contrastive_scores, hybrid_scores, seed=13)
    write_page(Path("reports/explore/xquad-r.html"), "xquad-r", "XQuAD-R: CC BY-SA 4.0", choice, show_chosen(...))

A page has no script and no outside resource, and a policy that forbids both. Every text is escaped, and has its own
direction. The same entries give the same bytes.
"""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from babelmix.benchmarks.files import read_benchmark
from babelmix.benchmarks.registry import licence_of
from babelmix.common.files import new_file, new_folder, write_json
from babelmix.evaluation.score_files import read_query_scores
from babelmix.reporting.explore import RANKS, Entry, View, by_language, one_line, summarise
from babelmix.reporting.explore_choice import IMPROVED, RANDOM, WORSENED, Choice, choose, show_chosen
from babelmix.reporting.explore_questions import to_questions
from babelmix.reporting.names import RIGHT
from babelmix.reporting.results import reference_of
from babelmix.retrieval.embeddings import open_embeddings
from babelmix.settings.params import Settings
from babelmix.workspace import UNTRAINED, Workspace

TEXT = 600  # characters of a passage at most
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
GROUPS = {
    IMPROVED: ("Most improved", "The largest gains of all queries. Extremes prove nothing about the rest."),
    WORSENED: ("Most worsened", "The largest losses of all queries. Extremes prove nothing about the rest."),
    RANDOM: (
        "Drawn at random",
        "A language, then a query of it, among all queries. Only these represent the rest.",
    ),
    "": ("Asked for", "Chosen by hand."),
}
STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c1e21; --faint: #62676e; --line: #e3e5e8;
  --good: #0a7a4b; --wash: #e9f6ef; --bad: #b3261e; --chip: 94%; --word: 27% }
@media (prefers-color-scheme: dark) { :root { --paper: #15171a; --ink: #e6e7e9; --faint: #9aa0a8; --line: #2c3036;
  --good: #5fd3a0; --wash: #14291f; --bad: #ff8f86; --chip: 20%; --word: 80% } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 78rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, "Noto Sans", sans-serif; overflow-wrap: anywhere }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .75rem }
h2 { font-size: 1.25rem; margin: 3rem 0 .25rem }
h3 { font-size: 1.2rem; line-height: 1.4; margin: 0; text-align: left }
h4 { font-size: 1rem; margin: 0 }
p { margin: .25rem 0; max-width: 46rem }
a { color: inherit; text-decoration-color: var(--faint); text-underline-offset: .2em }
.faint, footer { color: var(--faint); font-size: .9rem }
.better { color: var(--good) } .worse { color: var(--bad) }
article { border-top: 1px solid var(--line); padding: 1.5rem 0 1rem; margin-top: 1rem }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1.5rem 2.5rem; margin-top: 1rem }
.pair > section { min-width: 0 }
.lang { display: inline-block; min-width: 2rem; padding: 0 .35rem; border-radius: .3rem; text-align: center;
  font: 600 .8rem/1.4rem ui-monospace, monospace; background: hsl(var(--hue) 70% var(--chip));
  color: hsl(var(--hue) 75% var(--word)) }
ol, ul { list-style: none; margin: .6rem 0; padding: 0 }
.hits li { display: grid; grid-template-columns: 1.4rem 1.1rem 2.3rem 1fr 3rem; gap: 0 .4rem; padding: .3rem .4rem;
  border-radius: .35rem; align-items: baseline }
.hits li + li { margin-top: .1rem }
.hits .right { background: var(--wash) }
.place, .score { color: var(--faint); font-size: .85rem; text-align: right; font-variant-numeric: tabular-nums }
.mark { color: var(--good); font-weight: 700 }
summary { cursor: pointer; list-style: none }
summary::-webkit-details-marker { display: none }
.cut > summary { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden }
.cut[open] > summary { display: block }
.ranks { display: grid; grid-template-columns: repeat(auto-fill, minmax(5rem, 1fr)); gap: .3rem;
  font-variant-numeric: tabular-nums }
.first { font-weight: 700 } .far { color: var(--faint) }
.answers { margin-top: 1rem } .answers > summary { color: var(--faint); font-size: .9rem }
.answers > summary::before { content: "▸ " } .answers[open] > summary::before { content: "▾ " }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 }
th, td { text-align: start; vertical-align: baseline; padding: .3rem .75rem .3rem 0; font-weight: inherit }
tbody tr { border-top: 1px solid var(--line) }
.group th { padding-top: 1rem; font-weight: 700 }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; padding-right: 0;
  padding-left: .75rem }
thead th { color: var(--faint); font-size: .85rem; vertical-align: bottom }
footer { border-top: 1px solid var(--line); margin-top: 3rem; padding-top: 1rem }
@media (max-width: 48rem) { body { padding: 1.25rem .9rem 3rem } .pair { grid-template-columns: 1fr }
  h1 { font-size: 1.4rem } .hits .score { display: none }
  .hits li { padding: .3rem .2rem; grid-template-columns: 1.4rem 1.1rem 2.3rem 1fr }
  .overview tr { display: grid; grid-template-columns: repeat(3, 1fr) }
  .overview tr > :first-child { grid-column: 1 / 4 }
  .overview .number { white-space: normal; text-align: left; padding-left: 0 } }
@media print { .cut > summary { display: block } article { break-inside: avoid } }
""".strip()


def write_pages(workspace: Workspace, settings: Settings) -> None:
    """Write `<benchmark>.html` for each benchmark: a few queries through the reference and the last other objective.

    Beside them `questions.json` has what the pages show, for the report of the study.
    """
    reference = reference_of(settings.objectives)
    other = next((name for name in reversed(settings.objectives) if name != reference), None)
    first, second = (reference, other) if other else (UNTRAINED, reference)
    shown: list[dict[str, Any]] = []
    with new_folder(workspace.explore) as folder:
        for name in settings.benchmarks:
            benchmark = read_benchmark(workspace.benchmark(name))
            files = [workspace.query_scores(system, name) for system in (first, second)]
            choice = choose(benchmark, *(read_query_scores(file, str(file)) for file in files), seed=settings.seed)
            opened = {
                system: open_embeddings(workspace.embeddings(system, name), workspace.benchmark(name))
                for system in (first, second)
            }
            systems = [(system, vectors.queries, vectors.passages) for system, vectors in opened.items()]
            entries = show_chosen(benchmark, choice, systems)
            write_page(folder / f"{name}.html", name, licence_of(name), choice, entries)
            shown += to_questions(name, licence_of(name), entries)
        write_json(folder / workspace.explore_questions.name, {"questions": shown})


def write_page(path: Path, benchmark: str, licence: str, choice: Choice, entries: Sequence[Entry]) -> None:
    """Write the page of a benchmark's chosen queries; every entry has the same two systems, in the same order.

    Args:
        path: of the HTML file.
        benchmark: its name.
        licence: a line on the licence of the texts, for the foot of the page.
        choice: see explore_choice.choose.
        entries: see explore_choice.show_chosen.
    """
    languages = sorted({lang for entry in entries for lang in entry.languages})
    hue = {lang: round(360 * place / len(languages)) for place, lang in enumerate(languages)}
    first, second = (escape(view.system) for view in entries[0].views) if entries else ("one system", "another")
    title = f"{escape(benchmark)}: {first} and {second}, side by side"
    numbered = list(enumerate(entries, start=1))
    groups = {group: [item for item in numbered if item[1].group == group] for group in GROUPS}
    body = [f"<h1>{title}</h1>", _introduction(choice, first, second), _overview(groups, hue, first, second)]
    for group, items in groups.items():
        if items:
            name, why = GROUPS[group]
            body.append(f'<section>\n<h2>{name}</h2>\n<p class="faint">{why}</p>')
            body += [_article(number, entry, hue) for number, entry in items]
            body.append("</section>")
    body.append(f"<footer><p>Texts: {escape(licence)}. Passages longer than {TEXT} characters are cut.</p></footer>")
    head = [
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title>",
        f"<style>\n{STYLE}\n</style>",
    ]
    lines = ["<!doctype html>", '<html lang="en">', "<head>", *head, "</head>", "<body>", *body, "</body>", "</html>"]
    with new_file(path) as stream:
        stream.write("\n".join(lines) + "\n")


def _introduction(choice: Choice, first: str, second: str) -> str:
    same = choice.total - choice.rose - choice.fell
    return (
        "<p>Both systems searched one pool, the passages of all languages, for each query. Each query has the ten best "
        "passages of each system, and the ranks of its right answers in every language. "
        f'<span class="mark">{RIGHT}</span> marks a right answer; click on a text to read all of it.</p>\n'
        f"<p>From {first} to {second}, average precision (AP, over the whole pool) rose for {choice.rose:,} of "
        f"{choice.total:,} queries, fell for {choice.fell:,} and stayed the same for {same:,}. The page shows the "
        "largest gains and the largest losses, one query for each question, and some queries drawn at random.</p>"
    )


def _overview(groups: dict[str, list[tuple[int, Entry]]], hue: dict[str, int], first: str, second: str) -> str:
    """Return a table of all entries with their average precision in both systems."""
    head = "".join(f'<th scope="col" class="number">{name}</th>' for name in (f"AP {first}", f"AP {second}", "change"))
    rows: list[str] = []
    for group, items in groups.items():
        if items:
            rows.append(f'<tr class="group"><th colspan="4" scope="rowgroup">{GROUPS[group][0]}</th></tr>')
        for number, entry in items:
            text = _text(entry.query.text, entry.query.lang, "a", f' href="#q{number}"')
            if entry.english:
                text += f"<br>{_text(entry.english, 'en', 'span', _class('faint'))}"
            before, after = (view.average_precision for view in entry.views)
            cells = [_number(before), _number(after), '<td class="number">–</td>']
            if before is not None and after is not None:
                cells[2] = _change(after - before)
            rows.append(f"<tr><td>{_chip(entry.query.lang, hue)} {text}</td>{''.join(cells)}</tr>")
    return f'<table class="overview">\n<thead><tr><th scope="col">query</th>{head}</tr></thead>\n<tbody>\n' + "\n".join(
        [*rows, "</tbody>\n</table>"]
    )


def _article(number: int, entry: Entry, hue: dict[str, int]) -> str:
    query = entry.query
    lines = [f'<article id="q{number}">', _text(query.text, query.lang, "h3")]
    if entry.english:
        lines.append(f'<p class="faint">In English: {_text(entry.english, "en", "span")}</p>')
    named = f"question {escape(query.parallel_id)}" if query.id else "free text without known right answers"
    lines.append(f'<p class="faint">{_chip(query.lang, hue)} {named}</p>')
    lines += ['<div class="pair">', *(_view(view, hue) for view in entry.views), "</div>"]
    lines += [*_answers(entry, hue), "</article>"]
    return "\n".join(lines)


def _view(view: View, hue: dict[str, int]) -> str:
    """Return the ranks of the right answers and the best passages of one system."""
    lines = [f'<section>\n<h4>{escape(view.system)}</h4>\n<p class="faint">{summarise(view)}</p>']
    if view.answers:
        ranks = [
            f'<li>{_chip(answer.lang, hue)} <span class="{_distance(answer.rank)}">{answer.rank:,}</span></li>'
            for answer in by_language(view.answers[:RANKS])
        ]
        if len(view.answers) > RANKS:
            ranks.append(f'<li class="far">and {len(view.answers) - RANKS:,} more</li>')
        lines += ['<ul class="ranks" aria-label="ranks of the right answers">', *ranks, "</ul>"]
    lines.append('<ol class="hits">')
    for hit in view.hits:
        mark = (
            f'<span class="mark" role="img" aria-label="right answer">{RIGHT}</span>'
            if hit.relevant
            else "<span></span>"
        )
        lines.append(
            f'<li{_class("right") if hit.relevant else ""}><span class="place">{hit.rank}</span>{mark}'
            f"{_chip(hit.lang, hue)}{_cut(hit.text, hit.lang)}"
            f'<span class="score">{hit.score:.3f}</span></li>'
        )
    return "\n".join([*lines, "</ol>", "</section>"])


def _answers(entry: Entry, hue: dict[str, int]) -> list[str]:
    """Return the right answers in full, with their ranks in both systems, in a part that opens on a click."""
    shown = by_language(entry.views[0].answers[:RANKS])
    if not shown:
        return []
    ranks = [{answer.passage: answer.rank for answer in view.answers} for view in entry.views]
    head = "".join(f'<th scope="col" class="number">{escape(view.system)}</th>' for view in entry.views)
    rows = [
        f"<tr><td>{_chip(answer.lang, hue)}</td><td>{_cut(answer.text, answer.lang)}</td>"
        + "".join(
            f'<td class="number {_distance(rank[answer.passage])}">{rank[answer.passage]:,}</td>' for rank in ranks
        )
        + "</tr>"
        for answer in shown
    ]
    return [
        '<details class="answers"><summary>The right answers in full, with their ranks</summary>',
        f'<table>\n<thead><tr><th></th><th scope="col">passage</th>{head}</tr></thead>\n<tbody>',
        *rows,
        "</tbody>\n</table>\n</details>",
    ]


def _cut(text: str, lang: str) -> str:
    """Return a passage that shows two lines, and all lines after a click."""
    return f'<details class="cut">{_text(text, lang, "summary")}</details>'


def _text(text: str, lang: str, tag: str, attributes: str = "") -> str:
    """Return an element with an escaped text, its language, and the direction of its own letters."""
    line = one_line(text)
    line = line if len(line) <= TEXT else f"{line[:TEXT].rstrip()}…"
    return f'<{tag} lang="{escape(lang)}" dir="auto"{attributes}>{escape(line)}</{tag}>'


def _chip(lang: str, hue: dict[str, int]) -> str:
    return f'<span class="lang" style="--hue: {hue[lang]}">{escape(lang)}</span>' if lang else ""


def _number(value: float | None) -> str:
    return f'<td class="number">{"–" if value is None else f"{value:.3f}"}</td>'


def _change(change: float) -> str:
    kind = "better" if change > 0 else "worse" if change < 0 else ""
    number = f"{change:+.3f}".replace("-", "−")
    return f'<td class="number {kind}">{number}</td>'


def _distance(rank: int) -> str:
    return "first" if rank <= 10 else "near" if rank <= 100 else "far"


def _class(name: str) -> str:
    return f' class="{name}"'
