"""The class card is true whenever it was opened."""

from tests.play import Stage


async def test_a_class_card_opened_before_the_ask_follows_the_morning(stage: Stage) -> None:
    await stage.opens_school("en")
    await stage.joined("Tina")
    wang = await stage.joined("Mr Wang")
    await stage.at("06:00")
    await stage.says(wang, "/class")
    card_id = (await stage.chat(wang))[-1]["id"]

    async def shown() -> str:
        chat = await stage.chat(wang)
        return next(message["text"] for message in chat if message["id"] == card_id)

    await stage.at("06:30")
    assert "Silent: Tom" in await shown()


async def test_the_class_card_says_that_the_check_in_is_closed(stage: Stage) -> None:
    await stage.opens_school("en")
    await stage.joined("Tina")
    sun, wang = await stage.joined("Ms Sun"), await stage.joined("Mr Wang")
    assert sun
    await stage.at("06:30")
    await stage.says(wang, "/class")
    await stage.at("08:00")
    assert "closed" in (await stage.chat(wang))[-1]["text"]
