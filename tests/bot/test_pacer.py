from bot.pacer import Pacer


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_bulk_is_held_just_under_the_rate_after_a_short_burst() -> None:
    time = Time()
    pacer = Pacer(20, burst=8, clock=time)
    for _ in range(8):
        assert pacer.bulk_wait() == 0
        pacer.spend()
    assert 0 < pacer.bulk_wait() <= 1 / 20


async def test_a_reply_goes_in_the_middle_of_the_bulk() -> None:
    time = Time()
    pacer = Pacer(20, burst=8, clock=time)
    for _ in range(8):
        pacer.spend()
    assert pacer.bulk_wait() > 0
    assert pacer.reply_wait() == 0


async def test_after_a_429_bulk_rests_exactly_as_long_as_said_and_replies_trickle() -> None:
    time = Time()
    pacer = Pacer(20, burst=8, clock=time)
    pacer.rest(30)
    assert pacer.bulk_wait() == 30
    assert pacer.reply_wait() == 0
    pacer.spend()
    assert pacer.reply_wait() == 1
    time.now += 1
    assert pacer.reply_wait() == 0
    pacer.rest(5)  # a shorter one does not end a longer one
    assert pacer.resting == 29
    time.now += 29
    assert pacer.resting == 0
    assert pacer.bulk_wait() == 0


async def test_bulk_does_not_wait_out_a_rest_in_line_but_says_so() -> None:
    pacer = Pacer(20)
    pacer.rest(3600)
    assert await pacer.turn(bulk=True) is False
    assert await pacer.turn(bulk=False) is True
