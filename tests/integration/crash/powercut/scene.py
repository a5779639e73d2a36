"""A recorded server, and servers started on what a power cut leaves of it."""
import os
import random

from support.server import Server, free_port

from . import disk
from .recording import Recorder, Recording


class Scene:
    """Real configuration, one share, audit lines in clear; images stand where its own files stood."""

    def __init__(self, directory, seed):
        directory.mkdir()
        self.random = random.Random(seed)
        self.server = Server(dev=False)
        self.roots = [self.server.store.parent, self.server.audit_directory]
        self.recorder = Recorder(directory, self.roots)
        self.recorder.prepare(self.server)

    def begin(self):
        """Start, initialise, mount and audit, recorded."""
        server = self.server
        server.start()
        self.init_end = self.recorder.position()
        server.mount_ssh(default_lease_ttl='24h').write_role()  # however long it takes to go through the images
        self.audit = server.enable_audit(log_raw='true')
        self.setup_end = self.recorder.position()

    def end(self):
        """Stop, and make events of the positions."""
        assert self.server.stop() == 0, self.server.log_text()
        self.server.environment = {}
        self.secrets = self.server.keys, self.server.token
        self.recording = Recording(self.recorder.log, self.roots)
        self.init_end, self.setup_end = self.recording.at(self.init_end), self.recording.at(self.setup_end)
        hidden = {path for path in self.recording.names_of('M') if not path.endswith('-shm')}
        assert not hidden, f'written through memory, which the record does not show: {hidden}'

    def start_on(self, cut, kind):
        """A server on an image; unsealed."""
        if self.server.process.poll() is None:
            self.server.kill()  # of the image before, if nobody has stopped it
        for root in self.roots:
            for path in root.iterdir():
                path.unlink()
        for path, data, written in disk.build(self.recording, cut, kind, self.random):
            with open(path, 'wb') as file:
                file.write(data)
            os.chmod(path, 0o600)
            os.utime(path, (written, written))
        server = self.server
        server.log.write_text('')
        server.port = free_port()  # the old one may be somebody else's by now
        server.keys, server.token = self.secrets
        server.start(unseal=False)
        initialized = server.api(token=None).get('sys/init').json['initialized']
        assert initialized or cut < self.init_end, 'what init answered is lost'
        server.init_and_unseal()
