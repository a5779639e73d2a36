"""One call of outbound (tests/support/outbound_call.c), its arguments and its answer as it prints them."""
import json
import subprocess

from .build import BUILD
from .patience import PATIENCE_S

PROGRAM = BUILD / 'tests' / 'support' / 'outbound_call'

# enum outbound_ssh_end
DONE, NO_CONNECTION, NO_AGREEMENT, HOST_KEY, REFUSED, STEP, LOST, LATE = range(8)
# enum outbound_host_key_policy
STRICT, TOFU, ANY = range(3)


def call(**arguments):
    done = subprocess.run([str(PROGRAM)], input=json.dumps(arguments), capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done
    return json.loads(done.stdout)
