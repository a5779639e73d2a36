"""A server whose wall clock is off (libfaketime)."""
import pathlib

from .server import Server

LIBRARY = next(iter(pathlib.Path('/usr/lib').glob('*/faketime/libfaketimeMT.so.1')), None)


class Clocked(Server):
    """Its wall clock is the machine's and an offset that the test sets."""

    def __init__(self, **more):
        super().__init__(**more)
        self.offset = self.directory / 'offset'
        self.set_clock(0)
        # Without the last one every timed wait of the server ends at once, and it spins.
        self.environment = {'LD_PRELOAD': str(LIBRARY), 'FAKETIME_TIMESTAMP_FILE': str(self.offset),
                            'FAKETIME_NO_CACHE': '1', 'DONT_FAKE_MONOTONIC': '1', 'FAKETIME_DONT_FAKE_MONOTONIC': '1',
                            'FAKETIME_FORCE_MONOTONIC_FIX': '0'}

    def set_clock(self, offset_s):
        new = self.offset.with_suffix('.new')
        new.write_text(f'{offset_s:+d}\n')
        new.rename(self.offset)

    def health_time(self):
        return self.api(token=None).get('sys/health').json['server_time_utc']
