"""The report of the study as a page: it loads nothing, escapes all texts, says what charts show, and draws them."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from lxml import html
from study_records import SIZES, small_study, synthetic_records

from babelmix.reporting.answer.write import write_answer
from babelmix.study.settings import StudyAverages, StudySteps
from babelmix.workspace import Workspace

SCRIPT = "<script>alert(1)</script>"
MEBIBYTE = 2**20


def question(group: str) -> dict[str, Any]:
    hits = [{"rank": 1, "lang": "ar", "text": f"مطار {SCRIPT}", "relevant": True}]
    views = [{"system": name, "summary": "AP 0.5", "hits": hits} for name in ("contrastive", "hybrid")]
    return {"benchmark": "b", "licence": f"b: CC0 {SCRIPT}", "group": group, "lang": "ar", "text": f"أين؟ {SCRIPT}",
            "english": "Where?", "views": views}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of both files, made from 151 records: 6 sizes, 5 seeds, rates, steps, averages."""
    workspace = Workspace(tmp_path_factory.mktemp("page"))
    given = {
        "seeds": (13, 14, 15, 16, 17),
        "steps": StudySteps(size="base", factors=(0.25, 0.5, 2, 4), seeds=(13, 14, 15)),
        "averages": StudyAverages(names=("crosslingual-start",), sizes=("small", "base", "large"), seeds=(13, 14, 15)),
    }
    records = synthetic_records(workspace.study, rate_score=lambda *_: 0.3, questions=20, **given)
    assert len(records) == 151
    workspace.explore.mkdir(parents=True)
    shown = [question(group) for group in ("improved", "worsened", "random")]
    workspace.explore_questions.write_text(json.dumps({"questions": shown}))
    write_answer(workspace, small_study(**given))
    return workspace.reports


@pytest.fixture(scope="module")
def page(made: Path) -> html.HtmlElement:
    return html.document_fromstring((made / "report.html").read_text(encoding="utf-8"))


def test_the_page_is_small(made: Path) -> None:
    assert (made / "report.html").stat().st_size < 5 * MEBIBYTE
    assert (made / "report.md").stat().st_size < MEBIBYTE / 8


def test_the_page_loads_nothing(page: html.HtmlElement) -> None:
    for element in page.iter():
        for name, value in element.attrib.items():
            outside = name in ("src", "srcset", "data", "poster", "action", "href") and not value.startswith("#")
            assert not outside, f"{element.tag} {name}={value}"
    styles = "".join(page.xpath("//style/text()"))
    assert styles and "url(" not in styles and "@import" not in styles
    assert not page.xpath("//link | //iframe | //object | //embed | //base")


def test_the_policy_allows_the_two_scripts_of_the_page_alone(page: html.HtmlElement) -> None:
    policy = page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")[0]
    scripts = page.xpath("//script[not(@type)]")
    hashes = [base64.b64encode(hashlib.sha256((one.text or "").encode()).digest()).decode() for one in scripts]
    assert policy.startswith("default-src 'none'; script-src " + " ".join(f"'sha256-{one}'" for one in hashes) + ";")
    assert len(scripts) == 2 and "unsafe-eval" not in policy
    assert all(json.loads(one.text) for one in page.xpath("//script[@type='application/json']"))


def test_texts_are_escaped_and_have_their_direction(made: Path, page: html.HtmlElement) -> None:
    assert SCRIPT not in (made / "report.html").read_text() and SCRIPT not in (made / "report.md").read_text()
    assert page.xpath("//article//p[@lang='ar']/text()")[0].endswith(SCRIPT)
    asked = page.xpath("//article/h3")
    assert len(asked) == 3 and {(one.get("lang"), one.get("dir")) for one in asked} == {("ar", "rtl")}
    assert page.xpath("//article//li[@class='right']//span[@aria-label='right answer']")


def test_every_chart_says_what_it_shows_and_has_a_table(page: html.HtmlElement) -> None:
    charts = page.xpath("//div[@class='chart']")
    assert len(charts) == 6 + len(SIZES)
    for chart in charts:
        assert chart.get("role") == "img" and re.search(r"\d", chart.get("aria-label")), chart.get("id")
        assert chart.xpath("ancestor::section//table")
        (spec,) = page.xpath(f"//script[@data-chart='{chart.get('id')}']/text()")
        assert "https://" not in re.sub(r'"\$schema": ?"[^"]*"', "", spec)


def test_a_narrow_page_may_break_a_name_after_its_plus_and_the_text_is_the_same(page: html.HtmlElement) -> None:
    broken = page.xpath("//section[@id='scaling']//td[wbr]")
    assert broken and all(re.search(r"contrastive\+[a-z]", one.text_content()) for one in broken)


def test_headings_names_and_landmarks_are_in_order(page: html.HtmlElement) -> None:
    levels = [int(one.tag[1]) for one in page.iter("h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    names = page.xpath("//@id")
    assert len(names) == len(set(names))
    assert page.get("lang") == "en" and len(page.xpath("//main")) == 1
    links = page.xpath("//a/@href")
    assert links[0] == "#answer" and {link.removeprefix("#") for link in links} <= set(names)
    assert all(one.xpath("./ancestor::div[@class='box'][@tabindex='0']") for one in page.xpath("//table"))
    assert all(one.get("scope") for one in page.xpath("//th"))


def test_the_markdown_has_the_numbers_of_the_page(made: Path, page: html.HtmlElement) -> None:
    def rows(table: html.HtmlElement) -> list[list[str]]:
        return [[" ".join(cell.text_content().split()) for cell in row] for row in table.iter("tr")]

    text = (made / "report.md").read_text(encoding="utf-8")
    written: list[list[list[str]]] = []
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        lines = [line for line in block.splitlines() if not line.startswith("| ---")]
        cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
        plain = [[re.sub(r"\\(.)", r"\1", cell.replace("`", "")) for cell in row] for row in cells]
        if plain[0][0] != "system":  # single questions are tables in Markdown alone
            written.append(plain)
    assert written == [rows(table) for table in page.iter("table")]
    answer = " ".join(page.xpath("//p[@class='answer']")[0].text_content().split())
    assert f"**{answer}**" in text


def test_the_finder_has_what_its_controls_need(page: html.HtmlElement) -> None:
    (finder,) = page.xpath("//div[@class='finder']")
    assert "hidden" in finder[0].attrib
    rows = finder.xpath(".//tbody/tr")
    assert {row.get("data-index") for row in rows} == {"0", "1"}
    for row in rows:
        assert f"{float(row.get('data-reached')):.3f}" == row[0].text and row.get("data-sentence").endswith(row[0].text)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium draws the charts, and is not on PATH")
def test_a_browser_draws_every_chart(made: Path, tmp_path: Path) -> None:
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--window-size=500,800"]
    options += ["--virtual-time-budget=20000", f"--user-data-dir={tmp_path}", "--dump-dom"]
    done = subprocess.run(
        ["chromium", *options, f"file://{made / 'report.html'}"],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert "CONSOLE" not in done.stderr, done.stderr
    drawn = html.document_fromstring(done.stdout)
    charts = drawn.xpath("//div[starts-with(@id, 'chart-')]")
    assert len(charts) == 6 + len(SIZES)
    for chart in charts:
        (picture,) = chart.xpath(".//svg")
        assert 200 < float(picture.get("width")) < 500 and len(picture.xpath(".//path")) > 5
    assert "reaches" in drawn.xpath("//output")[0].text_content()
