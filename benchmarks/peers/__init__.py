"""The peers: other ways of making the same calls, each as its library is meant to be used.

They say the same words with the same buttons as our morning's card (`words`), to as many chats.
None of them knows who answers for whom, or whether a card was sent before it was killed.
"""
