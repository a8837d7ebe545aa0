"""``python -m streams <role> …``"""

import sys

from connectors.aio.quick_start import imports

with imports():
    from streams.app import main

sys.exit(main())
