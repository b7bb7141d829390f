"""What a program wrote, as lines that may be shown on a terminal.

In: bytes as they come from a pipe. Out: whole lines, in order, in which no character moves the cursor, changes colours or turns the
direction of the text.
"""

from collections.abc import Iterator

LONGEST_LINE = 1 << 16
"""Bytes. A line that is longer is shown in pieces."""


class Lines:
    """Cuts a stream of bytes into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[str]:
        """The lines that these bytes complete."""
        *whole, self._rest = (self._rest + data).replace(b"\r", b"\n").split(b"\n")
        for line in whole:
            if line:
                yield shown(line)
        while len(self._rest) > LONGEST_LINE:
            yield shown(self._rest[:LONGEST_LINE])
            self._rest = self._rest[LONGEST_LINE:]

    def end(self) -> Iterator[str]:
        """What stands behind the last line feed, if anything does."""
        rest, self._rest = self._rest, b""
        if rest:
            yield shown(rest)


def shown(line: bytes | str) -> str:
    """One line, with every character that is not printed as itself written as an escape."""
    text = line.decode("utf-8", "backslashreplace") if isinstance(line, bytes) else line
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)
