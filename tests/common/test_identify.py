from babelmix.common.identify import identify, stands_for
from babelmix.common.languages import LANGUAGES

CANTONESE = "你哋今日去邊度食飯呀？我哋唔知佢哋喺度做緊乜嘢，不如一齊去睇下啦。"


def test_varieties_stand_for_the_language_and_others_do_not():
    assert identify(CANTONESE) == "yue"
    assert stands_for("yue", "zh") and stands_for("arz", "ar") and stands_for("nn", "no") and stands_for("bs", "hr")
    assert not stands_for("ja", "zh") and not stands_for("zh", "yue") and not stands_for("pt", "gl")
    assert all(stands_for(lang, lang) for lang in LANGUAGES)


def test_sentences_are_identified():
    assert identify("Biblioteket åpner klokka ni hver dag unntatt søndag, og kaffen er gratis.") == "no"
    assert identify("图书馆每天早上九点开门。星期天全天休息。借书证在一楼办理。") == "zh"
