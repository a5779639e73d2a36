import pytest

from support.tour import Tour


@pytest.fixture(scope='module')
def tour(tmp_path_factory):
    one = Tour(tmp_path_factory.mktemp('tour'))
    yield one
    one.clean()


@pytest.fixture(scope='module')
def started(tour):
    """The same, with its server up and unsealed."""
    tour.server.start()
    return tour
