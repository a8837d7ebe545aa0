"""Packages that are built from source are packages of the images, each with a reason."""

from deploy.audit.wheels import FROM_SOURCE, lines


def test_exceptions_are_lines_of_the_images_locks() -> None:
    assert set(FROM_SOURCE) <= {one.normal_name for one in lines()}
    assert all(len(reason) > 20 for reason in FROM_SOURCE.values())
