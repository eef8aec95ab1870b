"""Process that takes a share of a core and does nothing with it.

    python -m bench.support.busy SHARE SECONDS

SECONDS: from the start of a piece of work to the next. To tell what another process costs its
neighbours by what it does from what it costs them by being there.
"""

import json
import sys
import threading
import time


def main() -> None:
    share, apart_s = float(sys.argv[1]), float(sys.argv[2])
    ended = threading.Event()

    def wait_for_end() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait_for_end, daemon=True).start()
    print(json.dumps({"busy": share}), flush=True)
    began, spent_s = time.monotonic(), time.thread_time()
    turn = 0
    while not ended.is_set():
        turn += 1
        while time.thread_time() - spent_s < turn * share * apart_s:
            pass
        ended.wait(max(0.0, began + turn * apart_s - time.monotonic()))


if __name__ == "__main__":
    main()
