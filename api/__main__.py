"""``python -m api``: serve the HTTP API until SIGTERM or Ctrl-C."""

from connectors.aio.quick_start import imports

with imports():
    from api.app import main

if __name__ == "__main__":
    main()
