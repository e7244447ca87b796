import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfconform.config import dumps

_KEYS = st.text(st.characters(codec="utf-8"), max_size=8)
_LEAVES = (
    st.booleans() | st.integers(-(2**40), 2**40) | st.text(st.characters(codec="utf-8")) | st.floats(allow_nan=False)
)
_VALUES = st.recursive(_LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3))


@given(st.dictionaries(_KEYS, st.dictionaries(_KEYS, _VALUES, min_size=1, max_size=4), max_size=3))
def test_what_is_written_reads_back_the_same(document: dict[str, dict[str, object]]) -> None:
    assert tomllib.loads(dumps(document)) == document


def test_absent_values_and_empty_tables_are_left_out() -> None:
    assert dumps({"target": {"name": None, "headers": {}, "a": 1}, "input": {}}) == "[target]\nheaders = {}\na = 1\n"


def test_a_value_without_a_toml_form_is_an_error() -> None:
    with pytest.raises(TypeError, match="no TOML for object"):
        dumps({"t": {"k": object()}})
