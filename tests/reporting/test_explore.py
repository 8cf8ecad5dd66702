"""One query through two systems: ranks against brute force, words found, and what is drawn of them."""

import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from babelmix.benchmarks.benchmark import Benchmark, Itself, Lost, Passage, Qrel, Query
from babelmix.benchmarks.qrels import qrels_of
from babelmix.common.errors import UserError
from babelmix.evaluation.evaluate import evaluate
from babelmix.reporting.explore import find_query, one_line, show, summarise, view_of
from babelmix.reporting.explore_choice import IMPROVED, RANDOM, WORSENED, choose, show_chosen
from babelmix.reporting.explore_page import write_page
from babelmix.reporting.explore_terminal import render
from babelmix.retrieval.scorers import CosineScorer

HOSTILE = "<script>alert(\"x\")</script> & 'single' \x1b[31mred\x07 \u202eevil"
TEXTS = {
    "ar": ("كيف أطبع صفحة؟", "اختر طباعة من القائمة ثم اختر الطابعة واضغط على زر الطباعة، وانتظر حتى تخرج الصفحة " * 3),
    "de": ("Wie drucke ich eine Seite?", "Wählen Sie Drucken. " * 12),
    "en": ("How do I print a page?", HOSTILE),
    "hi": ("मैं एक पृष्ठ कैसे मुद्रित करूँ?", "मेनू से मुद्रण चुनें और प्रतीक्षा करें। " * 8),
    "zh": ("如何打印页面？", "从菜单中选择打印，然后选择打印机，再按打印按钮。" * 8),
}


def make_benchmark(questions=12, languages=tuple(TEXTS)):
    """Every question asked and answered in every language; English comes with hostile passages."""
    names = [(lang, f"q{n:02}") for lang in sorted(languages) for n in range(questions)]
    queries = tuple(Query(f"{lang}:{name}", name, lang, f"{TEXTS[lang][0]} {name}") for lang, name in names)
    passages = tuple(Passage(f"{lang}:{name}", lang, f"{name} {TEXTS[lang][1]}") for lang, name in names)
    return Benchmark("toy", queries, passages, tuple(Qrel(name, f"{lang}:{name}") for lang, name in names))


def make_vectors(benchmark, bias, seed=0):
    rng = np.random.default_rng(seed)
    meaning = {query.parallel_id: rng.normal(size=24) for query in benchmark.queries}
    tongue = {lang: 2 * bias * rng.normal(size=24) for lang in benchmark.languages}

    def rows(items):
        vectors = np.array([meaning[item.id.split(":")[1]] + tongue[item.lang] for item in items])
        vectors += rng.normal(size=vectors.shape)
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)

    return rows(benchmark.queries), rows(benchmark.passages)


BENCHMARK = make_benchmark()
FIRST, SECOND = make_vectors(BENCHMARK, 1.0), make_vectors(BENCHMARK, 0.3)


def make_entry(query=BENCHMARK.queries[0]):
    row = BENCHMARK.queries.index(query) if query.id else 0
    return show(BENCHMARK, query, [("contrastive", FIRST[0][row], FIRST[1]), ("hybrid", SECOND[0][row], SECOND[1])])


def printed(entry, width, **options):
    console = Console(file=io.StringIO(), width=width, **options)
    render(entry, console)
    return console.file.getvalue()


# Looking

UNIT = np.array([[1, 0], [0, 1], [-1, 0], [0.6, 0.8], [0.8, 0.6]], dtype=np.float16)


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=30),
    st.integers(0, 4),
    st.sets(st.integers(0, 29)),
    st.integers(1, 12),
)
def test_hits_and_ranks_are_those_of_a_ranking_really_built_ties_by_passage(kinds, kind, relevant, top):
    relevant = {row for row in relevant if row < len(kinds)}
    benchmark = Benchmark("toy", (), tuple(Passage(f"p{i:02}", "en", f"text {i}") for i in range(len(kinds))), ())
    view = view_of(benchmark, UNIT[kind], UNIT[kinds], "toy", relevant, top)
    scores = [
        float(np.float32(sum(float(a) * float(b) for a, b in zip(UNIT[kind], UNIT[k], strict=True)))) for k in kinds
    ]
    ranking = sorted(range(len(kinds)), key=lambda row: (-scores[row], row))
    assert [(hit.rank, hit.score, hit.text, hit.relevant) for hit in view.hits] == [
        (rank, scores[row], f"text {row}", row in relevant) for rank, row in enumerate(ranking[:top], start=1)
    ]
    assert [(answer.rank, answer.passage) for answer in view.answers] == [
        (rank, f"p{row:02}") for rank, row in enumerate(ranking, start=1) if row in relevant
    ]


