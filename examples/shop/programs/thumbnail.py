# Makes an image of at most 64 x 64 pixels of a PNG with 8 bits a channel, with nothing but the standard library.
import os
import struct
import zlib

SIDE = 64
CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}


def read(path):
    """Returns the width, the height, the kind of color, and the rows of pixels."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("this is no PNG")
    at, packed, head = 8, b"", None
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        chunk = data[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            head = struct.unpack(">IIBBBBB", chunk)
        elif kind == b"IDAT":
            packed += chunk
        at += 12 + length
    if head is None:
        raise ValueError("this PNG has no head")
    width, height, depth, color, _, _, interlaced = head
    if depth != 8 or color not in CHANNELS or interlaced:
        raise ValueError("only PNGs with 8 bits a channel, without a palette, in one piece")
    return width, height, color, rows(zlib.decompress(packed), width * CHANNELS[color], CHANNELS[color], height)


def rows(data, stride, pixel, height):
    """Takes the filters off: section 9 of the specification of PNG."""
    above, at = bytearray(stride), 0
    for _ in range(height):
        kind, row = data[at], bytearray(data[at + 1 : at + 1 + stride])
        at += 1 + stride
        for i in range(stride):
            left = row[i - pixel] if i >= pixel else 0
            up, corner = above[i], above[i - pixel] if i >= pixel else 0
            row[i] = (row[i] + [0, left, up, (left + up) // 2, nearest(left, up, corner)][kind]) & 255
        yield row
        above = row


def nearest(left, up, corner):
    guess = left + up - corner
    return min((left, up, corner), key=lambda it: abs(guess - it))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def thumbnail(source, target):
    width, height, color, lines = read(source)
    lines, pixel = list(lines), CHANNELS[color]
    scale = max(width, height, SIDE) / SIDE
    small = max(1, int(width / scale)), max(1, int(height / scale))
    packed = b""
    for y in range(small[1]):
        line = lines[int(y * scale)]
        packed += b"\0" + b"".join(bytes(line[int(x * scale) * pixel : int(x * scale) * pixel + pixel]) for x in range(small[0]))
    head = struct.pack(">IIBBBBB", *small, 8, color, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(packed)) + chunk(b"IEND", b"")
    # Whole, or not at all.
    with open(target + ".new", "wb") as file:
        file.write(png)
    os.replace(target + ".new", target)
    return {"width": small[0], "height": small[1]}


with Job() as job:
    try:
        job.complete(thumbnail(job.payload["image"], job.payload["target"]))
    except (ValueError, zlib.error, struct.error, IndexError) as error:
        # Another attempt would find the same image.
        job.fail(error, retry=False)
