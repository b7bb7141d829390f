"""Fills the holes of the heap, so that what a program allocates lies together.

Importing leaves free places all over the memory, and an allocator fills these first: a thousand numbers would be written into
a thousand pages, each of which the system must then copy for the run. So the holes are filled when the component is built,
with objects that nobody uses: some 14,000 of them, 3 MB, for a third of the time of a short program.

In: an interpreter that is ready. Out: the same, with a heap that goes on at its end. Left out on purpose: how the allocator
works, but for this: it asks for more memory when it has no hole that is large enough.
"""

LARGEST = 256 * 1024
# Above this, every eighth of the size before is tried; below, every size.
FINE = 1024
MOST = 50_000

filling = [None] * MOST


def fill():
    end = id(bytes(4 * LARGEST))
    filled = 0
    for size in sizes():
        while filled < MOST:
            thing = of_size(size)
            if id(thing) >= end:
                break
            filling[filled] = thing
            filled += 1
    del filling[filled:]


def sizes():
    size = LARGEST
    while size > FINE:
        yield size
        size = size * 7 // 8
    yield from range(FINE, 0, -8)


def of_size(size):
    """An object of so many bytes."""
    if size >= EMPTY.__sizeof__():
        return bytes(size - EMPTY.__sizeof__())
    return object() if size <= NOTHING.__sizeof__() else float(size + 0.5)


EMPTY = b""
NOTHING = object()
