"""``python -m jpegdomain`` runs the command of `jpegdomain.command`."""

from jpegdomain.command import main

if __name__ == "__main__":
    main()
