"""The normaliser for many spans at once: what nearly all senders send, column by column; the rest goes one by one.

Nothing is imported here: whoever only reads texts (``revealing``) needs no decoder.
"""
