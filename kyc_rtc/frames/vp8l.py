"""How many prefix codes a lossless WebP has, read from its bitstream (RFC 9649, 3) without its pixels.

Each block of 4x4 pixels may have a group of five prefix codes of its own, 20 bits long, for which libwebp
makes tables of 5 KB and more: 400 KB of file, 300 MB of memory. The number of blocks stands after the
transforms, whose data have to be read to get there.
"""

from __future__ import annotations

from kyc_rtc.errors import BadImage

MAX_GROUPS = 4_096
"""libwebp's encoder makes at most 2,600 (MAX_HUFF_IMAGE_SIZE)."""

MAX_TRANSFORM_PIXELS = 16_384
"""Of the data of one transform; libwebp's encoder goes as far (MAX_PREDICTOR_IMAGE_SIZE)."""

_PREDICTOR, _COLOUR, _, _PALETTE = range(4)
_LENGTHS_ORDER = (17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
_REPEAT = 16
_TIMES = {16: (2, 3), 17: (3, 3), 18: (7, 11)}
"""Of a length before or of 0: extra bits, and the fewest."""

_LITERALS, _PREFIXES, _DISTANCES = 256, 24, 40
_HEADER_BITS = 40
_LONGEST_CODE = 15


def check_groups(bitstream: bytes, size: tuple[int, int]) -> None:
    """Read up to the number of groups; `size` is (width, height) in pixels.

    Raises:
        BadImage: there may be more than `MAX_GROUPS` groups, a transform is larger than encoders make
            it, or the bitstream is broken.
    """
    bits = _Bits(bitstream, _HEADER_BITS)
    width, height = size
    kinds: set[int] = set()
    while bits.read(1):
        kind = bits.read(2)
        if kind in kinds:
            raise BadImage("the WebP has a transform twice")
        kinds.add(kind)
        width = _skip_transform(bits, kind, width, height)
    if bits.read(1):
        bits.read(4)
    if bits.read(1) and _blocks(width, height, bits.read(3) + 2) > MAX_GROUPS:
        raise BadImage(f"the WebP has more than {MAX_GROUPS} groups of prefix codes")


def _skip_transform(bits: _Bits, kind: int, width: int, height: int) -> int:
    """Read past the data of one transform (4); the width of what follows it."""
    if kind in (_PREDICTOR, _COLOUR):
        _skip_image(bits, _blocks(width, height, bits.read(3) + 2))
    elif kind == _PALETTE:
        colours = bits.read(8) + 1
        _skip_image(bits, colours)
        packed = 3 if colours <= 2 else 2 if colours <= 4 else 1 if colours <= 16 else 0
        return -(-width >> packed)
    return width


def _blocks(width: int, height: int, log2_side: int) -> int:
    return -(-width >> log2_side) * -(-height >> log2_side)


def _skip_image(bits: _Bits, pixels: int) -> None:
    """Read past an entropy-coded image (5.2): literals, copies, colours of the cache."""
    if pixels > MAX_TRANSFORM_PIXELS:
        raise BadImage("the WebP has more data in a transform than encoders write")
    cache = 1 << bits.read(4) if bits.read(1) else 0
    alphabets = (_LITERALS + _PREFIXES + cache, _LITERALS, _LITERALS, _LITERALS, _DISTANCES)
    green, *others, distance = (_read_code(bits, symbols) for symbols in alphabets)
    while pixels > 0:
        symbol = green.read(bits)
        if symbol < _LITERALS:
            for code in others:
                code.read(bits)
            pixels -= 1
        elif symbol < _LITERALS + _PREFIXES:
            pixels -= _prefixed(bits, symbol - _LITERALS)
            _prefixed(bits, distance.read(bits))
        else:
            pixels -= 1


def _prefixed(bits: _Bits, prefix: int) -> int:
    """A length or a distance (5.2.2)."""
    if prefix < 4:
        return prefix + 1
    extra = (prefix - 2) >> 1
    return ((2 + (prefix & 1)) << extra) + bits.read(extra) + 1


class _Bits:
    """Bits of bytes, the least significant first."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at
        self._end = 8 * len(data)

    def peek(self, count: int) -> int:
        """At most 24 bits; those after the end are 0."""
        first = self._at >> 3
        window = int.from_bytes(self._data[first : first + 4], "little")
        return window >> (self._at & 7) & ((1 << count) - 1)

    def skip(self, count: int) -> None:
        self._at += count
        if self._at > self._end:
            raise BadImage("the WebP ends early")

    def read(self, count: int) -> int:
        value = self.peek(count)
        self.skip(count)
        return value


class _Code:
    """A prefix code (6.2): a table of all that the next bits can be. A symbol that is alone takes no bits."""

    def __init__(self, lengths: dict[int, int]) -> None:
        """`lengths`: of each symbol, in bits."""
        taken = sum(1 << _LONGEST_CODE - length for length in lengths.values())
        if len(lengths) != 1 and taken != 1 << _LONGEST_CODE:
            raise BadImage("the WebP has an impossible prefix code")
        self._bits = 0 if len(lengths) == 1 else max(lengths.values())
        self._table = [(next(iter(lengths)), 0)] * (1 << self._bits)
        if self._bits:
            self._fill(lengths)

    def _fill(self, lengths: dict[int, int]) -> None:
        code, last = 0, 0
        for symbol, length in sorted(lengths.items(), key=lambda item: (item[1], item[0])):
            code <<= length - last
            from_the_left = int(f"{code:0{length}b}"[::-1], 2)
            places = 1 << self._bits - length
            self._table[from_the_left :: 1 << length] = [(symbol, length)] * places
            code, last = code + 1, length

    def read(self, bits: _Bits) -> int:
        symbol, length = self._table[bits.peek(self._bits)]
        bits.skip(length)
        return symbol


def _read_code(bits: _Bits, symbols: int) -> _Code:
    return _Code(_simple(bits) if bits.read(1) else _coded_lengths(bits, symbols))


def _simple(bits: _Bits) -> dict[int, int]:
    """One or two symbols (6.2.1)."""
    two = bits.read(1)
    first = bits.read(8 if bits.read(1) else 1)
    return {first: 1, bits.read(8): 1} if two else {first: 1}


def _coded_lengths(bits: _Bits, symbols: int) -> dict[int, int]:
    """Lengths that have a prefix code of their own (6.2.2)."""
    count = 4 + bits.read(4)
    kinds = {kind: length for kind in _LENGTHS_ORDER[:count] if (length := bits.read(3))}
    code = _Code(kinds)
    most = 2 + bits.read(2 + 2 * bits.read(3)) if bits.read(1) else symbols
    lengths: dict[int, int] = {}
    symbol, previous = 0, 8
    while symbol < symbols and most > 0:
        most -= 1
        kind = code.read(bits)
        times, length = 1, kind
        if kind >= _REPEAT:
            extra, fewest = _TIMES[kind]
            times, length = fewest + bits.read(extra), previous if kind == _REPEAT else 0
        elif kind:
            previous = kind
        if length:
            lengths.update(dict.fromkeys(range(symbol, min(symbol + times, symbols)), length))
        symbol += times
    return lengths
