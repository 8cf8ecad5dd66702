"""YAML 1.2's core schema, and what the parser refuses."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from babelmix.common.errors import UserError
from babelmix.common.yaml_core import VALUES, parse_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((word, word) for word in ("no", "No", "NO", "yes", "on", "off", "y", "n", "Yes", "OFF")),
        *((text, text) for text in ("2020-01-01", "2001-12-14t21:59:43.10-05:00", "12:30", "1:30:00", "1_000", "0b1")),
        *((word, True) for word in ("true", "True", "TRUE")),
        *((word, False) for word in ("false", "False", "FALSE")),
        *((word, None) for word in ("", "~", "null", "Null", "NULL")),
        *(("010", 10), ("0o10", 8), ("0x1F", 31), ("+12", 12), ("-0", 0), ("18446744073709551615", 2**64 - 1)),
        *((".5", 0.5), ("1.", 1.0), ("1e3", 1000.0), ("-1.5E-2", -0.015), ("1e-5", 1e-5), ("4.e+1", 40.0)),
        *(("'no'", "no"), ('"1"', "1"), ("!!str no", "no"), ("! 1", "1"), ("|\n  no\n", "no\n")),
        *(("'~'", "~"), ("!!str", ""), ("nul", "nul"), ("=", "="), (".e3", ".e3"), ("+", "+"), ("0x", "0x")),
    ],
)
def test_a_value_is_what_the_core_schema_says(text: str, value: Any) -> None:
    found = parse_yaml(f"a: {text}", "x.yaml")["a"]
    assert found == value and type(found) is type(value)


def test_anchors_and_merges_are_read_as_dvc_reads_them() -> None:
    from dvc.utils.serialize import parse_yaml as dvc_reads

    text = """
a: &a {x: 1, y: no}
b: {<<: *a, y: 2}
c: {<<: [*a, {y: 3, z: 4}]}
d: *a
e: &e [*a, *a]
f: *e
g: &k key
*k : 1
"""
    assert parse_yaml(text, "x.yaml") == dvc_reads(text, "x.yaml")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb: {c: 1,\n c: 2}", "x.yaml, line 3, b.c: duplicate key 'c', first in line 2; keep one of them"),
        ("a: &x [1, *x]", "x.yaml, line 1, a.1: the alias *x is within the value that it names"),
        ("a: &x {b: {<<: *x}}", "the alias *x is within the value that it names"),
        ("a: *b", "x.yaml, line 1, a: no anchor &b before its alias"),
        ("a: {<<: 1}", "`<<` needs a mapping"),
        ("a: .inf", "x.yaml, line 1, a: not a finite number: .inf"),
        ("a: -.INF", "not a finite number"),
        ("a: .NaN", "not a finite number"),
        ("a: 1e999", "not a finite number: 1e999"),
        ("a: 18446744073709551616", "a number beyond 64 bits"),
        ("a: -9223372036854775809", "a number beyond 64 bits"),
        ("a: " + "9" * 5000, "a number beyond 64 bits"),
        ("\n1: 2", "x.yaml, line 2: the key 1 is not a text; write it in quotes"),
        ("true: 2", "the key True is not a text"),
        ("[a]: 2", "a key that is not a text"),
        ("? {a: 1}\n: 2", "a key that is not a text"),
        ("? &a [1]\n: 2", "a key that is not a text"),
        ('a: "\\x00"', "x.yaml, line 1, a, character 1: a control character (U+0000)"),
        ('"\\x07": 1', "a control character (U+0007)"),
        ("a:\nb: \x01", "x.yaml, line 2, character 4: a control character (U+0001)"),
        ("a: \x80", "x.yaml, line 1: a control character"),
        ('a: "\\ud800"', "x.yaml, line 1"),
        ("b: 1\na: \ud800", "x.yaml, line 2, character 4: half a character"),
        ("a: !!python/object/apply:os.system [x]", "x.yaml, line 1, a: the tag tag:yaml.org,2002:python/object"),
        ("a: !!binary eA==", "the tag tag:yaml.org,2002:binary"),
        ("a: !mine {b: 1}", "the tag !mine"),
        ("a: 1\n---\nb: 2", "x.yaml, line 2: a second document"),
        ("a: [1\nb: 2", "x.yaml, line 2: not valid YAML"),
        ("a: b: c", "x.yaml, line 1: not valid YAML"),
        ("[" * 100_000, "more than 20 deep"),
        ("".join(" " * depth + "a:\n" for depth in range(100)), "line 21, a.a.a"),
        ("[" + "1," * VALUES + "1]", f"more than {VALUES:,} values"),
        ("x" * 300_000, "300,000 characters; write 200,000 at most"),
    ],
)
def test_a_fault_is_one_line_with_its_place(text: str, told: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_yaml(text, "x.yaml")
    assert told in str(caught.value) and str(caught.value).isprintable()


def test_aliases_of_aliases_do_not_grow_beyond_reason() -> None:
    laughs = ["a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    laughs += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(UserError, match=r"line 4, a3\.\d: more than 10,000 values"):
        parse_yaml("\n".join(laughs), "x.yaml")


VALUES_OF_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=10), inner, max_size=5)
    ),
    max_leaves=30,
)


@given(VALUES_OF_JSON)
@settings(max_examples=200, deadline=None)
def test_json_and_what_dvc_writes_come_back(value: Any) -> None:
    from dvc.utils.serialize import dumps_yaml

    assert parse_yaml(json.dumps(value, ensure_ascii=False), "x.yaml") == value
    assert parse_yaml(dumps_yaml({"a": value}), "x.yaml") == {"a": value}


@given(st.text() | st.text("[]{}:,-?&*!|>'\"%#\n \tab<1.e0x", max_size=60))
@settings(max_examples=500, deadline=None)
def test_any_text_is_a_value_or_one_line(text: str) -> None:
    try:
        parse_yaml(text, "x.yaml")
    except UserError as error:
        assert str(error).startswith("x.yaml") and str(error).isprintable()
