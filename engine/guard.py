"""When a run may not be applied, or not without a person: refusals and holds. Both are judged on figures, which the verdict names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import RefuseRun
from engine.run import Problem

if TYPE_CHECKING:
    from engine.feed import GuardLimits
    from engine.figures import Figures


def refuse_unusable(limits: GuardLimits, *, read: int, rejected: int, skipped: int, reasons: dict[str, int]) -> None:
    """Raise `RefuseRun` when nothing valid was read, or when too many records were rejected (API, section 5).

    `reasons` counts rejects by reason; the message names the most frequent one, because its cure is usually the cure of all.
    Fewer than `minItems` records are exempt from the ratio, but not from having a valid one among them.
    """
    valid = read - rejected - skipped
    frequent = max(reasons, key=lambda reason: reasons[reason], default="")
    most = f"; most often: {frequent} ({reasons[frequent]} times)" if frequent else ""
    if valid == 0:
        raise RefuseRun(f"no valid record among {read} read ({rejected} rejected, {skipped} skipped): nothing was applied{most}")
    counted = read - skipped
    if counted >= limits.min_items and rejected > limits.max_reject_ratio * counted:
        raise RefuseRun(
            f"{rejected} of {counted} records were rejected, more than guard.maxRejectRatio allows "
            f"({limits.max_reject_ratio:.0%}): nothing was applied{most}"
        )


def refuse_unknown_sums(keyless: int) -> None:
    """Raise `RefuseRun` when records whose stock belongs to some sum were rejected and nobody knows to which.

    Of a rejected record with a readable key, that key's sum alone is unknown, and the sink leaves the stock that is stored.
    """
    if keyless:
        raise RefuseRun(
            f"{keyless} of the rejected records have no readable key, and the feed has duplicateKeys=sum: the stock of one item or "
            "another would lack them; nothing was applied: correct the source, whose rejects feedmill rejects shows"
        )


def judge(limits: GuardLimits, figures: Figures) -> tuple[Problem, ...]:
    """Return why a run is to be held until a person decides, nothing where it may be applied (API, section 5)."""
    return ()
