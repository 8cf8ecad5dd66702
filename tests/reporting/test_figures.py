import json
from dataclasses import replace

import pytest

from babelmix.reporting import figures, heat_maps
from babelmix.reporting.drawing import COLOURS, save
from babelmix.reporting.results import HistoryRow, Results

pytestmark = pytest.mark.slow  # drawings take seconds

SYSTEMS = ("bm25", "untrained", "contrastive", "hybrid", "untrained+lir", "contrastive+lir", "hybrid+lir")
# Score, and share of the query's own language, of each system: made up, in the order that one expects.
STRENGTH = dict(zip(SYSTEMS, (0.55, 0.28, 0.69, 0.67, 0.45, 0.7, 0.68), strict=True))
OWN = dict(zip(SYSTEMS, (0.997, 0.92, 0.61, 0.45, 0.3, 0.14, 0.08), strict=True))
DISTANCE = dict(zip(SYSTEMS, (0.93, 1.035, 0.35, 0.26, 0.4, 0.1, 0.06), strict=True))
FEW = {"xquad-r": (("de", "en", "es"), ("de", "en", "es")), "nfcorpus": (("de", "en", "zh"), ("en",))}
XQUAD = ("ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh")


def make_evaluation(system, queries=XQUAD, passages=XQUAD, **more):
    def score(query, passage):
        value = STRENGTH[system] * (1 if query == passage else 0.7) - 0.012 * queries.index(query)
        return {"map": value, "ndcg_at_10": 1.1 * value}

    def mean(by):
        return {name: sum(row[name] for row in by.values()) / len(by) if by else None for name in ("map", "ndcg_at_10")}

    mono = {name: score(name, name) for name in queries if name in passages}
    cross = {f"{a}-{b}": score(a, b) for a in queries for b in passages if a != b}
    pool = {name: (1 + i % 3) / sum(1 + n % 3 for n in range(len(passages))) for i, name in enumerate(passages)}
    shares = {}
    for query in queries:
        others = sum(pool[name] for name in passages if name != query)
        own = OWN[system] if len(passages) > 1 else 1.0
        shares[query] = {
            name: own if name == query else (1 - own * (query in pool)) * pool[name] / others for name in passages
        }
    by = {"monolingual": mono, "crosslingual": cross, "multilingual": {name: score(name, name) for name in queries}}
    return {
        "scopes": {scope: mean(rows) | {"by": rows} for scope, rows in by.items()},
        "bias": {
            "same_language_share_top10": sum(shares[name][name] for name in mono) / len(mono) if mono else None,
            "rank_distance_share": DISTANCE[system],
            "language_share_pool": pool,
            "language_share_by": shares,
        },
    } | more


def make_results(systems=SYSTEMS, **languages):
    languages = languages or {"xquad-r": (XQUAD, XQUAD), "nfcorpus": (("de", "en", "es", "zh"), ("en",))}
    rows = [
        HistoryRow(n, "monolingual", 3 / n, 1e-4, {"crosslingual": 4 / n} if n % 50 == 0 else {}) for n in range(1, 201)
    ]
    return Results(
        evaluations={
            system: {
                name: make_evaluation(system, *found, main_score="ndcg_at_10" if name == "nfcorpus" else "map")
                for name, found in languages.items()
            }
            for system in systems
        },
        per_query={},
        dev={},
        histories={name: tuple(rows) for name in ("contrastive", "hybrid") if name in systems},
        pairs={},
        translations={},
        parameters=(2, 1),
    )


def draw(results, folder):
    """Every figure that these results allow; file name -> bytes."""
    last = list(results.evaluations)[-1]
    charts = {"scores": figures.scores(results)}
    if results.histories:
        charts["losses"] = figures.losses(results)
    for name, evaluation in results.evaluations[last].items():
        charts[f"bias-{name}"] = figures.language_bias(results, name)
        charts[f"pairs-{name}"] = heat_maps.pair_scores(results, name, last, evaluation["main_score"])
        charts[f"shares-{name}"] = heat_maps.share_map(results, name, last)
        charts[f"differences-{name}"] = heat_maps.differences(results, name, last, next(iter(results.evaluations)))
    for name, chart in charts.items():
        save(chart, folder / f"{name}.png")
    return {name: (folder / f"{name}.png").read_bytes() for name in charts}


def shown(chart):
    """The rows of all data sets of a chart, as drawn."""
    return [row for rows in chart.to_dict()["datasets"].values() for row in rows]


