"""The command line: parses, calls the verb, draws progress. The only room that prints."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from cyclopts import CycloptsError

from skysure.errors import InputError

from .boundary import shows_tracebacks, unforeseen
from .commands import COMMANDS, app
from .showing import say

RESUMABLE = ("train", "predict")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit status: 0, 1 for wrong input, 2 for wrong usage, 130 if interrupted."""
    tokens = list(sys.argv[1:] if argv is None else argv)
    os.environ["MPLBACKEND"] = "agg"  # figures go to files; a notebook names a backend that is not installed here
    try:
        result = app(tokens)(tokens, exit_on_error=False, print_error=False)
        return result if isinstance(result, int) else 0
    except InputError as error:
        say(str(error))
        return error.status
    except CycloptsError as error:
        command = f" {tokens[0]}" if tokens and tokens[0] in COMMANDS else ""
        say(str(InputError(str(error), fix=f"skysure{command} --help")))
        return 2
    except KeyboardInterrupt:
        fix = "the same command with --resume continues" if tokens[:1] and tokens[0] in RESUMABLE else ""
        say(str(InputError("interrupted", fix=fix)))
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except Exception as error:  # the one place for what no check foresaw
        if shows_tracebacks():
            raise
        say(str(unforeseen(error)))
        return 1
