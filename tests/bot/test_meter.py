from bot.meter import Meter


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_pace_is_measured_each_quarter_of_a_minute_and_no_pause_is_slowness() -> None:
    time = Time()
    meter = Meter(time)
    time.now += 3600  # a night
    for _ in range(300):
        meter.sent()
        time.now += 0.04
    assert meter.pace() is None  # twelve seconds
    for _ in range(100):
        meter.sent()
        time.now += 0.04
    pace = meter.pace()
    assert pace is not None
    assert 24 < pace < 26
    assert meter.pace() is None
    time.now += 60
    assert meter.pace() is None  # nothing was sent
