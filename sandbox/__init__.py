"""A local Bot API server with a chat page; it imports nothing of Allclear's."""
