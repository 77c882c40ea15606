"""``python -m jpegdomain``: the command, see `jpegdomain.command`."""

from jpegdomain.command import main

if __name__ == "__main__":
    main()
