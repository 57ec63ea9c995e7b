"""`python -m rushlight.cli` is the command `rushlight`."""

import sys

from . import main

sys.exit(main())
