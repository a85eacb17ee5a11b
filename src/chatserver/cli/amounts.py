"""Numbers of things, as sentences say them."""


def amount(count: int, one: str, many: str = "") -> str:
    """Such as `1 file` and `2,000 files`; `many` is what more than one are called, if not `one` with an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
