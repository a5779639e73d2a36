"""Where the programs under test are."""
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get('SALLYPORT_BUILD', ROOT))

SERVER = BUILD / 'server' / 'sallyportd'
CLI = BUILD / 'client' / 'sallyport'
HELPER = BUILD / 'helper' / 'sallyport-helper'
MODULE = BUILD / 'helper' / '.libs' / 'pam_sallyport.so'
TEST_SSHD = ROOT / 'tools' / 'test-sshd'