def numbers(chart):
    return {(row["query"], row["passage"]): row["text"] for row in shown(chart)}


@pytest.fixture
def results():
    return make_results()


@pytest.mark.slow
@pytest.mark.parametrize("systems", [("hybrid",), ("bm25",), ("untrained", "hybrid"), SYSTEMS])
def test_every_figure_renders_whatever_was_scored_with_one_column_too(systems, tmp_path):
    drawn = draw(make_results(systems, **FEW), tmp_path)
    assert len(drawn) == 1 + ("hybrid" in systems) + 2 * 4
    assert all(image.startswith(b"\x89PNG") and len(image) > 1000 for image in drawn.values())


def test_the_same_results_make_the_same_bytes(tmp_path):
    assert draw(make_results(**FEW), tmp_path / "one") == draw(make_results(**FEW), tmp_path / "two")


def test_missing_figures_are_a_dash_or_no_mark(results, tmp_path):
    for by_benchmark in results.evaluations.values():
        for evaluation in by_benchmark.values():
            bias = evaluation["bias"]
            bias |= {"same_language_share_top10": None, "rank_distance_share": None}
            bias["language_share_by"]["de"]["en"] = None
            evaluation["scopes"]["crosslingual"] |= {"map": None, "ndcg_at_10": None}
            evaluation["scopes"]["crosslingual"]["by"]["de-en"] |= {"map": None, "ndcg_at_10": None}
    assert draw(results, tmp_path)
    for chart in (
        heat_maps.pair_scores(results, "xquad-r", "hybrid"),
        heat_maps.share_map(results, "xquad-r", "hybrid"),
        heat_maps.differences(results, "xquad-r", "hybrid", "untrained"),
    ):
        assert [pair for pair, text in numbers(chart).items() if text == "–"] == [("de", "en")]
    assert {row["text"] for row in shown(figures.language_bias(results, "xquad-r")) if "system" in row} == {"–"}
    assert "Cross-lingual" not in {row["scope"] for row in shown(figures.scores(results))}


def test_a_native_pool_has_no_distance_to_draw_and_says_that_its_own_language_is_right(results, tmp_path):
    for found in results.evaluations.values():
        found["xquad-r"]["bias"]["rank_distance_share"] = None
        found["xquad-r"]["scopes"]["crosslingual"] = {"map": None, "ndcg_at_10": None, "by": {}}
    chart = figures.language_bias(results, "xquad-r")
    assert {row["system"] for row in shown(chart) if "system" in row} == set(SYSTEMS)
    assert [row["text"] for row in shown(chart) if "line" in row] == ["share of the pool 9%"]
    assert "to prefer it is right" in str(chart.to_dict()["title"])
    assert set(numbers(heat_maps.pair_scores(results, "xquad-r", "hybrid"))) == {(lang, lang) for lang in XQUAD}
    assert draw(results, tmp_path)


def test_a_benchmark_without_the_languages_of_its_queries_has_no_blind_share(tmp_path):
    results = make_results(SYSTEMS, **{"miracl": (("de", "es"), ("en", "fr"))})
    assert figures.unbiased_share(results.evaluations["hybrid"]["miracl"]) is None
    assert draw(results, tmp_path)


def test_an_evaluation_that_names_no_main_score_is_drawn_in_map(results):
    for evaluation in (by["xquad-r"] for by in results.evaluations.values()):
        del evaluation["main_score"]
    assert '"mean average precision"' in json.dumps(figures.scores(results).to_dict())
    assert "mean average precision" in heat_maps.differences(results, "xquad-r", "hybrid", "untrained").title.subtitle


def test_scores_are_those_of_the_main_score_of_each_benchmark(results):
    panels = figures.scores(results).to_dict()["vconcat"]
    titles = [panel["layer"][0]["encoding"]["x"]["title"] for panel in panels]
    assert titles == ["mean average precision", "nDCG@10"]
    settings = {name: results.evaluations["hybrid"][name]["scopes"]["monolingual"] for name in ("xquad-r", "nfcorpus")}
    found = {
        row["score"]
        for row in shown(figures.scores(results))
        if (row["system"], row["scope"]) == ("hybrid", "Monolingual")
    }
    assert found == {settings["xquad-r"]["map"], settings["nfcorpus"]["ndcg_at_10"]}


