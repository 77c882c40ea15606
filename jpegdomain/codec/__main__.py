"""``python -m jpegdomain.codec warm``, the earlier form of ``jpegdomain warm``."""

import argparse

from jpegdomain.compiled import kernel_packages


def main() -> None:
    """Compile every kernel of the library, or load the kernels if that has already been done."""
    parser = argparse.ArgumentParser(prog="python -m jpegdomain.codec", description="The library's compiled code.")
    parser.add_argument("command", choices=["warm"], help="compile everything ahead of its first use")
    parser.parse_args()
    for package in kernel_packages():
        for function in package.functions:
            function.load()
    names = ", ".join(package.name for package in kernel_packages())
    print(f"jpegdomain: compiled and kept: {names}")


if __name__ == "__main__":
    main()
