"""``python -m jpegdomain.codec warm``: compile ahead of the first use, the codec and all else that is compiled."""

import argparse

from jpegdomain.compiled import compiled_entry, families


def main() -> None:
    """Compile every kernel of the library, or load them if that has been done."""
    parser = argparse.ArgumentParser(prog="python -m jpegdomain.codec", description="The library's compiled code.")
    parser.add_argument("command", choices=["warm"], help="compile everything ahead of its first use")
    parser.parse_args()
    for family in families():
        for entry in family.entries:
            compiled_entry(entry)
    names = ", ".join(family.name for family in families())
    print(f"jpegdomain: compiled and kept: {names}")


if __name__ == "__main__":
    main()
