"""What reports choose on the dev splits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelmix.reporting.dev_choice import (
    DevFigures,
    best_debiasing,
    dev_figures,
    is_transductive,
    marked,
    recommended,
)
from babelmix.workspace import DEBIASINGS, dev_benchmarks, encoder_of

SYSTEMS = [name + form for name in ("untrained", "hybrid", "hybrid-start") for form in ("", *DEBIASINGS)]
figures = st.dictionaries(
    st.sampled_from(SYSTEMS),
    st.builds(DevFigures, *(st.integers(0, 20).map(lambda number: number / 20) for _ in range(2))),
)


@given(figures)
def test_the_recommended_system_keeps_up_and_none_that_does_is_higher(found: dict[str, DevFigures]) -> None:
    for transductive in (False, True):
        chosen = recommended(found, reference="hybrid", bound=0.005, transductive=transductive)
        if "hybrid" not in found:
            assert chosen is None
            continue
        least = found["hybrid"].monolingual - 0.005
        kept = [name for name in found if found[name].monolingual >= least]
        kept = [name for name in kept if transductive or not name.endswith(("-index", "-asked"))]
        assert chosen in kept and found[chosen].pooled == max(found[name].pooled for name in kept)


@given(figures)
def test_the_best_debiasing_is_the_first_of_the_highest(found: dict[str, DevFigures]) -> None:
    best = best_debiasing(found, "hybrid")
    known = [name for name in (f"hybrid{form}" for form in DEBIASINGS) if name in found]
    if not known:
        assert best == "hybrid+lir"
        return
    highest = max(found[name].pooled for name in known)
    assert best == next(name for name in known if found[name].pooled == highest)


def test_the_dev_figure_is_the_mean_over_splits_and_seeds() -> None:
    evaluations = [
        {"scopes": {"multilingual": {"map": pooled}, "monolingual": {"map": mono}}}
        for pooled, mono in ((0.2, 0.5), (0.4, None))
    ]
    assert dev_figures(evaluations) == DevFigures(pytest.approx(0.3), 0.25)
    assert dev_benchmarks(("xquad-r",)) == ("dev",)
    assert dev_benchmarks(("native-dev", "xquad-r")) == ("dev", "native-dev")


def test_transductive_forms_carry_a_dagger() -> None:
    assert [marked(f"hybrid{form}") for form in ("", "+lir", "+centre", "+shift-index")] == [
        "hybrid",
        "hybrid+lir",
        "hybrid+centre",
        "hybrid+shift-index†",
    ]
    assert sum(map(is_transductive, SYSTEMS)) == 9 and {encoder_of(name) for name in SYSTEMS} == {
        "untrained",
        "hybrid",
        "hybrid-start",
    }
