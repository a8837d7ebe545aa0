"""``python -m deploy.backup``."""

import sys

from deploy.backup.command import main

sys.exit(main(sys.argv[1:]))
