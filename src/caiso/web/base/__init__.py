"""People, permissions, audit trail, jobs, shared page parts; nothing about AI or risk."""
