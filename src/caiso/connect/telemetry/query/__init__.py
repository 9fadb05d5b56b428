"""Questions in SQL over the events that somebody may see, answered in a process that can reach nothing else.

Four walls, each enough by itself: the statement is parsed and only known parts of it are let through (``guard``); the
data set is filtered below DuckDB, so that no SQL reaches other units' events (``dataset``); DuckDB's file access,
replacement scans and settings are locked; and the process gives up files and network as far as the kernel lets it
(``cage``), within bounds of time, memory and result.
"""
