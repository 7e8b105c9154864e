"""`python -m worker` is `postback-worker`."""

from worker.cli import main

if __name__ == "__main__":
    main()