def test_a_system_with_lir_takes_the_hue_of_its_model_and_stands_behind_it(results):
    scale = {
        channel: figures.scores(results).to_dict()["vconcat"][0]["layer"][1]["encoding"][channel]["scale"]
        for channel in ("fill", "stroke", "shape")
    }
    names = ["untrained", "untrained+lir", "contrastive", "contrastive+lir", "hybrid", "hybrid+lir", "bm25"]
    assert scale["fill"]["domain"] == names
    for channel in ("stroke", "shape"):
        by_name = dict(zip(names, scale[channel]["range"], strict=True))
        assert by_name["hybrid+lir"] == by_name["hybrid"]
        assert len(set(by_name.values())) == 4
    fills = dict(zip(names, scale["fill"]["range"], strict=True))
    assert [name for name, fill in fills.items() if fill == "white"] == names[1:6:2]


def test_a_model_has_one_colour_in_every_figure():
    # The evaluations may hold any subset of what was trained.
    results = make_results()
    few = replace(results, evaluations={"hybrid": results.evaluations["hybrid"]})
    stroke = figures.scores(few).to_dict()["vconcat"][0]["layer"][1]["encoding"]["stroke"]["scale"]
    lines = figures.losses(few).to_dict()["spec"]["encoding"]["color"]["scale"]
    assert lines["domain"] == ["contrastive", "hybrid"]
    assert stroke["range"] == lines["range"][1:] == [COLOURS[1]]


def test_the_bias_panels_show_the_share_the_distance_and_the_lines_to_hold_them_against(results):
    rows = shown(figures.language_bias(results, "xquad-r"))
    bars = [(row["system"], row["share"]) for row in rows if "system" in row]
    assert dict(bars[:7]) == pytest.approx(OWN)
    assert dict(bars[7:]) == DISTANCE
    assert [row["line"] for row in rows if "line" in row] == [pytest.approx(1 / 11), 1]


def test_a_number_of_the_bias_panels_never_lies_across_a_line(results):
    rows = shown(figures.language_bias(results, "xquad-r"))
    at = {row["text"]: row["at"] for row in rows if "system" in row}
    assert at["8.0%"] == pytest.approx(1 / 11)  # hybrid+lir, just left of the blind share
    assert at["92%"] == at["93%"] == 1
    assert at["61%"] == pytest.approx(0.61)
    assert at["103%"] == 1.035


def test_pair_scores_hold_every_cell_in_one_scale_for_all_systems(results):
    cells = numbers(heat_maps.pair_scores(results, "xquad-r", "untrained"))
    assert len(cells) == 11 * 11
    assert cells["ar", "ar"] == "0.28"
    assert cells["ar", "zh"] == "0.20"
    domains = {
        str(
            heat_maps.pair_scores(results, "xquad-r", name).to_dict()["layer"][0]["encoding"]["color"]["scale"][
                "domain"
            ]
        )
        for name in SYSTEMS
    }
    assert domains == {"[0, 0.7]"}
    ndcg = numbers(heat_maps.pair_scores(results, "nfcorpus", "untrained", "ndcg_at_10"))
    assert ndcg == {("de", "en"): "0.22", ("en", "en"): "0.29", ("es", "en"): "0.19", ("zh", "en"): "0.18"}


def test_share_map_is_even_in_the_logarithm_and_ends_at_sixteen_times(results):
    bias = results.evaluations["hybrid"]["xquad-r"]["bias"]
    pool = bias["language_share_pool"]
    bias["language_share_by"] = {"de": {"ar": 0, "de": pool["de"], "el": pool["el"] / 2, "en": pool["en"] * 20}}
    chart = heat_maps.share_map(results, "xquad-r", "hybrid")
    assert {row["passage"]: row["value"] for row in shown(chart)} == pytest.approx(
        {"ar": -4, "de": 0, "el": -1, "en": 4}
    )
    assert list(numbers(chart).values()) == ["0.00", "1.00", "0.50", "20"]


def test_differences_are_signed_and_of_pairs_that_both_hold(results):
    by = results.evaluations["contrastive"]["xquad-r"]["scopes"]["crosslingual"]["by"]
    del by["de-en"]
    cells = numbers(heat_maps.differences(results, "xquad-r", "hybrid", "contrastive"))
    assert ("de", "en") not in cells
    assert len(cells) == 11 * 11 - 1
    assert cells["ar", "ar"] == "−0.020"
    assert numbers(heat_maps.differences(results, "xquad-r", "hybrid", "untrained"))["ar", "ar"] == "+0.39"
