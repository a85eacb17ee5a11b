"""A process of its own that decodes one image: `picture_worker.py SOURCE THUMBNAIL SIDE`.

What it decodes comes from strangers, so it takes few formats, bounded memory, time and pixels, and is worth nothing to
whoever breaks it. Writes the thumbnail, upright and without any metadata, and prints `FORMAT WIDTH HEIGHT` as the image
is to be shown. Ends with an error for everything that it cannot or will not decode. Imports nothing of the server.
"""

import os
import resource
import sys
import warnings
from typing import Final

MEMORY_BYTES: Final = 1 << 30
CPU_S: Final = 15
THUMBNAIL_MAX_BYTES: Final = 1 << 20
PIXELS_MAX: Final = 64_000_000
"""More than most cameras take; four bytes each is what decoding needs."""
_FORMATS: Final = ("PNG", "JPEG", "GIF", "WEBP")
_QUALITY: Final = 80


def confine() -> None:
    """Give up whatever the work does not need."""
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_S),
        (resource.RLIMIT_FSIZE, THUMBNAIL_MAX_BYTES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 32),
        (resource.RLIMIT_NPROC, 0),
    ):
        resource.setrlimit(limit, (value, value))
    os.nice(10)


def shrink(source: str, thumbnail: str, side: int) -> tuple[str, int, int]:
    """Write the thumbnail; format, width and height as shown. Raises whatever the decoder raises."""
    from PIL import Image, ImageOps  # noqa: PLC0415 - nothing is loaded before the limits hold

    warnings.simplefilter("error")
    Image.MAX_IMAGE_PIXELS = PIXELS_MAX
    with Image.open(source, formats=_FORMATS) as image:
        name, (width, height) = str(image.format), image.size
        if width * height > PIXELS_MAX:
            raise ValueError("too many pixels")
        turned = image.getexif().get(0x0112, 1) in {5, 6, 7, 8}
        image.draft("RGB", (2 * side, 2 * side))
        image.load()
        mode = "RGBA" if image.mode in {"P", "PA", "LA", "RGBA", "La"} else "RGB"
        small = image.convert(mode)
        small.thumbnail((side, side), reducing_gap=2.0)
        small.getexif()[0x0112] = image.getexif().get(0x0112, 1)
        upright = ImageOps.exif_transpose(small)
        clean = Image.new(mode, upright.size)
        clean.paste(upright)
        clean.save(thumbnail, "WEBP", quality=_QUALITY, method=4)
    return name, *((height, width) if turned else (width, height))


def main() -> int:
    """Do the work that the arguments name."""
    confine()
    source, thumbnail, side = sys.argv[1:]
    try:
        name, width, height = shrink(source, thumbnail, int(side))
    except Exception:
        return 1
    sys.stdout.write(f"{name} {width} {height}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
