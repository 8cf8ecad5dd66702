"""The page in Chromium, as a reader has it: by mouse, by keyboard, in the dark, on a phone, by roles and names.

The browser is Debian's. Its pages ask nothing but the server of the test.
"""

import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from served_page import LOOSE, StandIn, encode, known_questions, one_index, running

from babelmix.searching.page.answers import Page
from babelmix.searching.page.limits import Rate

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium, a package of Debian, is not on PATH"),
]
OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
# The least contrast of any visible text with what is behind it, as WCAG counts it: (text, ratio).
CONTRAST = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data; };
  const light = (c) => [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) => {
    const v = c[i] / 255; return sum + weight * (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); }, 0);
  const behind = (node) => { for (; node; node = node.parentElement) {
    const c = rgba(getComputedStyle(node).backgroundColor); if (c[3] === 255) return c; } return rgba("Canvas"); };
  let worst = ["", 21];
  for (const node of document.body.querySelectorAll("*")) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    if (!own || !node.checkVisibility() || node.closest("option, noscript, .unseen, svg")) continue;
    const [a, b] = [light(rgba(getComputedStyle(node).color)), light(behind(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < worst[1]) worst = [node.outerHTML.slice(0, 80), ratio];
  }
  return worst;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS.split())
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(one_index(known_questions(tmp_path_factory.mktemp("known")))) as address:
        yield address


@pytest.fixture
def tab(browser: Any, url: str) -> Iterator[Any]:
    """A page whose every request went to the server and that reported no error."""
    with opened(browser, url) as page:
        yield page


class opened:
    """A new page at an address; at the end, what it asked of others and what it complained of is held against it."""

    def __init__(self, browser: Any, url: str, **options: Any) -> None:
        self.url, self.context = url, browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        self.trouble: list[str] = []
        self.allowed: list[str] = []

    def __enter__(self) -> Any:
        page = self.context.new_page()
        page.set_default_timeout(60_000)
        page.on("console", lambda message: self.trouble.append(message.text))
        page.on("pageerror", lambda error: self.trouble.append(str(error)))
        page.on("request", lambda request: request.url.startswith(self.url) or self.trouble.append(request.url))
        page.on("dialog", lambda dialog: self.trouble.append(dialog.message) or dialog.dismiss())
        page.goto(self.url)
        return page

    def __exit__(self, kind: object, *_: object) -> None:
        self.context.close()
        if kind is None:
            assert [line for line in self.trouble if not any(part in line for part in self.allowed)] == []


def search(page: Any, query: str) -> None:
    page.get_by_role("searchbox", name="Query").fill(query)
    page.get_by_role("button", name="Search").click()
    page.locator("#results:not(.busy) .hits").first.wait_for()


def test_a_search_shows_both_sides_with_badges_shares_and_ranks(tab: Any) -> None:
    search(tab, "print a page")
    left = tab.get_by_role("region", name="small, as it is")
    right = tab.get_by_role("region", name="small, debiased")
    first = left.get_by_role("listitem").filter(has_text="print a page of a document")
    assert first.locator(".lang").get_attribute("title") == "English" and first.locator(".mark").count() == 1
    for side in (left, right):
        assert side.get_by_role("heading", name="Ranks of the right answers").count() == 1
        assert side.locator(".ranks li").count() == 4 and side.locator(".hits > li").count() == 10
        assert "Arabic" in (side.get_by_role("img").get_attribute("aria-label") or "")
    assert tab.get_by_role("status").inner_text().startswith("10 and 10 passages in ")
    arabic = left.locator('summary[lang="ar"]').first
    assert arabic.evaluate("node => getComputedStyle(node).direction") == "rtl"
    assert tab.title() == "print a page · babelmix search" and "q=print+a+page" in tab.url
    markup = left.locator("summary", has_text="<script>alert(1)</script>")
    assert markup.count() == 1 and tab.locator("#results script, #results img").count() == 0


