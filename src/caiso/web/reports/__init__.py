"""The posture page, the demo organisation and board reports: reads everything, owns little."""
