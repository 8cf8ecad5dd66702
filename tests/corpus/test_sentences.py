import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from babelmix.corpus.sentences import MAX_SENTENCE_CHARACTERS, clean, split, window
from babelmix.corpus.spans import uncut

# Ends of sentences and what looks like them, in several scripts, with what no reader sees in between.
PIECES = (
    *(
        "Dr. ",
        "J. ",
        "U.S. ",
        "z. B. ",
        "No. 1",
        "3.5",
        "Word",
        "word ",
        " he said",
        "One. ",
        "Two! ",
        "Three? ",
        "\n\n",
    ),
    *(
        "\r\n",
        "\t",
        "...",
        '"',
        "(",
        ") ",
        "«",
        "»",
        "。",
        "我来了。",
        "ですか？",
        "है। ",
        "ہے۔ ",
        "سؤال؟ ",
        "السلام ",
        "한국어 ",
    ),
    *("\u200f", "\u200e", "\u061c", "\ufeff", "\u00ad", "\u200d", "\x00", "\x1c", "\x85", "\u2028", "\u00a0", "\u3000"),
    *("é", "İ", "ß", "😀", "\ud800", "ก"),
)
texts = st.one_of(st.text(max_size=80), st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
languages = st.sampled_from(["ar", "de", "el", "en", "fa", "hi", "ja", "ko", "pt", "sw", "th", "ur", "zh"])


def bare(text: str) -> str:
    return "".join(text.split())


def test_abbreviations_end_no_sentence():
    assert split("Dr. Smith came. He saw J. R. R. Tolkien.", "en") == ["Dr. Smith came.", "He saw J. R. R. Tolkien."]
    assert split("我来了。他走了。", "zh") == ["我来了。", "他走了。"]


def test_cleaning_takes_out_what_no_reader_sees():
    assert clean("\ufeff a\x00b \u200f שלום\u200e\n\u202bx\u202c co\u00adop \u061c \ud800 ") == "a b שלום x coop"
    assert clean("می\u200cروم क\u094d\u200dष") == "می\u200cروم क\u094d\u200dष", "joiners are spelling"


def test_what_is_kept_is_in_one_normal_form_and_nothing_else_of_it_changes():
    assert clean(unicodedata.normalize("NFD", "Thư viện mở cửa")) == "Thư viện mở cửa"
    assert clean("１５ ﬁ ½ Ä") == "１５ ﬁ ½ Ä"


@given(texts)
def test_cleaning_twice_changes_nothing(text: str):
    cleaned = clean(text)
    assert clean(cleaned) == cleaned == unicodedata.normalize("NFC", cleaned)
    assert cleaned == clean(unicodedata.normalize("NFD", text))
    assert cleaned.strip() == cleaned
    cleaned.encode()


@given(texts, languages)
def test_the_sentences_are_the_text(text: str, lang: str):
    cleaned = clean(text)
    sentences = split(cleaned, lang)
    assert bare(" ".join(sentences)) == bare(cleaned)
    assert all(sentence.strip() == sentence != "" for sentence in sentences)


@given(texts, languages)
def test_a_text_that_was_not_cleaned_is_split_too(text: str, lang: str):
    assert all(split(text, lang))


@given(st.lists(st.sampled_from([*PIECES, "x" * 500, "字" * 700, ", " + "y" * 350]), min_size=3), languages)
def test_no_sentence_is_too_long(pieces: list[str], lang: str):
    cleaned = clean("".join(pieces))
    sentences = split(cleaned, lang)
    assert all(0 < len(sentence) <= MAX_SENTENCE_CHARACTERS for sentence in sentences)
    assert bare("".join(sentences)) == bare(cleaned)


def test_50_000_characters_without_a_stop_are_cut_at_spaces_or_anywhere():
    words = split("word " * 10_000, "en")
    assert max(map(len, words)) <= MAX_SENTENCE_CHARACTERS
    assert {word for sentence in words for word in sentence.split()} == {"word"}
    signs = split("字" * 50_000, "zh")
    assert "".join(signs) == "字" * 50_000
    assert max(map(len, signs)) == MAX_SENTENCE_CHARACTERS


@given(texts.filter(bool), languages, st.integers(0, 5), st.data())
def test_a_window_is_the_part_of_the_text_that_holds_the_span(
    text: str, lang: str, sentences: int, data: st.DataObject
):
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    found = window(text, start=start, end=end, sentences=sentences, lang=lang)
    if text.isascii() or (start, end) == uncut(start, end, text):  # a part of a sign may stand in no whole one
        assert clean(text[start:end]) in found
    assert found in clean(text)


def test_a_window_grows_by_turns_and_stops_at_the_edges():
    text = "One is. Two is. Three is. Four is. Five is."
    at = text.index("Three")

    def around(start: int, sentences: int) -> str:
        return window(text, start=start, end=start + 1, sentences=sentences)

    assert [around(at, size) for size in (1, 2, 3, 9)] == [
        "Three is.",
        "Two is. Three is.",
        "Two is. Three is. Four is.",
        text,
    ]
    assert around(0, 2) == "One is. Two is."
    assert around(len(text) - 1, 2) == "Four is. Five is."
    assert around(at, 0) == text
    assert window(text, start=at - 3, end=at + 2, sentences=1) == "Two is. Three is.", "an answer over two sentences"


def test_scripts_without_spaces_are_split_where_they_have_stops():
    chinese = "图书馆每天早上九点开门。星期天全天休息！借书证在一楼办理？门票十五元。"
    assert window(chinese, start=12, end=15, sentences=1, lang="zh") == "星期天全天休息！"
    japanese = "図書館は九時に開きます。日曜日は休みです。そうですか？"
    assert window(japanese, start=12, end=15, sentences=1, lang="ja") == "日曜日は休みです。"
    thai = "ห้องสมุดเปิดเก้าโมง วันอาทิตย์หยุด\n\nสระว่ายน้ำมีสองสระ"
    at = thai.index("สระ")
    assert window(thai, start=at, end=at + 3, sentences=1, lang="th") == "สระว่ายน้ำมีสองสระ", "Thai has no stops"


def test_an_empty_line_is_no_sentence():
    text = "Heading\n\n\n\nOne is. \n\n\u200f\n\nTwo is.\n"
    assert window(text, start=text.index("One"), end=text.index("One") + 3, sentences=2) == "Heading One is."
    assert window(text, start=text.index("Two"), end=text.index("Two") + 3, sentences=2) == "One is. Two is."
    assert window(text, start=8, end=9, sentences=1) == "Heading", "a span of white space belongs to what is before it"


def test_what_the_splitter_cannot_read_is_read_as_a_space():
    text = "I saw J.\u00a0Smith.\ud800 He\u3000ran.\u2028"
    assert window(text, start=0, end=1, sentences=9) == "I saw J. Smith. He ran."
