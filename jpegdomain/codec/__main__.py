"""``python -m jpegdomain.codec warm``: compile ahead of the first use."""

import argparse
from typing import get_args

from .compiling import Entry, compiled_entry


def main() -> None:
    """Compile decoders and writer, or load them if that has been done."""
    parser = argparse.ArgumentParser(prog="python -m jpegdomain.codec", description="The JPEG codec's compiled code.")
    parser.add_argument("command", choices=["warm"], help="compile decoders and writer ahead of their first use")
    parser.parse_args()
    for name in get_args(Entry):
        compiled_entry(name)
    print("jpegdomain: the JPEG decoders and the writer are compiled")


if __name__ == "__main__":
    main()
