"""`chatserver vacuum`: unused space of the database's files goes back to the disk, while nobody serves it."""

import argparse
import json
import shutil
import sys

from chatserver import backends, config
from chatserver.cli.exits import Exit, fail, say
from chatserver.store.errors import StoreUnusableError

_MIB = 1_048_576
_RESERVE_BYTES = 64 * _MIB


def vacuum(arguments: argparse.Namespace) -> int:
    """Write the files anew without what is unused in them."""
    try:
        settings = config.load({"data": arguments.data}, file=arguments.config)
        with backends.unserved(settings.data) as store:
            before = store.size
            needed, free = 2 * before + _RESERVE_BYTES, shutil.disk_usage(settings.data).free
            if free < needed:
                return fail(
                    Exit.STORAGE,
                    f"{needed // _MIB:,} MiB are needed beside the database and {free // _MIB:,} are free. Nothing was "
                    "changed. Free some space first; unused space of the file is used for new messages meanwhile.",
                )
            store.vacuum()
            after = store.size
    except config.ConfigError as error:
        return fail(Exit.CONFIG, error)
    except StoreUnusableError as error:
        return fail(Exit.STORAGE, error)
    if arguments.json:
        sys.stdout.write(json.dumps({"before": before, "after": after}) + "\n")
    say(f"The database has {after / _MIB:,.1f} MiB; it had {before / _MIB:,.1f}.")
    return Exit.OK
