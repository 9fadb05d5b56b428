"""A program of the sealing test: forks writers that each insert audit records into one database file.

Usage: python write_audit.py DATABASE WRITERS EACH, with CAISO_DATA and DJANGO_SETTINGS_MODULE set.
"""

import os
import sys

import django


def write(number: int, each: int) -> None:
    from django.db import transaction
    from django.utils import timezone

    from caiso.web.base.services.audit import Subject, record

    for turn in range(each):
        with transaction.atomic():
            record(actor=None, verb="thing.add", subject=Subject("Thing", f"{number}-{turn}"), now=timezone.now())


def main(database: str, writers: int, each: int) -> int:
    django.setup()
    from django.db import connection

    connection.settings_dict["NAME"] = database
    children = []
    for number in range(writers):
        child = os.fork()
        if child == 0:
            write(number, each)
            os._exit(0)
        children.append(child)
    return sum(os.waitpid(child, 0)[1] for child in children)


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])) else 0)
