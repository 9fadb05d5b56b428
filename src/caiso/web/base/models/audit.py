"""The audit trail: rows written unsealed inside the business transaction, then sealed in order by one sealer."""

from typing import ClassVar

from django.db import models

from caiso.web.base.textindex import TextIndex


class AuditRecord(models.Model):
    """Who did what to which record, when, with the values before and after."""

    at = models.DateTimeField(db_index=True)
    actor = models.ForeignKey(
        "base.User", null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    actor_label = models.CharField(max_length=200)
    verb = models.CharField(max_length=60)
    subject_type = models.CharField(max_length=60)
    subject_id = models.CharField(max_length=80)
    subject_label = models.CharField(max_length=300, blank=True)
    unit = models.ForeignKey("base.Unit", null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    # {"field": [before, after]}; may be erased (set to null) without breaking the chain, which covers only the digest.
    changes = models.JSONField(null=True)
    changes_digest = models.CharField(max_length=64)
    salt = models.CharField(max_length=32)
    # True when the values were erased on request; the erasure is itself a record of the chain.
    is_erased = models.BooleanField(default=False)
    sequence = models.BigIntegerField(null=True, unique=True)
    seal = models.CharField(max_length=64, blank=True)

    text_index: ClassVar = TextIndex("base_auditrecord", ("actor_label", "verb", "subject_label"))

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["subject_type", "subject_id", "id"]),
            models.Index(
                fields=["subject_type", "-id", "unit"]
            ),  # the newest of a kind, asked each second by open pages
            # The trail in the order of other columns: a sort of all rows would read the whole table first.
            models.Index(fields=["actor_label", "id", "unit"], name="audit_by_actor"),
            models.Index(fields=["verb", "id", "unit"], name="audit_by_verb"),
            models.Index(fields=["subject_label", "id", "unit"], name="audit_by_subject"),
            models.Index(fields=["sequence"], name="audit_unsealed", condition=models.Q(sequence=None)),
        ]

    def __str__(self) -> str:
        return f"{self.actor_label} {self.verb} {self.subject_type} {self.subject_id}"


class AuditSeal(models.Model):
    """The head of the chain; one row, and the same value goes to the anchor file outside the database."""

    sequence = models.BigIntegerField()
    seal = models.CharField(max_length=64)
    sealed_at = models.DateTimeField()
    # The last line that the anchor file must hold, and the one before it: a crash between the commit and the
    # append leaves the file one line behind, which the next round repairs; any other difference is tampering.
    anchor_line = models.BigIntegerField(default=0)
    anchor_mark = models.CharField(max_length=64, blank=True)
    anchor_before = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return f"{self.sequence}:{self.seal}"


class AuditVerification(models.Model):
    """One run of the chain's verification."""

    verified_at = models.DateTimeField(db_index=True)
    ok = models.BooleanField()
    records = models.BigIntegerField()
    finding = models.CharField(max_length=500, blank=True)

    def __str__(self) -> str:
        return f"{self.verified_at:%Y-%m-%d %H:%M} {'ok' if self.ok else self.finding}"