def test_average_precision_and_rank_distance_are_those_of_evaluate():
    evaluation = evaluate(qrels_of(BENCHMARK), CosineScorer(*FIRST))
    pooled = evaluation.scores.average_precision[evaluation.scores.scope == "multilingual"]
    views = [make_entry(query).views[0] for query in BENCHMARK.queries]
    assert [view.average_precision for view in views] == pytest.approx(pooled.tolist(), abs=1e-15)
    assert np.mean([view.rank_distance for view in views]) == pytest.approx(evaluation.bias.rank_distance)


def test_a_right_answer_without_a_text_counts_as_not_found():
    query = BENCHMARK.queries[0]
    benchmark = replace(BENCHMARK, lost=(Lost(query.parallel_id, "de"),))
    judged = evaluate(qrels_of(benchmark), CosineScorer(*SECOND)).scores
    pooled = judged.average_precision[judged.scope == "multilingual"]
    view = show(benchmark, query, [("hybrid", SECOND[0][0], SECOND[1])]).views[0]
    assert view.average_precision == pytest.approx(pooled[0], abs=1e-15)
    assert f" of {len(view.answers) + 1} in the top 10" in summarise(view)
    alone = replace(view, answers=())
    assert alone.average_precision == 0
    entry = replace(make_entry(query), views=(alone,))
    assert summarise(alone) in " ".join(printed(entry, 120).split())


def test_a_query_brings_its_right_answers_in_all_languages_and_itself_in_english():
    entry = make_entry(find_query(BENCHMARK, "zh:q03"))
    assert entry.english == "How do I print a page? q03"
    for view in entry.views:
        assert {answer.passage for answer in view.answers} == {f"{lang}:q03" for lang in TEXTS}
        assert [hit.relevant for hit in view.hits] == [hit.text.startswith("q03") for hit in view.hits]
    assert make_entry(find_query(BENCHMARK, "en:q03")).english == ""


def test_a_passage_that_is_one_query_alone_is_no_hit_and_no_answer_of_that_query():
    first, second = BENCHMARK.queries[:2]
    same = tuple(Itself(query.parallel_id, query.id, query.id) for query in (first, second))
    benchmark = replace(BENCHMARK, itself=same)
    other = find_query(BENCHMARK, f"zh:{first.parallel_id}")
    found = {}
    for query in (first, other):
        row = BENCHMARK.queries.index(query)
        found[query.id] = show(benchmark, query, [("hybrid", SECOND[0][row], SECOND[1])], top=60).views[0]
        judged = evaluate(qrels_of(benchmark), CosineScorer(*SECOND)).scores
        pooled = judged.average_precision[judged.scope == "multilingual"]
        assert found[query.id].average_precision == pytest.approx(pooled[row], abs=1e-15)
    assert [len(view.hits) for view in found.values()] == [59, 60]
    assert first.id not in {answer.passage for answer in found[first.id].answers}
    assert first.id in {answer.passage for answer in found[other.id].answers}


def test_a_text_of_ones_own_has_hits_and_no_answers():
    entry = make_entry(Query("", "", "", "words of my own"))
    assert all(len(view.hits) == 10 and view.answers == () for view in entry.views)
    assert [entry.views[0].average_precision, entry.views[0].rank_distance, entry.english] == [None, None, ""]


@pytest.mark.parametrize(
    ("query", "passages", "message"),
    [
        (FIRST[0][0], FIRST[1][:-1], "59 passage vectors, expected 60"),
        (FIRST[0][0][:-1], FIRST[1], "queries have 23 dimensions, passages 24"),
        (np.zeros_like(FIRST[0][0]), FIRST[1], "zero vector"),
    ],
)
def test_vectors_that_do_not_fit_are_refused_by_the_name_of_their_system(query, passages, message):
    with pytest.raises(UserError, match=message) as caught:
        view_of(BENCHMARK, query, passages, "hybrid", {0})
    assert "hybrid" in caught.value.where


# Finding


@pytest.mark.parametrize(
    ("words", "lang", "found"),
    [
        ("de:q03", None, "de:q03"),
        ("q03", None, "en:q03"),
        ("q03", "zh", "zh:q03"),
        ("  wie drucke ich eine SEITE? q03 ", None, "de:q03"),
        ("How do I print a page?", None, None),
        ("如何打印页面？", None, None),
    ],
)
def test_ids_and_known_words_are_found_and_the_rest_is_free_text(words, lang, found):
    query = find_query(BENCHMARK, words, lang)
    assert (query and query.id) == found


def test_without_english_the_first_language_stands_for_a_question():
    assert find_query(make_benchmark(languages=("zh", "de")), "q03").id == "de:q03"


def test_words_of_several_questions_are_free_text():
    benchmark = replace(BENCHMARK, queries=tuple(replace(query, text="the same") for query in BENCHMARK.queries))
    assert find_query(benchmark, "the same") is None


