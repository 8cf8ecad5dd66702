from babelmix.common.identify import identify, may_be
from babelmix.common.languages import LANGUAGES

CANTONESE = "你哋今日去邊度食飯呀？我哋唔知佢哋喺度做緊乜嘢，不如一齊去睇下啦。"


def test_varieties_stand_for_the_language_and_others_do_not():
    assert identify(CANTONESE) == "yue"
    assert may_be("yue", "zh") and may_be("arz", "ar") and may_be("nn", "no") and may_be("bs", "hr")
    assert not may_be("ja", "zh") and not may_be("zh", "yue") and not may_be("pt", "gl")
    assert all(may_be(lang, lang) for lang in LANGUAGES)


def test_sentences_are_identified():
    assert identify("Biblioteket åpner klokka ni hver dag unntatt søndag, og kaffen er gratis.") == "no"
    assert identify("图书馆每天早上九点开门。星期天全天休息。借书证在一楼办理。") == "zh"
