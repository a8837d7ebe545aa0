"""``python -m streams <role> …``"""

import sys

from streams.app import main

sys.exit(main())
