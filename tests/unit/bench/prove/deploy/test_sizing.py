"""What the lines of the sizing model compare."""

from bench.prove.deploy.sizing import AIMS, THREE
from deploy.sizing.model import log_bytes, redis_bytes


def test_the_model_is_near_what_was_measured_once() -> None:
    """11,701 bytes in the log and 1,000 to 1,200 in Redis, a run of three functions."""
    assert 0.9 < log_bytes(THREE) / 11_701 < 1.1
    assert 0.9 < redis_bytes(THREE) / 3_600 / 1_100 < 1.1
    assert {aim.name for aim in AIMS if aim.floor} == {"sizing_log_bytes_off", "sizing_redis_bytes_off"}
