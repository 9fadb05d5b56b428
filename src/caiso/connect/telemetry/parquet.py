"""Parquet files without the file systems of clouds: their libraries take 8 MB of each process, and our files lie on a disk."""

from caiso.memory import without

with without("pyarrow._azurefs", "pyarrow._gcsfs", "pyarrow._hdfs", "pyarrow._s3fs"):
    import pyarrow.parquet as pq

__all__ = ["pq"]