@pytest.mark.parametrize(
    ("words", "lang", "message"),
    [
        ("de:q0", None, "did you mean 'de:q10'"),
        ("de:q99", None, "did you mean 'de:q09'"),
        ("xx:nothing-like-it", None, "ids look like 'ar:q00'"),
        ("q03", "fr", "valid: ar, de, en, hi, zh"),
        ("de:q03", "en", "valid: de"),
        ("words of my own", "de", "leave it out"),
        (" ", None, "an empty query"),
    ],
)
def test_ids_and_languages_that_are_none_are_refused(words, lang, message):
    with pytest.raises(UserError, match=re.escape(message)):
        find_query(BENCHMARK, words, lang)


# Choosing


def scored(vectors):
    return evaluate(qrels_of(BENCHMARK), CosineScorer(*vectors)).scores


def test_the_extremes_and_the_drawn_are_chosen_as_they_say():
    first, second = scored(FIRST), scored(make_vectors(BENCHMARK, 1.0, seed=1))
    choice = choose(BENCHMARK, first, second, seed=5, each=3)
    mask = first.scope == "multilingual"
    change = (second.average_precision - first.average_precision)[mask]
    by_id = dict(zip([query.id for query in BENCHMARK.queries], change.tolist(), strict=True))
    picked = {group: [query for g, query in choice.picked if g == group] for group in (IMPROVED, WORSENED, RANDOM)}
    assert [len(queries) for queries in picked.values()] == [3, 3, 3]
    best = {
        name: max(v for i, v in by_id.items() if i.endswith(name))
        for name in {q.parallel_id for q in BENCHMARK.queries}
    }
    assert [by_id[query.id] for query in picked[IMPROVED]] == sorted(best.values())[::-1][:3]
    worst = {name: min(v for i, v in by_id.items() if i.endswith(name)) for name in best}
    assert [by_id[query.id] for query in picked[WORSENED]] == sorted(worst.values())[:3]
    assert len({query.lang for query in picked[RANDOM]}) == 3
    assert (choice.rose, choice.fell, choice.total) == (int((change > 0).sum()), int((change < 0).sum()), 60)


def test_the_seed_decides_the_drawn_alone():
    first, second = scored(FIRST), scored(SECOND)
    choices = [choose(BENCHMARK, first, second, seed) for seed in (5, 5, 6)]
    assert choices[0] == choices[1] != choices[2]
    assert choices[0].picked[:-4] == choices[2].picked[:-4]


def test_a_system_against_itself_has_no_extremes_and_a_small_benchmark_runs_dry():
    choice = choose(BENCHMARK, scored(FIRST), scored(FIRST), seed=1, each=100)
    assert {group for group, _ in choice.picked} == {RANDOM}
    assert {query for _, query in choice.picked} == set(BENCHMARK.queries) and len(choice.picked) == 60


def test_every_query_of_a_language_may_be_drawn():
    first = scored(FIRST)
    drawn = {choose(BENCHMARK, first, first, seed, each=1).picked[0][1].id for seed in range(600)}
    assert drawn == {query.id for query in BENCHMARK.queries}


def test_scores_of_other_queries_are_refused():
    other = make_benchmark(questions=11)
    with pytest.raises(UserError, match="other queries"):
        choose(other, scored(FIRST), scored(SECOND), seed=1)


# In the terminal


@pytest.mark.parametrize("width", [40, 80, 119, 120, 160])
@pytest.mark.parametrize("colour", [False, True])
def test_no_line_is_wider_than_the_terminal(width, colour):
    for query in (*BENCHMARK.queries[::12], Query("", "", "", HOSTILE)):
        shown = printed(make_entry(query), width, force_terminal=colour, color_system="256" if colour else None)
        plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
        assert max(map(cell_len, plain.splitlines())) <= width
        assert ("\x1b" in shown) == colour and not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", plain)


def test_two_systems_stand_side_by_side_where_there_is_room():
    def titles(width):
        return [line.split() for line in printed(make_entry(), width).splitlines() if line.startswith("contrastive")]

    assert titles(120) == [["contrastive", "hybrid"]] and titles(119) == [["contrastive"]]


def test_what_is_printed_is_what_was_found():
    entry = make_entry(find_query(BENCHMARK, "q03"))
    lines = printed(entry, 80).splitlines()
    assert lines[:2] == ["How do I print a page? q03", "en · question q03"]
    view = entry.views[1]
    block = [line.split() for line in lines[lines.index("hybrid") + 1 :]]
    for hit, words in zip(view.hits, block, strict=False):
        mark = ["✓"] if hit.relevant else []
        assert words[: 3 + len(mark)] == [str(hit.rank), *mark, hit.lang, f"{hit.score:.3f}"]
    ranks = block[block.index(["ranks", "of", "the", "right", "answers"]) + 1]
    assert ranks == [
        part for answer in sorted(view.answers, key=lambda a: a.lang) for part in (answer.lang, f"{answer.rank}")
    ]
    assert lines[-1] == (
        f"{sum(hit.relevant for hit in view.hits)} of 5 in the top 10 · AP {view.average_precision:.3f} · "
        f"rank distance {view.rank_distance}"
    )


