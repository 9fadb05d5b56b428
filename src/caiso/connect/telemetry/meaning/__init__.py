"""What attributes and messages mean, behind ``normalise``: names, chat messages, content carriers and tool impact."""
