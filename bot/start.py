"""The command `allclear`: the program is read in without a look for garbage, for it makes none."""

from bot.garbage import seldom


def main() -> None:
    """Run the command line."""
    seldom()
    from bot.command_line import app  # noqa: PLC0415 - this is what takes the time

    app()


if __name__ == "__main__":
    main()
