"""`python -m rushlight` is the command `rushlight`."""

import sys

from .cli import main

sys.exit(main())
