"""The command `rushlight`: one file a subcommand, loaded only when it is called."""

import argparse
import importlib
import os
import sys

COMMANDS = {
    "run": "run a PyTorch script, unchanged, on Rushlight",
    "inspect": "show what a checkpoint holds, without running anything from it",
    "convert": "write a checkpoint in another format",
    "diff": "compare two checkpoints",
    "scan": "list what a checkpoint's pickle would import and call",
    "devices": "list the devices that programs can use here",
}


def main(argv: list[str] | None = None) -> int:
    """Runs one subcommand and returns the exit status of the process."""
    words = sys.argv[1:] if argv is None else argv
    chosen = next((word for word in words if not word.startswith("-")), None)
    parser = argparse.ArgumentParser(
        prog="rushlight",
        description="The PyTorch programming model on NumPy.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="commands:\n"
        + "\n".join(f"  {name:<9} {text}" for name, text in COMMANDS.items())
        + "\n\n`rushlight COMMAND --help` explains one.",
    )
    parser.add_argument("--version", action="store_true", help="print the version and stop")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", help=argparse.SUPPRESS)
    if chosen in COMMANDS:
        module = importlib.import_module(f"{__name__}.{chosen}")
        module.register(commands)
        try:
            status = module.main(parser.parse_args(words)) or 0
            sys.stdout.flush()
        except BrokenPipeError:  # whoever reads has seen enough; nothing is left to say at the end
            if chosen == "run":
                raise
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            status = 1
        return status
    for name in COMMANDS:  # so that a mistyped command is answered with the list of all
        commands.add_parser(name)
    if parser.parse_args(words).version:
        version = importlib.import_module("..version", __name__)
        print(f"rushlight {version.rushlight} (as PyTorch {version.matches})")
    else:
        parser.print_help()
    return 0
