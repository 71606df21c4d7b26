//! How a worker process is started, and what it may do.
