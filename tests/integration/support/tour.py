"""What a client is shown around with: a server over TLS, and who may come to log in."""
import pathlib

from .certs import Certs
from .cluster import REVIEWER, Cluster, pod_token
from .keys import SshKey
from .pki import Cert
from .server import Server
from .standin import Certificate
from .tokens import Key, claims


class Tour:
    """A server that is not started yet, an issuer of tokens, a cluster, a certificate and a key for SSH."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.tls = Certs(directory)
        self.server = Server(dev=False, tls=self.tls, shares=(3, 2))
        self.issuer = Key('ES256', kid='ci')
        self.authority = Cert('tour root', ca=True)
        self.alice = self.authority.make('alice')
        self.alice_cert = self.file('alice.crt', self.alice.pem)
        self.alice_key = self.file('alice.key', self.alice.key_pem)
        self.cluster_tls = Certificate(self.directory, stem='cluster')
        self.cluster = Cluster(self.cluster_tls)
        self.pod = self.cluster.knows(pod_token())
        self.ssh_key = SshKey(self.directory, 'id_tour')

    def file(self, name, text):
        path = self.directory / name
        path.write_text(text)
        path.chmod(0o600)
        return str(path)

    @property
    def address(self):
        return self.server.address

    def job(self, **more):
        """What a job of a pipeline has in its hand."""
        return self.issuer.sign(claims(**more))

    def kubernetes(self):
        """The configuration of the method for this cluster."""
        return {'kubernetes_host': self.cluster.address, 'kubernetes_ca_cert': pathlib.Path(self.cluster_tls.ca).read_text(),
                'token_reviewer_jwt': REVIEWER}

    def clean(self):
        self.server.clean()
        self.cluster.__exit__()
