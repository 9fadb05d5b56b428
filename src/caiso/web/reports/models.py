"""The figures of each day, so that the posture page can say where they are going."""

from typing import ClassVar

from django.db import models


class PostureFigure(models.Model):
    """One figure of one unit on one day: a part of a whole, such as covered duties of all duties."""

    class Figure(models.TextChoices):
        """What is counted."""

        SYSTEMS = "systems", "AI systems with an owner"
        DUTIES = "duties", "AI security duties covered"
        CONTROLS = "controls", "Controls effective"
        TECHNIQUES = "techniques", "Techniques that would be seen"
        ALERTS = "alerts", "Open alerts, high or critical of all"
        INCIDENTS = "incidents", "Open incidents, critical of all"

    on = models.DateField()
    unit = models.ForeignKey("base.Unit", on_delete=models.CASCADE, related_name="+")
    figure = models.CharField(max_length=12, choices=Figure.choices)
    part = models.PositiveIntegerField()
    whole = models.PositiveIntegerField()

    class Meta:
        ordering: ClassVar = ["on", "figure"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["figure", "on", "unit"], name="one_figure_per_day_and_unit")
        ]

    def __str__(self) -> str:
        return f"{self.get_figure_display()} on {self.on}: {self.part} of {self.whole}"
