"""Sums over a long list of block heights, kept while single heights change (Fenwick 1994)."""


class Fenwick:
    """Non-negative numbers with their running sums; every operation costs O(log n), building O(n)."""

    def __init__(self, count: int = 0, value: int = 0, zeros: int = 0) -> None:
        """Begin with `count` numbers: first `zeros` times 0, then the same value."""
        self._values = [0] * zeros + [value] * (count - zeros)
        self._tree = [0, *(max(0, min(i & -i, i - zeros)) * value for i in range(1, count + 1))]
        self._total = (count - zeros) * value

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, index: int) -> int:
        return self._values[index]

    @property
    def total(self) -> int:
        return self._total

    def set(self, index: int, value: int) -> int:
        """Replace one number; returns by how much it grew."""
        delta = value - self._values[index]
        if delta:
            self._values[index] = value
            self._total += delta
            node = index + 1
            while node < len(self._tree):
                self._tree[node] += delta
                node += node & -node
        return delta

    def append(self, value: int) -> None:
        """Add a number at the end."""
        node = len(self._tree)
        below = node - (node & -node)
        total, child = value, node - 1
        while child > below:
            total += self._tree[child]
            child -= child & -child
        self._values.append(value)
        self._tree.append(total)
        self._total += value

    def prefix(self, count: int) -> int:
        """The sum of the first `count` numbers."""
        total = 0
        while count > 0:
            total += self._tree[count]
            count -= count & -count
        return total

    def find(self, offset: int) -> tuple[int, int]:
        """Which number covers `offset`, and how far into it; `(len, rest)` at or past the total."""
        index, size = 0, len(self._tree)
        step = 1 << size.bit_length()
        while step:
            node = index + step
            if node < size and self._tree[node] <= offset:
                index = node
                offset -= self._tree[node]
            step >>= 1
        return index, offset
