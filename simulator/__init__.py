"""A town that plays itself: what families do, and what must then be true; nothing of ours."""