def test_by_keyboard_alone(tab: Any) -> None:
    press = tab.keyboard.press
    assert tab.evaluate("document.activeElement.id") == "q"
    tab.keyboard.type("eine Seite / drucken")  # a slash in the field is a slash
    press("Enter")
    tab.locator(".hits").first.wait_for()
    assert tab.evaluate("document.activeElement.id") == "q"
    press("Tab"), press("Tab")
    assert tab.evaluate("document.activeElement.id") == "strength"
    assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    press("ArrowLeft")
    tab.get_by_text("debiased, strength 0.9").wait_for()
    assert tab.locator("#shown").inner_text() == "0.9"
    press("Tab"), press("Space")
    tab.get_by_text("debiased, strength 0.9, an equal share for each language").wait_for()
    press("/")
    assert tab.evaluate("document.activeElement.id") == "q"
    assert tab.evaluate("document.activeElement.value") == "eine Seite / drucken"
    tab.goto(tab.url)
    press("Shift+Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the results"
    press("Enter")
    assert tab.url.endswith("#results")


def test_the_address_holds_the_search_and_back_goes_back(tab: Any, browser: Any) -> None:
    search(tab, "print a page")
    with tab.expect_response("**lang=de**"):
        tab.get_by_role("checkbox", name="German").check()
    tab.locator("#results:not(.busy)").wait_for()
    shared = tab.url
    assert tab.locator(".hits .lang").evaluate_all("all => [...new Set(all.map(one => one.title))]") == ["German"]
    tab.go_back()
    tab.locator('.hits .lang[title="English"]').first.wait_for()
    assert not tab.get_by_role("checkbox", name="German").is_checked()
    tab.go_back()
    tab.get_by_text("Type a query.").wait_for()
    assert tab.locator("#q").input_value() == ""
    with opened(browser, shared.partition("?")[0]) as other:
        other.goto(shared)
        assert other.get_by_role("checkbox", name="German").is_checked()
        assert other.locator(".hits > li").count() == 6


def test_a_known_question_is_chosen_and_asked_in_another_language(tab: Any) -> None:
    tab.get_by_label("From small").select_option("print a page")
    tab.get_by_text("The right answers are known.").wait_for()
    tab.get_by_role("navigation").get_by_role("link", name="German").click()
    tab.wait_for_url("**q=Seite+drucken**")
    assert tab.locator("#q").input_value() == "Seite drucken" and tab.locator(".ranks").count() == 2


def test_errors_are_announced(browser: Any) -> None:
    rate = Rate(per_second=0.001, burst=1, clock=lambda: 0.0)
    with running(one_index(), LOOSE, rate) as url:
        visit = opened(browser, url)
        visit.allowed = ["status of 429", "ERR_CONNECTION_REFUSED"]  # Chromium notes both by itself
        with visit as page:
            search(page, "print")
            page.get_by_role("button", name="Search").click()
            page.get_by_role("alert").filter(has_text="too many searches").wait_for()
            page.route("**/?q=*", lambda route: route.abort("connectionrefused"))
            page.get_by_role("button", name="Search").click()
            page.get_by_role("alert").filter(has_text="The server does not answer").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_in_the_dark(browser: Any, url: str, tmp_path: Path, scheme: str) -> None:
    with opened(browser, url, color_scheme=scheme) as page:
        search(page, "print a page")
        red, green, blue = page.evaluate(
            "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
        )
        assert (red + green + blue > 600) == (scheme == "light")
        text, ratio = page.evaluate(CONTRAST)
        assert ratio >= 4.5, text
        picture = tmp_path / f"{scheme}.png"
        page.screenshot(path=picture, full_page=True)
        assert picture.stat().st_size > 20_000


def test_a_phone_scrolls_in_one_direction(browser: Any, url: str, tmp_path: Path) -> None:
    with opened(browser, url, viewport={"width": 360, "height": 740}) as page:
        search(page, "print a page")
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        boxes = [page.get_by_role("region").nth(number).bounding_box() for number in range(2)]
        assert boxes[1]["y"] >= boxes[0]["y"] + boxes[0]["height"]  # one below the other
        page.screenshot(path=tmp_path / "phone.png", full_page=True)


def test_two_models_without_a_script(browser: Any) -> None:
    page_of = Page.models([("small", StandIn(), encode), ("large", StandIn(), encode)], None)
    with running(page_of) as url, opened(browser, url, java_script_enabled=False) as page:
        page.get_by_role("searchbox").fill("打印")
        page.get_by_role("searchbox").press("Enter")
        page.locator(".hits").first.wait_for()
        assert page.get_by_role("heading", level=2).all_inner_texts() == ["small", "large"]
        assert page.get_by_text("not debiased").count() == 2 and page.locator(".ranks").count() == 0


def test_every_field_has_a_name(tab: Any) -> None:
    search(tab, "print a page")
    assert tab.get_by_role("slider", name="Strength").count() == 1
    assert tab.get_by_role("checkbox", name="An equal share").count() == 1
    assert tab.get_by_role("checkbox").count() == 5 and tab.get_by_role("search").count() == 1
    assert [tab.get_by_role(role).count() for role in ("banner", "main", "contentinfo")] == [1, 1, 1]
    levels = tab.get_by_role("heading").evaluate_all("all => all.map(one => Number(one.tagName[1]))")
    assert levels[0] == 1 and all(after - before <= 1 for before, after in pairwise(levels))
    assert tab.locator("html").get_attribute("lang") == "en"
    ids = tab.locator("[id]").evaluate_all("all => all.map(one => one.id)")
    assert len(ids) == len(set(ids))
