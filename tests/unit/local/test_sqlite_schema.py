"""A new journal file is made once, however many open it at the same time."""

import threading
from contextlib import closing

from ee_core.local.sqlite_schema import open_for_writing, read_store_id


def open_together(path, count):
    """Open a file in several threads at once; return the store's name as each of them sees it."""
    barrier = threading.Barrier(count)
    names = []

    def open_one(number):
        barrier.wait(timeout=10)
        with closing(open_for_writing(path, store_id=f"made-by-{number}", busy_timeout_s=5)) as database:
            names.append(read_store_id(database))

    threads = [threading.Thread(target=open_one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return names


def test_all_who_open_a_new_file_at_once_find_one_store(tmp_path):
    for attempt in range(20):
        names = open_together(tmp_path / f"{attempt}.db", 6)

        assert len(names) == 6
        assert len(set(names)) == 1
