"""The sums of block heights agree with adding them up one by one."""

from hypothesis import given
from hypothesis import strategies as st

from chatterm.tui.timeline.fenwick import Fenwick

CHANGES = st.lists(st.tuples(st.booleans(), st.integers(0, 1_000), st.integers(0, 50)), max_size=60)


@given(st.integers(0, 40), st.integers(1, 9), CHANGES)
def test_sums_and_places_agree_with_a_plain_list(count: int, value: int, changes: list[tuple[bool, int, int]]) -> None:
    """After any appends and replacements: every prefix, the total, and where every offset lies."""
    heights, plain = Fenwick(count, value), [value] * count
    for append, place, height in changes:
        if append or not plain:
            heights.append(height)
            plain.append(height)
        else:
            index = place % len(plain)
            assert heights.set(index, height) == height - plain[index]
            plain[index] = height
    assert [heights[index] for index in range(len(heights))] == plain
    assert [heights.prefix(n) for n in range(len(plain) + 1)] == [sum(plain[:n]) for n in range(len(plain) + 1)]
    assert heights.total == sum(plain)
    expected = [(index, rest) for index, height in enumerate(plain) for rest in range(height)]
    assert [heights.find(offset) for offset in range(heights.total)] == expected
    assert heights.find(heights.total) == (len(plain), 0)
