"""``python -m api``: serve the HTTP API until SIGTERM or Ctrl-C."""

from api.app import main

if __name__ == "__main__":
    main()