def test_hundreds_of_answers_are_cut_short():
    benchmark = replace(BENCHMARK, qrels=tuple(Qrel("q00", passage.id) for passage in BENCHMARK.passages))
    entry = show(benchmark, BENCHMARK.queries[0], [("contrastive", FIRST[0][0], FIRST[1])])
    assert "and 20 more" in printed(entry, 80)


def test_one_line_keeps_joiners_and_drops_what_a_terminal_obeys():
    assert one_line("a\tb\n\x1b[2J\u202ec\ud800 می\u200cخواهم") == "a b [2Jc می\u200cخواهم"


# On the page


class Page(HTMLParser):
    """Tags with their attributes, texts, and tags left open."""

    VOID = ("meta", "br")

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.texts = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="module")
def made():
    choice = choose(BENCHMARK, scored(FIRST), scored(SECOND), seed=5, each=2)
    entries = show_chosen(BENCHMARK, choice, [("<contrastive>", *FIRST), ("hybrid", *SECOND)])
    return choice, entries


def written(path, made):
    write_page(path, "toy & co", 'Toy "texts": <none>', *made)
    return path.read_bytes()


def test_the_page_is_whole_and_asks_for_nothing(tmp_path, made):
    page = Page(written(tmp_path / "page.html", made).decode())
    assert page.open == []
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "img", "iframe", "object", "form", "base"}
    assert {attrs["href"] for tag, attrs in page.tags if tag == "a"} == {f"#q{n}" for n in range(1, len(made[1]) + 1)}
    assert not any(name.startswith("on") or name == "src" for _, attrs in page.tags for name in attrs)
    policy = next(attrs["content"] for _, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline';")
    assert "url(" not in "".join(page.texts) and "@import" not in "".join(page.texts)


def test_hostile_texts_are_shown_and_not_obeyed(tmp_path, made):
    raw = written(tmp_path / "page.html", made).decode()
    text = "".join(Page(raw).texts)
    assert "<script>alert(\"x\")</script> & 'single' [31mred evil" in text
    assert "toy & co: <contrastive> and hybrid" in text and 'Toy "texts": <none>' in text
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", raw)


def test_every_text_says_its_language_and_stands_in_its_own_direction(tmp_path, made):
    tags = Page(written(tmp_path / "page.html", made).decode()).tags
    titles = [attrs for tag, attrs in tags if tag == "h3"]
    assert [attrs["lang"] for attrs in titles] == [entry.query.lang for entry in made[1]]
    passages = [attrs for tag, attrs in tags if tag == "summary" and "lang" in attrs]
    assert len(passages) == sum(len(e.views[0].hits) * 2 + len(e.views[0].answers) for e in made[1])
    assert all(attrs["dir"] == "auto" for attrs in (*titles, *passages))


def test_the_page_tells_what_was_found_and_how_it_was_chosen(tmp_path, made):
    choice, entries = made
    text = " ".join("".join(Page(written(tmp_path / "page.html", made).decode()).texts).split())
    assert f"rose for {choice.rose} of 60 queries, fell for {choice.fell} and stayed the same for" in text
    for title in ("Most improved", "Most worsened", "Drawn at random"):
        assert text.count(title) == 2  # in the table and over the section
    for entry in entries:
        before, after = (view.average_precision for view in entry.views)
        assert f"{before:.3f}{after:.3f}{after - before:+.3f}".replace("-", "−") in text
        ranks = " ".join(f"{a.lang} {a.rank}" for a in sorted(entry.views[1].answers, key=lambda a: a.lang))
        assert ranks in text


def test_the_same_entries_give_the_same_bytes(tmp_path, made):
    first = written(tmp_path / "a.html", made)
    choice = choose(BENCHMARK, scored(FIRST), scored(SECOND), seed=5, each=2)
    again = (choice, show_chosen(BENCHMARK, choice, [("<contrastive>", *FIRST), ("hybrid", *SECOND)]))
    assert written(tmp_path / "b.html", again) == first


def test_long_passages_are_cut_on_the_page(tmp_path, made):
    entry = made[1][0]
    view = entry.views[0]
    long = replace(view, hits=(replace(view.hits[0], text="x" * 5000),))
    written(tmp_path / "page.html", (made[0], [replace(entry, views=(long, entry.views[1]))]))
    assert f">{'x' * 600}…<" in (tmp_path / "page.html").read_text(encoding="utf-8")
